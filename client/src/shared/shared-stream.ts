// One stream for all tabs of an origin: the parts of the browser (lock, channel, timer, connection) around `Member`,
// which decides.

import { deliver, type Iteration } from '../delivery.ts'
import { createEventQueue, type EventQueue } from '../event-queue.ts'
import { connect, type EventStream } from '../event-stream.ts'
import { tell } from '../handlers.ts'
import { readOptions } from '../option-checks.ts'
import type { ConnectOptions } from '../options.ts'
import { asStreamError, type StreamError } from '../stream-error.ts'
import { TIMER_MAX_MS } from '../waiting.ts'
import { errorOf, failureOf } from './failure.ts'
import { LeaderLock } from './leader-lock.ts'
import { Member } from './member.ts'
import type { TabLimits } from './member-parts.ts'
import type { Entry, Failure, LeaderState, Message } from './messages.ts'
import { watchPageLife } from './page-life.ts'
import { TabChannel } from './tab-channel.ts'

const TICK_MS = 1_000
/** A timer that is this late does not count for the moment. */
const LATE_MS = 2 * TICK_MS
/** A page that is kept, or frozen, has no timers. One that still has them was not left. */
const STOPPED_TICKS_MAX = 30
/** A log of a few thousand small events; 8 MiB on the way to a page that is frozen; 64 tabs besides the leading one. */
const LIMITS: TabLimits = { logUnitsMax: 262_144, unitsAheadMax: 4_194_304, followersMax: 64 }

export class SharedStream implements EventStream {
  readonly url: string
  readonly closed: Promise<StreamError | null>
  readonly #options: ConnectOptions
  readonly #queue: EventQueue
  readonly #iterate: () => Iteration
  readonly #member: Member
  readonly #openChannel: () => TabChannel
  #channel: TabChannel
  readonly #lock: LeaderLock
  readonly #timer: ReturnType<typeof setInterval>
  #tickedAtMs = performance.now()
  #stoppedTicks = 0
  /** A turn of the event loop that a hidden page is not made to wait for, as it is for timers. */
  readonly #turns = new MessageChannel()
  readonly #closing = new AbortController()
  readonly #closeOnAbort = (): void => this.close()
  #flush: (() => void) | null = null
  #resolveClosed: (error: StreamError | null) => void = () => {}
  /** The connection of this tab. */
  #own: EventStream | null = null
  #told: LeaderState = { state: 'connecting', reason: '' }
  #challenges: boolean

  constructor(url: string, name: string, options: ConnectOptions) {
    this.url = url
    this.#options = options
    this.#challenges = options.challenges ?? true
    const id = crypto.randomUUID()
    const { lastEventId, readAheadMax } = readOptions(options)
    this.#queue = createEventQueue(lastEventId, readAheadMax)
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    this.#iterate = deliver(this.#queue, options.onEvent, this.closed, () => this.close())
    this.#openChannel = () => new TabChannel(name, id, (message) => this.#receive(message))
    this.#channel = this.#openChannel()
    this.#lock = new LeaderLock({
      name,
      elected: () => this.#member.elected(),
      deposed: () => this.#member.deposed(),
      refused: () => this.#member.isolated(),
    })
    this.#member = new Member({
      limits: LIMITS,
      id,
      lastEventId,
      post: (to, message) => this.#channel.post(to, message),
      deliver: (entry) => this.#deliver(entry),
      isFull: () => this.#queue.isFull(),
      open: (at) => this.#open(at),
      shut: () => this.#shut(),
      // A handler may close the stream while the member is at work.
      stand: (steal) => {
        if (this.state !== 'closed') this.#lock.stand(steal)
      },
      resign: () => this.#lock.resign(),
      retry: () => this.#own?.retryNow(),
      failed: (failure) => this.#failed(failure),
      changed: () => this.#changed(),
      soon: (flush) => this.#soon(flush),
    })
    this.#turns.port1.onmessage = () => this.#flush?.()
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    options.signal?.addEventListener('abort', this.#closeOnAbort, { once: true })
    watchPageLife(
      this.#closing.signal,
      () => this.#stop(),
      () => this.#goOn(),
    )
    // Later, because the caller's handlers may refer to the stream that this constructor returns.
    queueMicrotask(() => {
      if (options.signal?.aborted) this.close()
      else if (this.state !== 'closed') this.#member.start()
    })
  }

  get state() {
    return this.#told.state
  }

  get reason(): string {
    return this.#told.reason
  }

  get lastEventId(): string {
    return this.#queue.position()
  }

  get challenges(): boolean {
    return this.#challenges
  }

  set challenges(isWanted: boolean) {
    this.#challenges = isWanted
    if (this.#own !== null) this.#own.challenges = isWanted
  }

  retryNow(): void {
    this.#goOn()
    this.#member.retryNow()
  }

  close(): void {
    this.#finish(null)
  }

  [Symbol.asyncIterator](): Iteration {
    return this.#iterate()
  }

  #open(lastEventId: string): void {
    const { signal, onEvent, ...options } = this.#options
    const own = connect(this.url, {
      ...options,
      lastEventId,
      challenges: this.#challenges,
      onState: (change) => {
        if (this.#own === own && change.state !== 'closed') this.#member.ownChanged(change)
      },
      onError: (failure) => {
        tell(options.onError, failure)
        if (this.#own === own) this.#member.ownFailed(failureOf(failure))
      },
    })
    this.#own = own
    void this.#read(own)
  }

  /** A final error comes after the last event. */
  async #read(own: EventStream): Promise<void> {
    try {
      for await (const event of own) {
        if (this.#own !== own) return
        this.#member.own(event)
        if (this.#queue.isFull()) await this.#room()
      }
    } catch (error) {
      if (this.#own === own) this.#finish(asStreamError(error))
    }
  }

  #shut(): void {
    const own = this.#own
    this.#own = null
    own?.close()
  }

  async #room(): Promise<void> {
    while (this.#queue.isFull()) await this.#queue.room(TIMER_MAX_MS)
  }

  #deliver({ id, event }: Entry): void {
    if (event === null) this.#queue.move(id)
    else this.#queue.push(event)
  }

  #stop(): void {
    this.#member.leave('stopped')
    this.#channel.close()
    this.#stoppedTicks = 0
  }

  #goOn(): void {
    if (this.#member.role !== 'stopped') return
    this.#channel = this.#openChannel()
    this.#member.goOn()
  }

  /** A hidden page may have one timer a minute, so what the others say is a clock, too. */
  #receive(message: Message): void {
    this.#member.receive(message)
    if (performance.now() - this.#tickedAtMs >= LATE_MS) this.#tick()
  }

  #tick(): void {
    this.#tickedAtMs = performance.now()
    if (++this.#stoppedTicks > STOPPED_TICKS_MAX) this.#goOn()
    if (this.#own !== null) this.#member.ownMoved(this.#own.lastEventId)
    this.#member.tick()
  }

  #soon(flush: () => void): void {
    this.#flush = flush
    this.#turns.port2.postMessage(null)
  }

  /** The error of the leading tab. It may end the leader, and not this tab, which has a getToken of its own. */
  #failed(failure: Failure): void {
    tell(this.#options.onError, { error: errorOf(failure), retryInMs: failure.retryInMs, final: false })
  }

  #changed(): void {
    if (this.#member.role !== 'closed') this.#set(this.#member.state)
  }

  #set({ state, reason }: LeaderState): void {
    if (state === this.#told.state && reason === this.#told.reason) return
    this.#told = { state, reason }
    tell(this.#options.onState, { state, reason })
  }

  #finish(error: StreamError | null): void {
    if (this.state === 'closed') return
    this.#options.signal?.removeEventListener('abort', this.#closeOnAbort)
    this.#closing.abort()
    clearInterval(this.#timer)
    this.#member.leave('closed')
    this.#channel.close()
    this.#turns.port1.close()
    this.#queue.end(error === null)
    this.#set({ state: 'closed', reason: error?.code ?? '' })
    this.#resolveClosed(error)
  }
}
