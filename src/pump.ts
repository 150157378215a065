// Who works when: streams that wait for their bus, and those that have something to do now. Works in turns of a fraction
// of a millisecond, so that between them the process takes connections, renewals and what clients send.

import type { BusView } from './bus-view.ts'
import { Queue } from './queue.ts'

/** Its multiples' fractions are spread evenly, however many are taken. */
const GOLDEN_RATIO = 0.618
/**
 * Bytes after which a turn ends, too: HTTP/2 and TLS take them when it is over, a millisecond or so for each MiB, and nothing else
 * has its turn before they are done.
 */
const TURN_BYTES = 1024 * 1024

/** What a worker waits for after a piece of work: its next turn, a publish on its bus, or somebody's `enqueue`. */
export type Waits = 'turn' | 'publish' | 'call'

export interface Pumped {
  readonly bus: BusView
  /** Does one bounded piece of work. */
  work(): Waits
  /** What its last piece of work wrote. */
  readonly writtenBytes: number
  /** Where it stands among those who wait for a publish, -1 when not among them: the pump's own. */
  idleAt: number
  /** Whether it is queued for a turn: the pump's own. */
  isQueued: boolean
}

export class Pump {
  /** Length of a turn: sse.turnMs, whose default docs/performance.md has measured. */
  private readonly turnMs: number
  private readonly waiting = new Map<BusView, { idle: Pumped[]; stop: () => void }>()
  /** Deadlines first: they are few, and late ones are broken promises. */
  private readonly urgent = new Queue<() => void>()
  private readonly queue = new Queue<Pumped>()
  private isScheduled = false
  /** Where among those who wait the last wake began, as a share of them. */
  private rotation = 0

  constructor(turnMs: number) {
    this.turnMs = turnMs
  }

  /** Queues for a turn; whoever is queued already stays where it is. */
  enqueue(pumped: Pumped): void {
    this.leaveIdle(pumped)
    if (pumped.isQueued) return
    pumped.isQueued = true
    this.queue.push(pumped)
    this.schedule()
  }

  /** Does something before everything that is queued. */
  hasten(action: () => void): void {
    this.urgent.push(action)
    this.schedule()
  }

  /** Forgets somebody who has ended; a place in the queue is passed over when its turn comes. */
  remove(pumped: Pumped): void {
    this.leaveIdle(pumped)
  }

  close(): void {
    for (const { stop } of this.waiting.values()) stop()
    this.waiting.clear()
  }

  private schedule(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    setImmediate(this.turn)
  }

  private readonly turn = (): void => {
    this.isScheduled = false
    const until = performance.now() + this.turnMs
    for (let action = this.urgent.take(); action !== undefined; action = this.urgent.take()) {
      action()
      if (performance.now() > until) break
    }
    let bytes = 0
    do bytes += this.step(this.queue.take())
    while (this.queue.length > 0 && bytes < TURN_BYTES && performance.now() <= until)
    if (this.queue.length > 0 || this.urgent.length > 0) this.schedule()
  }

  /** Returns the bytes that were written. */
  private step(pumped: Pumped | undefined): number {
    if (pumped === undefined) return 0
    pumped.isQueued = false
    const waits = pumped.work()
    if (waits === 'turn') this.enqueue(pumped)
    else if (waits === 'publish') this.wait(pumped)
    return pumped.writtenBytes
  }

  private wait(pumped: Pumped): void {
    if (pumped.idleAt !== -1 || pumped.isQueued) return
    const { idle } = this.waitingFor(pumped.bus)
    pumped.idleAt = idle.length
    idle.push(pumped)
  }

  private waitingFor(bus: BusView): { idle: Pumped[] } {
    const known = this.waiting.get(bus)
    if (known) return known
    const made = { idle: [] as Pumped[], stop: bus.onPublish(() => this.wake(bus)) }
    this.waiting.set(bus, made)
    return made
  }

  private wake(bus: BusView): void {
    const waiting = this.waiting.get(bus)
    if (waiting === undefined || waiting.idle.length === 0) return
    const { idle } = waiting
    waiting.idle = []
    // Begins somewhere else each time: those who wait come back in the order in which they were woken.
    this.rotation = (this.rotation + GOLDEN_RATIO) % 1
    const first = Math.floor(this.rotation * idle.length)
    for (let i = first; i < idle.length; i++) this.queueWoken(idle[i])
    for (let i = 0; i < first; i++) this.queueWoken(idle[i])
    this.schedule()
  }

  private queueWoken(pumped: Pumped | undefined): void {
    if (pumped === undefined) return
    pumped.idleAt = -1
    pumped.isQueued = true
    this.queue.push(pumped)
  }

  private leaveIdle(pumped: Pumped): void {
    if (pumped.idleAt === -1) return
    const idle = this.waiting.get(pumped.bus)?.idle
    const last = idle?.pop()
    if (idle !== undefined && last !== undefined && last !== pumped) {
      idle[pumped.idleAt] = last
      last.idleAt = pumped.idleAt
    }
    pumped.idleAt = -1
  }
}
