// What leaves a bus, and when: what Kafka deleted, what had its time, what there is no room for. A step at a time, so that
// streams get their turns in between. What is gone is written down in src/bus/losses.ts.

import { SLOTS_MAX } from '../segments/key-index.ts'
import { OldestWith } from '../segments/oldest-with.ts'
import type { Segment } from '../segments/segment.ts'
import type { SegmentList } from '../segments/segment-list.ts'
import { indexOfSequence } from '../segments/segment-search.ts'
import { Compaction } from './compaction.ts'
import type { Losses } from './losses.ts'
import type { Keeps } from './record.ts'
import { RemovedFrames } from './removed-frames.ts'
import { Trimming } from './trimming.ts'

export interface RetentionOptions {
  /** `latest`: the newest frame of every key, for as long as it fits. `all`: every frame, the oldest going first. */
  readonly keeps: Keeps
  /** Bytes of segments kept. */
  readonly retainedBytesMax: number
  /** Frames kept that nothing superseded. */
  readonly retainedRecordsMax: number
  /** Age at which frames go that no newer value can supersede, by their timestamps or since they came; null: no age. */
  readonly retainedMsMax: number | null
  /** How long a tombstone is kept at the least after it came in. */
  readonly deleteRetentionMs: number
  /** A bus that keeps the newest of every key holds more than 80 % of what it may, or `full`: it had to drop such. */
  readonly onPressure?: ((state: 'nearly-full' | 'full') => void) | undefined
}

/** The time: epoch ms for what a record says of itself, the monotonic clock for how long it has been here. */
export interface Times {
  readonly epochMs: number
  readonly nowMs: number
}

const NEARLY_FULL = 0.8
/** Superseded bytes that are kept however few are live: who resumes within them gets every value, not only the newest. */
const DEAD_BYTES_KEPT = 16 * 1024 * 1024
/** The same as a share of what the bus may retain, for small buses. */
const DEAD_SHARE_KEPT = 0.25
/** Share of what the bus may retain above which superseded frames are kept no longer. */
const PRESSED = 0.7
/** Room that is made ahead, between two reads, where that loses nothing to a snapshot: in segments, and as a share of the bound. */
const SEGMENTS_AHEAD = 16
const SHARE_AHEAD = 1 / 8
/** Segments that are looked through for room for records when another is begun; the rest is looked through between two reads. */
const SEGMENTS_EMPTIED_MAX = 8
/** Slots that stay free for a compaction's replacements. */
const SLOTS_FREE = 16

export class Retention {
  private readonly segments: SegmentList
  private readonly losses: Losses
  private readonly options: RetentionOptions
  private readonly compaction: Compaction
  private pressure: 'none' | 'nearly-full' | 'full' = 'none'
  /** What Kafka has deleted. */
  readonly trimming: Trimming
  /** There was more to be let go than one turn may. */
  private isBehind = false
  private readonly withLive = new OldestWith(({ liveFrames }) => liveFrames > 0)
  private readonly withTombstones = new OldestWith(({ liveTombstones }) => liveTombstones > 0)
  private readonly withKeyless = new OldestWith(({ liveKeyless }) => liveKeyless > 0)

  constructor(segments: SegmentList, losses: Losses, options: RetentionOptions) {
    this.segments = segments
    this.losses = losses
    this.options = options
    this.compaction = new Compaction(segments)
    this.trimming = new Trimming(segments, losses, options.keeps === 'all')
  }

  /** One bounded step of what is to be done now; false if nothing is. A segment is looked through, or a few rewritten. */
  step(times: Times): boolean {
    return this.trimming.step() || this.expireStep(times) || this.compactStep() || this.roomStep()
  }

  /** Keeps the bounds before a new segment is begun: first by what is dead, then by what is kept for a time only. */
  makeRoom(frameBytes: number): void {
    while (
      this.lacksSegments(frameBytes) &&
      (this.compaction.free() || this.removeKeyless() || this.removeOldest())
    );
    // Compaction cannot help here, since every live record stays. It gives back what went, a step for each segment that is begun.
    const hasRecords = !this.lacksRecords()
    for (let emptied = 0; emptied < SEGMENTS_EMPTIED_MAX && this.removeRecords(); emptied++);
    if (!hasRecords) this.compaction.step()
    this.isBehind = this.lacksRecords()
    if (this.options.keeps === 'latest') this.noteUse()
  }

  clear(): void {
    this.trimming.clear()
    this.isBehind = false
    this.pressure = 'none'
  }

  private removeRecords(): boolean {
    return this.lacksRecords() && (this.removeKeyless() || this.removeOldest())
  }

  /** Goes on with what was left, and lets what is kept for a time only go before there is no room: compaction frees its bytes. */
  private roomStep(): boolean {
    this.isBehind &&= this.removeRecords()
    if (this.isBehind) return true
    const { pool, totals } = this.segments
    const ahead = Math.min(SEGMENTS_AHEAD * pool.segmentBytes, SHARE_AHEAD * this.options.retainedBytesMax)
    const isDeadEnough = totals.takenBytes - totals.liveBytes >= ahead
    return !isDeadEnough && this.lacksSegments(pool.segmentBytes + ahead) && this.removeKeyless()
  }

  private lacksSegments(frameBytes: number): boolean {
    const { pool, totals, list } = this.segments
    const wanted = Math.max(pool.segmentBytes, frameBytes)
    return totals.bytes + wanted > this.options.retainedBytesMax || list.length >= SLOTS_MAX - SLOTS_FREE
  }

  private lacksRecords(): boolean {
    return this.segments.totals.liveFrames >= this.options.retainedRecordsMax
  }

  /** How full the bus is of what it cannot let go without losing a key's newest value. */
  private noteUse(): void {
    const { retainedBytesMax, retainedRecordsMax } = this.options
    const { bytes, takenBytes, liveBytes, liveFrames, liveKeyless, liveKeylessBytes } = this.segments.totals
    const spareBytes = takenBytes - liveBytes + liveKeylessBytes // can be let go without a loss to a snapshot
    const used = Math.max(
      (bytes - spareBytes) / retainedBytesMax,
      (liveFrames - liveKeyless) / retainedRecordsMax,
    )
    if (this.pressure === 'none' && used > NEARLY_FULL) this.press('nearly-full')
  }

  private press(state: 'nearly-full' | 'full'): void {
    this.pressure = state
    this.options.onPressure?.(state)
  }

  /**
   * Removes the oldest segment to make room; where the bound of records is reached, the oldest that holds live records. Never
   * removes an open tail; false if nothing can be removed.
   */
  private removeOldest(): boolean {
    const { list, tail } = this.segments
    const oldest = this.lacksRecords() ? this.withLive.find(list) : list[0]
    if (oldest === undefined || (oldest === tail && !oldest.isClosed)) return false
    return this.removeSegment(oldest)
  }

  /** A segment goes with all that is in it; always true. */
  private removeSegment(segment: Segment): true {
    const { list } = this.segments
    if (segment.liveFrames > 0) this.recordSegmentLoss(segment)
    this.segments.removeSegment(segment === list[0] ? 0 : indexOfSequence(list, segment.lastSequence))
    return true
  }

  private recordSegmentLoss(segment: Segment): void {
    const removed = new RemovedFrames(segment)
    let hasKept = false
    for (let at = 0; at < segment.end; at = segment.next(at)) {
      if (segment.isSuperseded(at) || this.trimming.isSkipped(segment, at)) continue
      removed.add(at, false, true)
      hasKept ||= !this.trimming.isDeleted(segment, at)
    }
    const isBroken = this.options.keeps === 'latest' && hasKept
    // A stream from a moment on is owed what stands behind a record of that moment, whatever its own timestamp says.
    const brokenAtMs = isBroken ? segment.latestSoFarMs : null
    removed.recordLoss(this.losses, this.segments.takeSequence(), brokenAtMs)
    if (isBroken && this.pressure !== 'full') this.press('full')
  }

  /**
   * Makes room: removes the frames without a key from the oldest segment that has any. Returns false if none has. Snapshots
   * stay whole, because a frame without a key is no key's newest value.
   */
  private removeKeyless(): boolean {
    const segment = this.options.keeps === 'all' ? undefined : this.withKeyless.find(this.segments.list)
    if (segment === undefined) return false
    return this.removeFrames(segment, (at) => !segment.hasKey(at))
  }

  private compactStep(): boolean {
    const { liveBytes, takenBytes } = this.segments.totals
    return takenBytes - liveBytes >= this.deadBytesKept(liveBytes) && this.compaction.step()
  }

  private deadBytesKept(liveBytes: number): number {
    const { segments } = this
    const { keeps, retainedBytesMax } = this.options
    if (keeps === 'all' || segments.totals.bytes > PRESSED * retainedBytesMax)
      return segments.pool.segmentBytes
    return Math.max(Math.min(DEAD_BYTES_KEPT, DEAD_SHARE_KEPT * retainedBytesMax), liveBytes)
  }

  private expireStep(times: Times): boolean {
    return this.options.keeps === 'all' ? this.expireOldest(times) : this.expireOfLatest(times)
  }

  private expireOldest(times: Times): boolean {
    const [oldest] = this.segments.list
    return oldest !== undefined && this.isAged(oldest, times) && this.removeSegment(oldest)
  }

  private expireOfLatest(times: Times): boolean {
    const { list } = this.segments
    const withTombstones = this.withTombstones.find(list)
    if (withTombstones && withTombstones.newestArrivalMs + this.options.deleteRetentionMs <= times.nowMs)
      return this.removeFrames(withTombstones, (at) => withTombstones.isTombstone(at))
    const withKeyless = this.withKeyless.find(list)
    if (withKeyless === undefined || !this.isAged(withKeyless, times)) return false
    return this.removeFrames(withKeyless, (at) => !withKeyless.hasKey(at))
  }

  /** By its records' word, or because it has been here for that long: a timestamp that is wrong keeps nothing for ever. */
  private isAged({ newestTimestampMs, newestArrivalMs }: Segment, { epochMs, nowMs }: Times): boolean {
    const { retainedMsMax } = this.options
    if (retainedMsMax === null) return false
    const isOld = newestTimestampMs > 0 && newestTimestampMs + retainedMsMax <= epochMs
    return isOld || newestArrivalMs + retainedMsMax <= nowMs
  }

  /** Lets every frame of a segment go for which `goes`; always true. */
  private removeFrames(segment: Segment, isLeaving: (at: number) => boolean): true {
    const { segments, trimming } = this
    const keepsAll = this.options.keeps === 'all'
    const removed = new RemovedFrames(segment)
    const now = segments.takeSequence()
    for (let at = 0; at < segment.end; at = segment.next(at)) {
      if (segment.isSuperseded(at) || !isLeaving(at) || !segments.removeFrame(segment, at, now)) continue
      if (!trimming.isSkipped(segment, at))
        removed.add(at, segment.isTombstone(at), keepsAll || !segment.hasKey(at))
    }
    removed.recordLoss(this.losses, now)
    return true
  }
}
