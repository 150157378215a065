// Schedules streams: parks those at the tail until the next publish, and runs the others in turns of at most `turnMs`.
// Between two turns the event loop handles connections, renewals and requests.

import type { BusView } from '../bus/bus-view.ts'
import { type Clock, SYSTEM_CLOCK } from './clock.ts'
import { Queue } from './queue.ts'
import { type Pumped, WaitingList } from './waiting-list.ts'

/** The fractions of its multiples are spread evenly over 0 to 1, for any number of them. */
const GOLDEN_RATIO = 0.618
/**
 * A turn also ends after this many bytes. HTTP/2 and TLS process them when the turn is over, about 1 ms for each MiB,
 * and block the event loop meanwhile.
 */
const TURN_BYTES = 1024 * 1024

/** Share of a turn's time and bytes for records while urgent work is left, so that neither starves. */
const BESIDE_URGENT = 0.25

/** Calls that may wait for urgent work. Further ones are made at once. */
export const AFTER_URGENT_MAX = 32_768

/** Waiting lists that are kept for reuse. A bus never has more than these woken at once. */
const SPARE_MAX = 4

interface Waiting {
  publish: WaitingList
  catchUp: WaitingList
  stopPublish: () => void
  stopCatchUp: (() => void) | null
}

/** Work that comes before records, in many small pieces: mostly deadlines. */
export interface Urgent {
  /** Does one piece; false if none is left. */
  step(nowMs: number): boolean
}

export class Pump {
  /** Length of a turn: `sse.turnMs` (docs/performance.md explains the default). Urgent work gets as much before it. */
  private readonly turnMs: number
  private readonly clock: Clock
  private readonly waiting = new Map<BusView, Waiting>()
  /** Urgent work, in order of its next turn. It comes before records, because a late deadline breaks a promise. */
  private readonly urgent = new Set<Urgent>()
  /** Calls of `afterUrgent`, in order. */
  private readonly afterwards = new Queue<() => void>()
  /** Streams, and lists of woken streams: waking a hundred thousand streams queues one list. */
  private readonly queue = new Queue<Pumped | WaitingList>()
  /** The list whose streams have their turns now. */
  private woken: WaitingList | null = null
  /** Lists for reuse. Garbage collection takes long for new lists that a hundred thousand old streams refer to. */
  private readonly spare: WaitingList[] = []
  private isScheduled = false
  /** Where in its list the last wake began, as a share of the list. */
  private rotation = 0

  constructor(turnMs: number, clock: Clock = SYSTEM_CLOCK) {
    this.turnMs = turnMs
    this.clock = clock
  }

  /** Queues a stream for a turn. A stream that is already queued keeps its place. */
  enqueue(pumped: Pumped): void {
    if (pumped.isQueued || pumped.waitsIn?.isWoken) return
    pumped.waitsIn?.leave(pumped)
    pumped.isQueued = true
    this.queue.push(pumped)
    this.schedule()
  }

  /** Does this work before everything that is queued, until none of it is left. */
  addUrgent(urgent: Urgent): void {
    this.urgent.add(urgent)
    this.schedule()
  }

  /** Calls at once, or behind all urgent work if there is any. For logging an end, which must not delay other ends. */
  afterUrgent(call: () => void): void {
    if (this.urgent.size === 0 || this.afterwards.length >= AFTER_URGENT_MAX) call()
    else this.afterwards.push(call)
  }

  /** Resolves when every call of `afterUrgent` has been made. */
  async settled(): Promise<void> {
    while (this.afterwards.length > 0) await new Promise((resolve) => setImmediate(resolve))
  }

  /** Removes an ended stream from its waiting list. In the queue it keeps its place, and has nothing to do there. */
  remove(pumped: Pumped): void {
    pumped.waitsIn?.leave(pumped)
  }

  /** Forgets a bus that no stream reads. */
  forget(bus: BusView): void {
    const waiting = this.waiting.get(bus)
    waiting?.stopPublish()
    waiting?.stopCatchUp?.()
    this.waiting.delete(bus)
  }

  close(): void {
    for (const bus of [...this.waiting.keys()]) this.forget(bus)
  }

  private schedule(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    setImmediate(this.turn)
  }

  private readonly turn = (): void => {
    this.isScheduled = false
    this.workUrgently()
    this.workThrough()
    if (this.urgent.size === 0) this.callAfterwards()
    if (this.hasQueued || this.urgent.size > 0 || this.afterwards.length > 0) this.schedule()
  }

  private get hasQueued(): boolean {
    return this.woken !== null || this.queue.length > 0
  }

  /** Work that is not finished goes behind the other urgent work, so that none starves. */
  private workUrgently(): void {
    if (this.urgent.size === 0) return
    let nowMs = this.clock.nowMs()
    const untilMs = nowMs + this.turnMs
    for (const urgent of this.urgent) {
      this.urgent.delete(urgent)
      while (nowMs <= untilMs && urgent.step(nowMs)) nowMs = this.clock.nowMs()
      if (nowMs <= untilMs) continue
      this.urgent.add(urgent)
      return
    }
  }

  private workThrough(): void {
    if (!this.hasQueued) return
    const share = this.urgent.size > 0 ? BESIDE_URGENT : 1
    const untilMs = this.clock.nowMs() + this.turnMs * share
    let bytes = 0
    do bytes += this.step(this.take())
    while (this.hasQueued && bytes < TURN_BYTES * share && this.clock.nowMs() <= untilMs)
  }

  private callAfterwards(): void {
    if (this.afterwards.length === 0) return
    const untilMs = this.clock.nowMs() + this.turnMs
    do this.afterwards.take()?.()
    while (this.afterwards.length > 0 && this.clock.nowMs() <= untilMs)
  }

  private take(): Pumped | undefined {
    const pumped = this.woken?.take()
    if (pumped !== undefined) return pumped
    this.putAside()
    const next = this.queue.take()
    if (!(next instanceof WaitingList)) return next
    this.woken = next
    return next.take()
  }

  private putAside(): void {
    if (this.woken === null) return
    this.woken.reset()
    if (this.spare.length < SPARE_MAX) this.spare.push(this.woken)
    this.woken = null
  }

  /** Returns the bytes that were written. */
  private step(pumped: Pumped | undefined): number {
    if (pumped === undefined) return 0
    pumped.isQueued = false
    const waits = pumped.work()
    if (waits === 'turn') this.enqueue(pumped)
    else if (waits !== 'call') this.wait(pumped, waits)
    return pumped.writtenBytes
  }

  private wait(pumped: Pumped, waits: 'publish' | 'catch-up'): void {
    if (pumped.waitsIn !== null || pumped.isQueued) return
    const { bus } = pumped
    const waiting = this.waitingFor(bus)
    if (waits === 'publish') waiting.publish.add(pumped)
    else {
      waiting.catchUp.add(pumped)
      waiting.stopCatchUp ??= bus.onCaughtUp(() => this.wakeCaughtUp(waiting))
    }
  }

  private waitingFor(bus: BusView): Waiting {
    const known = this.waiting.get(bus)
    if (known) return known
    const made: Waiting = {
      publish: new WaitingList(),
      catchUp: new WaitingList(),
      stopPublish: bus.onPublish(() => this.wakePublished(made)),
      stopCatchUp: null,
    }
    this.waiting.set(bus, made)
    return made
  }

  private wakePublished(waiting: Waiting): void {
    if (this.wake(waiting.publish)) waiting.publish = this.spare.pop() ?? new WaitingList()
  }

  private wakeCaughtUp(waiting: Waiting): void {
    waiting.stopCatchUp = null // the bus calls it once
    if (this.wake(waiting.catchUp)) waiting.catchUp = this.spare.pop() ?? new WaitingList()
  }

  /** False if no stream waits. */
  private wake(list: WaitingList): boolean {
    if (list.isEmpty) return false
    // Begins at another place each time, so that no stream is always last: streams return in the order of their turns.
    this.rotation = (this.rotation + GOLDEN_RATIO) % 1
    list.wake(this.rotation)
    this.queue.push(list)
    this.schedule()
    return true
  }
}
