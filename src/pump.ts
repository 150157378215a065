// Who works when: streams that wait for their bus, and those that have something to do now. Works in turns of a fraction
// of a millisecond, so that between them the process takes connections, renewals and what clients send.

import type { BusView } from './bus-view.ts'
import { type Clock, SYSTEM_CLOCK } from './clock.ts'
import { Queue } from './queue.ts'

/** Its multiples' fractions are spread evenly, however many are taken. */
const GOLDEN_RATIO = 0.618
/**
 * Bytes after which a turn ends, too: HTTP/2 and TLS take them when it is over, a millisecond or so for each MiB, and nothing else
 * has its turn before they are done.
 */
const TURN_BYTES = 1024 * 1024

/** What a worker waits for after a piece of work: its next turn, its bus's next publish or catching up, or somebody's `enqueue`. */
export type Waits = 'turn' | 'publish' | 'catch-up' | 'call'

export interface Pumped {
  readonly bus: BusView
  /** Does one bounded piece of work. */
  work(): Waits
  /** What its last piece of work wrote. */
  readonly writtenBytes: number
  /** Those among whom it waits for its bus, null when it does not, and its place there: the pump's own. */
  idle: Idle | null
  idleAt: number
  /** Whether it is queued for a turn: the pump's own. */
  isQueued: boolean
}

/** Those who wait for one thing. */
export interface Idle {
  members: Pumped[]
}

interface Waiting {
  readonly publish: Idle
  readonly catchUp: Idle
  readonly stops: Map<Idle, () => void>
}

/** Work of many small pieces that goes before records: deadlines, mostly. */
export interface Urgent {
  /** Does one piece; false where there is none left. */
  step(nowMs: number): boolean
}

export class Pump {
  /** Length of a turn: sse.turnMs, whose default docs/performance.md has measured. Urgent work has as much besides. */
  private readonly turnMs: number
  private readonly clock: Clock
  private readonly waiting = new Map<BusView, Waiting>()
  /** Deadlines first: late ones are broken promises. In order of their next turn. */
  private readonly urgent = new Set<Urgent>()
  private readonly queue = new Queue<Pumped>()
  private isScheduled = false
  /** Where among those who wait the last wake began, as a share of them. */
  private rotation = 0

  constructor(turnMs: number, clock: Clock = SYSTEM_CLOCK) {
    this.turnMs = turnMs
    this.clock = clock
  }

  /** Queues for a turn; whoever is queued already stays where it is. */
  enqueue(pumped: Pumped): void {
    leaveIdle(pumped)
    if (pumped.isQueued) return
    pumped.isQueued = true
    this.queue.push(pumped)
    this.schedule()
  }

  /** Works on this before everything that is queued, until nothing of it is left. */
  hasten(urgent: Urgent): void {
    this.urgent.add(urgent)
    this.schedule()
  }

  /** Forgets somebody who has ended; a place in the queue is passed over when its turn comes. */
  remove(pumped: Pumped): void {
    leaveIdle(pumped)
  }

  close(): void {
    for (const { stops } of this.waiting.values()) for (const stop of stops.values()) stop()
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
    if (this.queue.length > 0 || this.urgent.size > 0) this.schedule()
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
    if (this.queue.length === 0) return
    const untilMs = this.clock.nowMs() + this.turnMs
    let bytes = 0
    do bytes += this.step(this.queue.take())
    while (this.queue.length > 0 && bytes < TURN_BYTES && this.clock.nowMs() <= untilMs)
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
    if (pumped.idle !== null || pumped.isQueued) return
    const { bus } = pumped
    const waiting = this.waitingFor(bus)
    const idle = waits === 'publish' ? waiting.publish : waiting.catchUp
    if (waits === 'catch-up' && !waiting.stops.has(idle))
      waiting.stops.set(
        idle,
        bus.onCaughtUp(() => this.wakeCaughtUp(waiting)),
      )
    pumped.idle = idle
    pumped.idleAt = idle.members.length
    idle.members.push(pumped)
  }

  private waitingFor(bus: BusView): Waiting {
    const known = this.waiting.get(bus)
    if (known) return known
    const publish: Idle = { members: [] }
    const stop = bus.onPublish(() => this.wake(publish))
    const made = { publish, catchUp: { members: [] }, stops: new Map([[publish, stop]]) }
    this.waiting.set(bus, made)
    return made
  }

  private wakeCaughtUp({ catchUp, stops }: Waiting): void {
    stops.delete(catchUp) // it is told once
    this.wake(catchUp)
  }

  private wake(idle: Idle): void {
    const { members } = idle
    if (members.length === 0) return
    idle.members = []
    // Begins somewhere else each time: those who wait come back in the order in which they were woken.
    this.rotation = (this.rotation + GOLDEN_RATIO) % 1
    const first = Math.floor(this.rotation * members.length)
    for (let i = first; i < members.length; i++) this.queueWoken(members[i])
    for (let i = 0; i < first; i++) this.queueWoken(members[i])
    this.schedule()
  }

  private queueWoken(pumped: Pumped | undefined): void {
    if (pumped === undefined) return
    pumped.idle = null
    pumped.isQueued = true
    this.queue.push(pumped)
  }
}

function leaveIdle(pumped: Pumped): void {
  const { idle, idleAt } = pumped
  if (idle === null) return
  const last = idle.members.pop()
  if (last !== undefined && last !== pumped) {
    idle.members[idleAt] = last
    last.idleAt = idleAt
  }
  pumped.idle = null
}
