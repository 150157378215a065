// Schedules streams: parks those at the tail until the next publish, and runs the others in turns of at most `turnMs`, so that
// between them the process takes connections, renewals and what clients send.

import type { BusView } from '../bus/bus-view.ts'
import { type Clock, SYSTEM_CLOCK } from './clock.ts'
import { Queue } from './queue.ts'
import { type Pumped, WaitingList } from './waiting-list.ts'

/** Its multiples' fractions are spread evenly, however many are taken. */
const GOLDEN_RATIO = 0.618
/**
 * Bytes after which a turn ends, too: HTTP/2 and TLS take them when it is over, a millisecond or so for each MiB, and nothing else
 * has its turn before they are done.
 */
const TURN_BYTES = 1024 * 1024

/** What is left of a turn's time and bytes for records as long as urgent work is not done: neither is to starve. */
const BESIDE_URGENT = 0.25

/** Calls that wait for urgent work. One more is made at once. */
export const AFTER_URGENT_MAX = 32_768

/** More than are ever woken at once of one bus. */
const SPARE_MAX = 4

interface Waiting {
  publish: WaitingList
  catchUp: WaitingList
  stopPublish: () => void
  stopCatchUp: (() => void) | null
}

/** Work of many small pieces that goes before records: deadlines, mostly. */
export interface Urgent {
  /** Does one piece; false where there is none left. */
  step(nowMs: number): boolean
}

export class Pump {
  /** Length of a turn: sse.turnMs, whose default docs/performance.md has measured. Urgent work has as much before. */
  private readonly turnMs: number
  private readonly clock: Clock
  private readonly waiting = new Map<BusView, Waiting>()
  /** Deadlines first: late ones are broken promises. In order of their next turn. */
  private readonly urgent = new Set<Urgent>()
  /** What tells of work that was urgent, behind all of it. In order. */
  private readonly afterwards = new Queue<() => void>()
  /** Workers, and lists of woken ones: to wake a hundred thousand is to queue one list. */
  private readonly queue = new Queue<Pumped | WaitingList>()
  /** The list whose members have their turns now. */
  private woken: WaitingList | null = null
  /**
   * Lists to be used again. New ones, to which a hundred thousand streams would point, are what garbage collection takes long for.
   */
  private readonly spare: WaitingList[] = []
  private isScheduled = false
  /** Where among those who wait the last wake began, as a share of them. */
  private rotation = 0

  constructor(turnMs: number, clock: Clock = SYSTEM_CLOCK) {
    this.turnMs = turnMs
    this.clock = clock
  }

  /** Queues for a turn; a stream that is queued already keeps its place. */
  enqueue(pumped: Pumped): void {
    if (pumped.isQueued || pumped.waitsIn?.isWoken) return
    pumped.waitsIn?.leave(pumped)
    pumped.isQueued = true
    this.queue.push(pumped)
    this.schedule()
  }

  /** Works on this before everything that is queued, until nothing of it is left. */
  hasten(urgent: Urgent): void {
    this.urgent.add(urgent)
    this.schedule()
  }

  /** Calls at once where no urgent work waits, else behind that, in turns of its own: what tells of an end must not delay others. */
  afterUrgent(call: () => void): void {
    if (this.urgent.size === 0 || this.afterwards.length >= AFTER_URGENT_MAX) call()
    else this.afterwards.push(call)
  }

  /** Resolves when all that `afterUrgent` was given has been called. */
  async settled(): Promise<void> {
    while (this.afterwards.length > 0) await new Promise((resolve) => setImmediate(resolve))
  }

  /** Forgets a stream that has ended; its place in the queue is passed over when its turn comes. */
  remove(pumped: Pumped): void {
    pumped.waitsIn?.leave(pumped)
  }

  close(): void {
    for (const { stopPublish, stopCatchUp } of this.waiting.values()) {
      stopPublish()
      stopCatchUp?.()
    }
    this.waiting.clear()
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

  /** Each kind of urgent work in its turn, so that none keeps another from its own. */
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
    waiting.stopCatchUp = null // it is told once
    if (this.wake(waiting.catchUp)) waiting.catchUp = this.spare.pop() ?? new WaitingList()
  }

  /** False where nobody waits. */
  private wake(list: WaitingList): boolean {
    if (list.isEmpty) return false
    // Begins somewhere else each time: those who wait come back in the order in which they were woken.
    this.rotation = (this.rotation + GOLDEN_RATIO) % 1
    list.wake(this.rotation)
    this.queue.push(list)
    this.schedule()
    return true
  }
}
