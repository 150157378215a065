// How up to date the reading of the control topic is: the process writes heartbeats to every partition, and reads them
// back. Promise: a heartbeat counts from the moment when it was written, so a reader that lags does not pass for one
// that is up to date.

import type { Clock } from '../stream/clock.ts'

/** Heartbeats that are remembered until they come back; an older one proves nothing worth knowing. */
const REMEMBERED_MAX = 16
/** Heartbeats in the time after which a process that hears none counts as blind. */
const BEATS = 6

/** By both clocks: the monotonic clock stands still while a machine is suspended, and the wall clock may be set. */
interface Instant {
  readonly nowMs: number
  readonly epochMs: number
}

export class Heartbeats {
  private readonly blindMs: number
  private readonly clock: Clock
  /** By partition: when the newest heartbeat that came back was written. null: none has come back yet. */
  private readonly known = new Map<number, Instant | null>()
  /** By a heartbeat's own time: when it was written. */
  private readonly written = new Map<number, Instant>()
  private lastAtMs = 0
  /** When the last one was due. null: one is due now. */
  private beatAt: Instant | null = null
  /** Every partition that Kafka lists is among them. */
  private isComplete = false
  /** Every partition was read up to a heartbeat once. */
  private isWhole = false
  /** Until when everything was known that the former topic held. null: there was none, or this topic is known. */
  private formerlyKnown: Instant | null = null

  constructor(blindMs: number, clock: Clock) {
    this.blindMs = blindMs
    this.clock = clock
  }

  get partitions(): readonly number[] {
    return [...this.known.keys()]
  }

  /** A partition of the topic. One that is found later than the others has `blindMs` for its first heartbeat. */
  add(partition: number): void {
    if (this.known.has(partition)) return
    this.known.set(partition, this.isWhole ? this.instant() : null)
    this.beatAt = null
  }

  /** All partitions were added that Kafka listed at the start. */
  complete(): void {
    this.isComplete = true
    this.lookWhetherWhole()
  }

  /** The topic is another one, of which nothing was read. How long nothing was heard goes on from the former one. */
  clear(): void {
    if (this.isWhole) this.formerlyKnown = this.leastKnown
    this.known.clear()
    this.written.clear()
    this.isComplete = false
    this.isWhole = false
  }

  /** The `at` of a heartbeat that is to be written now to every partition; null if none is due. */
  beat(): number | null {
    const instant = this.instant()
    if (this.known.size === 0 || this.passedMs(this.beatAt) < this.blindMs / BEATS) return null
    this.beatAt = instant
    this.lastAtMs = Math.max(instant.epochMs, this.lastAtMs + 1)
    this.written.set(this.lastAtMs, instant)
    const [oldest] = this.written.keys()
    if (this.written.size > REMEMBERED_MAX && oldest !== undefined) this.written.delete(oldest)
    return this.lastAtMs
  }

  /** A heartbeat of this process has come back. */
  noteHeard(partition: number, atMs: number): void {
    const instant = this.written.get(atMs)
    const before = this.known.get(partition)
    if (instant === undefined || before === undefined) return
    if (before === null || instant.nowMs >= before.nowMs) this.known.set(partition, instant)
    this.lookWhetherWhole()
  }

  /** Partitions that were never read up to a heartbeat: what they hold is not known. */
  unheard(): readonly number[] {
    return [...this.known].flatMap(([partition, instant]) => (instant === null ? [partition] : []))
  }

  /** Whether everything that the topic holds was known at some moment. */
  get hasRead(): boolean {
    return this.isWhole
  }

  /** For how long there has been no heartbeat of some partition; null if there never was one. */
  get silentMs(): number | null {
    const known = this.isWhole ? this.leastKnown : this.formerlyKnown
    return known === null ? null : this.passedMs(known)
  }

  /** In how many ms this process counts as blind, if no heartbeat comes until then; 0 if it does. */
  get blindInMs(): number {
    return Math.max(0, this.blindMs - (this.silentMs ?? this.blindMs))
  }

  private lookWhetherWhole(): void {
    this.isWhole ||= this.isComplete && this.known.size > 0 && this.unheard().length === 0
    if (this.isWhole) this.formerlyKnown = null
  }

  /** The partition that was heard of least lately, by each clock. */
  private get leastKnown(): Instant {
    const instants = [...this.known.values()].filter((instant) => instant !== null)
    return {
      nowMs: Math.min(...instants.map(({ nowMs }) => nowMs)),
      epochMs: Math.min(...instants.map(({ epochMs }) => epochMs)),
    }
  }

  /**
   * By the clock that says more. Where the wall clock was set forward, as after a suspension, that is too much: it
   * cannot be told from one, so a heartbeat is due then, whose return shows that nothing was missed.
   */
  private passedMs(since: Instant | null): number {
    if (since === null) return Number.POSITIVE_INFINITY
    const { nowMs, epochMs } = this.instant()
    return Math.max(0, nowMs - since.nowMs, epochMs - since.epochMs)
  }

  private instant(): Instant {
    return { nowMs: this.clock.nowMs(), epochMs: this.clock.epochMs() }
  }
}
