// What is counted and measured of one stream. Of each write one record is measured, however many it carries: the oldest
// one. So the cost does not depend on the number of records.

import { observe } from '../../histograms/histogram.ts'
import { BEGINNING_BOUNDS, DELIVERY_BOUNDS, RENEWAL_BOUNDS } from '../../histograms/stream-times.ts'
import type { Clock } from '../clock.ts'
import { type Counters, countGaps, type EndReason, type PathCount } from '../counters.ts'
import type { GapReason } from '../signals.ts'
import type { SlowStreams, StreamOwner, Untaken } from '../watching/slow-streams.ts'

/** What one stream was sent. */
export interface Delivered {
  readonly records: number
  readonly bytes: number
}

/** A read that is written to a client. */
export interface WrittenRead {
  readonly frames: number
  readonly tooLarge: number
  /** Timestamp of its first record in epoch ms; 0 for none. */
  readonly firstTimestampMs: number
  /** Whether all from before the stream's beginning was sent. */
  readonly isReadySent: boolean
}

export interface TallyParts {
  readonly counters: Counters
  readonly clock: Clock
  readonly owner: StreamOwner
  readonly slowStreams: SlowStreams
}

export class Tally implements Delivered {
  records = 0
  bytes = 0
  private readonly counters: Counters
  private readonly clock: Clock
  private readonly openedMs: number
  private hasFirst = false
  private hasBeenReady = false
  /** When the challenge was sent that has no answer yet; null: there is none. */
  private challengedMs: number | null = null
  /** Timestamp of the oldest record of the write under way, in epoch ms; 0: it is not measured. */
  private timestampMs = 0

  private readonly owner: StreamOwner
  private readonly slowStreams: SlowStreams
  private readonly path: PathCount

  constructor({ counters, clock, owner, slowStreams }: TallyParts) {
    this.counters = counters
    this.clock = clock
    this.owner = owner
    this.slowStreams = slowStreams
    this.openedMs = clock.nowMs()
    counters.streamsOpen++
    counters.streamsOpened++
    this.path = counters.paths[owner.path] ??= { open: 0, opened: 0 }
    this.path.open++
    this.path.opened++
  }

  /** The client has taken nothing for `SLOW_AFTER_MS`. */
  slow(untaken: Untaken): void {
    this.slowStreams.add(untaken, this.owner)
  }

  /** The client takes something again, or is gone. */
  quick(untaken: Untaken): void {
    this.slowStreams.remove(untaken)
  }

  /** A write of records begins. What is replayed is as old as it is, so only what came since is measured. */
  wrote(bytes: number, read: WrittenRead, nowMs: number): void {
    const { counters } = this
    this.records += read.frames
    this.bytes += bytes
    counters.writes++
    counters.bytesDelivered += bytes
    counters.recordsDelivered += read.frames
    if (read.tooLarge > 0) countGaps(counters, 'too-large', read.tooLarge)
    this.timestampMs = read.isReadySent ? read.firstTimestampMs : 0
    if (!this.hasFirst) this.first(nowMs)
  }

  /** The connection has taken the write. */
  taken(): void {
    if (this.timestampMs === 0) return
    const seconds = (this.clock.epochMs() - this.timestampMs) / 1000
    observe(this.counters.times.delivery, DELIVERY_BOUNDS, seconds)
    this.timestampMs = 0
  }

  /** `:ready` is sent. A stream that begins again has another one, which is not measured. */
  ready(): void {
    if (this.hasBeenReady) return
    this.hasBeenReady = true
    const nowMs = this.clock.nowMs()
    observe(this.counters.times.replay, BEGINNING_BOUNDS, (nowMs - this.openedMs) / 1000)
    if (!this.hasFirst) this.first(nowMs)
  }

  gap(reason: GapReason): void {
    countGaps(this.counters, reason, 1)
  }

  challenged(): void {
    this.counters.challenges++
    this.challengedMs = this.clock.nowMs()
  }

  /** The stream has a session that ends later. */
  renewed(): void {
    if (this.challengedMs === null) return
    const seconds = (this.clock.nowMs() - this.challengedMs) / 1000
    observe(this.counters.times.renewal, RENEWAL_BOUNDS, seconds)
    this.challengedMs = null
  }

  /** The stream is over. */
  ended(reason: EndReason): void {
    const { counters } = this
    counters.streamsOpen--
    this.path.open--
    counters.streamsEnded[reason]++
    if (reason === 'expired' && this.challengedMs !== null) counters.challengesMissed++
  }

  private first(nowMs: number): void {
    this.hasFirst = true
    observe(this.counters.times.firstRecord, BEGINNING_BOUNDS, (nowMs - this.openedMs) / 1000)
  }
}
