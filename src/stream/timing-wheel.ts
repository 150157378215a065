// A hashed timing wheel (Varghese and Lauck, 1987): the deadlines of many streams on one timer. Promise: a deadline's
// entry arrives within two ticks after it is due, never before. An entry of a later round is passed over once a round.

import { type Clock, ClockSteps } from './clock.ts'
import { type Linked, LinkedList, remove } from './linked-list.ts'

/** Something that has one deadline at a time. */
export interface Timed extends Linked {
  /** Monotonic ms; Infinity for never. */
  readonly dueAtMs: number
}

export interface TimingWheelOptions<T> {
  readonly clock: Clock
  /** Called once for each due entry, after its removal; for all entries when the wall clock was set forward. */
  readonly onDue: (timed: T, nowMs: number) => void
  /** Called when `step` has work to do. */
  readonly onWork: () => void
}

/** Of several entries with the same `exp`, the first may end up to two ticks late. */
const TICK_MS = 10
/** A round (10 s) is longer than the default heartbeat interval, so that heartbeats are seldom passed over. */
const SLOTS = 1024
/** Longest sleep, so that a step of the wall clock is noticed. A tick without work costs 70 µs of CPU. */
const IDLE_TICKS = 5

export class TimingWheel<T extends Timed> {
  private readonly slots = Array.from({ length: SLOTS }, () => new LinkedList<T>())
  /** Entries whose slot has had its tick. `step` checks them one by one, because there may be a hundred thousand. */
  private readonly arrived = new LinkedList<T>()
  /** Entries to be checked because the wall clock was set, which may have moved their deadlines. */
  private readonly unchecked = new LinkedList<T>()
  private readonly options: TimingWheelOptions<T>
  private readonly steps: ClockSteps
  private size = 0
  private ticked: number
  private timer: NodeJS.Timeout | null = null
  /** The tick that the timer is set for; no entry waits in a slot before it. */
  private wakesAt = Number.POSITIVE_INFINITY

  constructor(options: TimingWheelOptions<T>) {
    this.options = options
    this.steps = new ClockSteps(options.clock)
    this.ticked = this.tickOf(options.clock.nowMs())
  }

  /** Puts an entry into the slot of its deadline. It may be in the wheel already. */
  schedule(timed: T): void {
    if (timed.next !== null) this.takeOut(timed)
    if (timed.dueAtMs !== Number.POSITIVE_INFINITY) this.put(timed)
    else if (this.size === 0) this.stop()
  }

  cancel(timed: T): void {
    if (timed.next === null) return
    this.takeOut(timed)
    if (this.size === 0) this.stop()
  }

  /** Checks one entry that may be due; false if there is none. */
  step(nowMs: number): boolean {
    const arrived = this.arrived.take()
    const timed = arrived ?? this.unchecked.take()
    if (timed === undefined) return false
    this.size--
    if (arrived !== undefined && arrived.dueAtMs > nowMs) this.put(arrived)
    else this.options.onDue(timed, nowMs)
    if (this.size === 0) this.stop()
    return true
  }

  private put(timed: T): void {
    if (this.timer === null) this.start()
    const tick = Math.max(this.tickOf(timed.dueAtMs) + 1, this.ticked + 1)
    this.slots[tick % SLOTS]?.add(timed)
    this.size++
    if (tick < this.wakesAt) this.sleepUntil(tick)
  }

  private takeOut(timed: T): void {
    remove(timed)
    this.size--
  }

  private start(): void {
    this.ticked = this.tickOf(this.options.clock.nowMs())
    this.steps.take() // no deadline depends on earlier steps
    this.sleepUntil(this.ticked + IDLE_TICKS)
  }

  private stop(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
  }

  private sleepUntil(tick: number): void {
    this.stop()
    this.wakesAt = tick
    const sleepMs = tick * TICK_MS - this.options.clock.nowMs()
    this.timer = setTimeout(() => this.tick(), Math.max(1, Math.ceil(sleepMs)))
    this.timer.unref()
  }

  /** The next tick whose slot has an entry; `IDLE_TICKS` ahead at most. */
  private nextTick(): number {
    let tick = this.ticked + 1
    while (tick < this.ticked + IDLE_TICKS && this.slots[tick % SLOTS]?.isEmpty) tick++
    return tick
  }

  /** Takes the entries of all slots since the last tick. Visits each slot at most once, also after a long pause. */
  private tick(): void {
    if (this.steps.take() > 0) for (const list of [this.arrived, ...this.slots]) this.unchecked.takeAll(list)
    const tick = this.tickOf(this.options.clock.nowMs())
    const from = Math.max(this.ticked + 1, tick - SLOTS + 1)
    for (let visited = from; visited <= tick; visited++) {
      const slot = this.slots[visited % SLOTS]
      if (slot !== undefined) this.arrived.takeAll(slot)
    }
    this.ticked = tick
    this.sleepUntil(this.nextTick())
    if (!this.arrived.isEmpty || !this.unchecked.isEmpty) this.options.onWork()
  }

  private tickOf(ms: number): number {
    return Math.floor(ms / TICK_MS)
  }
}
