// Decides which frames a bus removes, and when: those that Kafka deleted, that have expired, or that there is no room
// for. It works in bounded steps, so that streams get their turns in between. src/bus/losses.ts records the losses.

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
  /**
   * `latest`: keeps the newest frame of every key while there is room. `all`: keeps every
   * frame, removes the oldest first.
   */
  readonly keeps: Keeps
  /** Bytes of retained segments. */
  readonly retainedBytesMax: number
  /** Live frames, which no newer frame has superseded. */
  readonly retainedRecordsMax: number
  /** Age in ms at which frames that nothing can supersede expire, by timestamp or since arrival. null: they do not. */
  readonly retainedMsMax: number | null
  /** How long a tombstone is kept at least after its arrival, in ms. */
  readonly deleteRetentionMs: number
  /**
   * Called for a bus that keeps the newest frame of every key. `nearly-full`: these frames take more than 80 % of a
   * bound. `full`: the bus had to remove some of them.
   */
  readonly onPressure?: ((state: 'nearly-full' | 'full') => void) | undefined
}

/** The present by both clocks. */
export interface Times {
  /** Compared with records' timestamps. */
  readonly epochMs: number
  /** Monotonic, compared with arrivals. */
  readonly nowMs: number
}

const NEARLY_FULL = 0.8
/** Dead bytes that are kept before compaction, even if few are live: clients that resume among them get every value. */
const DEAD_BYTES_KEPT = 16 * 1024 * 1024
/** The same as a share of the bytes that the bus may retain, for small buses. */
const DEAD_SHARE_KEPT = 0.25
/** Share of the bytes that the bus may retain, above which it keeps no dead frames. */
const PRESSED = 0.7
/**
 * Room to make ahead of need between two reads: in segments, and as a share of the bound. Only if snapshots lose
 * nothing.
 */
const SEGMENTS_AHEAD = 16
const SHARE_AHEAD = 1 / 8
/** Segments from which frames are removed at once to make room for records. The rest waits for `step`. */
const SEGMENTS_EMPTIED_MAX = 8
/** Slots that stay free for the segments that compaction writes. */
const SLOTS_FREE = 16

export class Retention {
  private readonly segments: SegmentList
  private readonly losses: Losses
  private readonly options: RetentionOptions
  private readonly compaction: Compaction
  private pressure: 'none' | 'nearly-full' | 'full' = 'none'
  readonly trimming: Trimming
  /** Whether `makeRoom` left more frames to remove. */
  private isBehind = false
  private readonly withLive = new OldestWith(({ liveFrames }) => liveFrames > 0)
  private readonly withTombstones = new OldestWith(({ liveTombstones }) => liveTombstones > 0)
  private readonly withKeyless = new OldestWith(({ liveKeyless }) => liveKeyless > 0)
  /** Without those that only tell that a key has left, which are kept as long as tombstones. */
  private readonly withRecords = new OldestWith(({ liveKeyless, liveLeavings }) => liveKeyless > liveLeavings)

  constructor(segments: SegmentList, losses: Losses, options: RetentionOptions) {
    this.segments = segments
    this.losses = losses
    this.options = options
    this.compaction = new Compaction(segments)
    this.trimming = new Trimming(segments, losses, options.keeps === 'all')
  }

  /** Does one bounded step: goes through one segment, or rewrites a few. Returns false if there is nothing to do. */
  step(times: Times): boolean {
    return this.trimming.step() || this.expireStep(times) || this.compactStep() || this.roomStep()
  }

  /** Makes room for a new segment: frees dead frames first, then frames without a key, then the oldest segments. */
  makeRoom(frameBytes: number): void {
    while (
      this.lacksSegments(frameBytes) &&
      (this.compaction.free() || this.removeKeyless() || this.removeOldest())
    );
    // Compaction cannot reduce the number of live records. It only frees the bytes of removed frames, one step a call.
    const hasRecords = !this.lacksRecords()
    for (let emptied = 0; emptied < SEGMENTS_EMPTIED_MAX && this.removeRecords(); emptied++);
    if (!hasRecords) this.compaction.step()
    this.isBehind = this.lacksRecords()
    if (this.options.keeps === 'latest') this.notePressure()
  }

  clear(): void {
    this.trimming.clear()
    this.isBehind = false
    this.pressure = 'none'
  }

  private removeRecords(): boolean {
    return this.lacksRecords() && (this.removeKeyless() || this.removeOldest())
  }

  /** Removes what `makeRoom` left, and frames without a key ahead of need. Compaction then frees their bytes. */
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

  /** Share of a bound, of the one that is nearer, that frames take whose removal would lose a key's newest value. */
  get neededShare(): number {
    const { retainedBytesMax, retainedRecordsMax } = this.options
    const { bytes, takenBytes, liveBytes, liveFrames, liveKeyless, liveKeylessBytes } = this.segments.totals
    const spareBytes = takenBytes - liveBytes + liveKeylessBytes // a snapshot loses nothing by their removal
    return Math.max((bytes - spareBytes) / retainedBytesMax, (liveFrames - liveKeyless) / retainedRecordsMax)
  }

  private notePressure(): void {
    if (this.pressure === 'none' && this.neededShare > NEARLY_FULL) this.press('nearly-full')
  }

  private press(state: 'nearly-full' | 'full'): void {
    this.pressure = state
    this.options.onPressure?.(state)
  }

  /**
   * Removes the oldest segment. At the bound of records, removes the oldest one with live records instead. Never
   * removes an open tail. Returns false if nothing can be removed.
   */
  private removeOldest(): boolean {
    const { list, tail } = this.segments
    const oldest = this.lacksRecords() ? this.withLive.find(list) : list[0]
    if (oldest === undefined || (oldest === tail && !oldest.isClosed)) return false
    return this.removeSegment(oldest)
  }

  /** Removes a segment with all its frames, and records the loss of the live ones. */
  private removeSegment(segment: Segment): true {
    const { list } = this.segments
    if (segment.liveFrames > 0) this.recordSegmentLoss(segment)
    this.segments.removeSegment(segment === list[0] ? 0 : indexOfSequence(list, segment.lastSequence))
    return true
  }

  private recordSegmentLoss(segment: Segment): void {
    const removed = new RemovedFrames(segment)
    let hasNewest = false
    for (let at = 0; at < segment.end; at = segment.next(at)) {
      if (segment.isSuperseded(at) || this.trimming.isSkipped(segment, at)) continue
      removed.add(at, false, true)
      hasNewest ||= !segment.isLeaving(at) && !this.trimming.isDeleted(segment, at)
    }
    const isBroken = this.options.keeps === 'latest' && hasNewest
    // A stream from a moment on gets every record after the first of that moment, even those with older timestamps.
    const brokenAtMs = isBroken ? segment.latestSoFarMs : null
    removed.recordLoss(this.losses, this.segments.takeSequence(), brokenAtMs)
    if (isBroken && this.pressure !== 'full') this.press('full')
  }

  /**
   * Removes the frames without a key from the oldest segment with such frames. Returns false if no segment has them.
   * Snapshots stay whole, because a frame without a key is no key's newest value.
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
    const keyless = this.withRecords.find(list)
    if (keyless === undefined || !this.isAged(keyless, times)) return false
    return this.removeFrames(keyless, (at) => !keyless.hasKey(at) && !keyless.isLeaving(at))
  }

  /** Whether a segment has expired, by timestamps or since arrival. A wrong timestamp alone keeps no frame. */
  private isAged({ newestTimestampMs, newestArrivalMs }: Segment, { epochMs, nowMs }: Times): boolean {
    const { retainedMsMax } = this.options
    if (retainedMsMax === null) return false
    const isOld = newestTimestampMs > 0 && newestTimestampMs + retainedMsMax <= epochMs
    return isOld || newestArrivalMs + retainedMsMax <= nowMs
  }

  /** Removes every live frame of a segment for which `isLeaving` holds, and records the loss. */
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
