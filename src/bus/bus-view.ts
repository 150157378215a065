// A bus as streams see it in any thread: its segments, its position, its losses. The thread that writes the bus has
// src/bus/bus.ts; the other threads have a mirror of it (src/threads/bus-mirror.ts).

import type { RouteReader } from '../routing/route-reader.ts'
import type { EntryAt } from '../segments/segment-layout.ts'
import type { SegmentView } from '../segments/segment-view.ts'
import type { LeavingLosses, SelectingReader } from './leaving-losses.ts'
import { type BusReader, Losses, type LossReason } from './losses.ts'
import type { PartitionLogs } from './partitions.ts'
import { furthest, type Position } from './position.ts'

export abstract class BusView {
  /** Whether the bus has all that Kafka had at the start. Streams that wait for it may then begin. */
  caughtUp = false
  /** Whether the topic has been recreated since the bus was opened. */
  wasRecreated = false
  /** Next sequence when the topic was recreated. Cursors made before that are outdated. */
  recreatedAt = 0
  /** Next sequence when the bus began to read the whole topic again, because it may have missed deletes. */
  startedOverAt = 0
  losses = new Losses()
  /**
   * Log starts by partition. Frames below them count as removed for new cursors, although
   * not all are marked. Mostly empty.
   */
  skipped: ReadonlyMap<number, number> = new Map()
  private readonly listeners = new Set<() => void>()
  private readonly caughtUpListeners = new Set<() => void>()

  /**
   * Retained segments, oldest first. Replaced by a new array with each change, so that a
   * reader may keep the one it has.
   */
  abstract get segments(): readonly SegmentView[]
  /** What streams may be selected by. */
  abstract readonly routeReader: RouteReader
  /** Seed of the hashes in the route indexes of segments. */
  abstract readonly routeSeed: number
  /** Sequence of the next frame. Published frames have lower ones. */
  abstract get nextSequence(): number
  /** Next offset of every partition, after all appended records. */
  abstract position(): Position
  /** The event id of `position()`. */
  abstract positionText(): string

  /** Next offset of one partition. undefined for an unknown partition. Streams ask for it at every publish. */
  nextOffset(partition: number): number | undefined {
    return this.position().get(partition)
  }

  /** What Kafka reported about the partitions' logs. */
  abstract readonly logs: PartitionLogs

  /** Log start of a partition. -2 until Kafka has reported it; undefined for an unknown partition. */
  start(partition: number): number | undefined {
    return this.logs.starts.get(partition)
  }

  /** Known ends of the partitions: the next offset, or the log end when reading began, if that is greater. */
  ends(): Position {
    return furthest(this.position(), this.logs.ends)
  }

  /** Whether some partition has not been read up to its known end. */
  get isBehindEnds(): boolean {
    for (const [partition, end] of this.logs.ends) if (end > (this.nextOffset(partition) ?? 0)) return true
    return false
  }

  /** Whether a frame counts as removed although it is not marked yet. */
  isSkipped(segment: SegmentView, at: EntryAt): boolean {
    const { skipped } = this
    return skipped.size > 0 && segment.offset(at) < (skipped.get(segment.partition(at)) ?? 0)
  }

  /** First sequence of the retained segments. */
  get firstSequence(): number {
    return this.segments[0]?.firstSequence ?? this.nextSequence
  }

  /** Calls `listener` once, when the bus has caught up. The returned function cancels that. */
  onCaughtUp(listener: () => void): () => void {
    this.caughtUpListeners.add(listener)
    return () => this.caughtUpListeners.delete(listener)
  }

  /** Calls `listener` at every publish. The returned function cancels that. */
  onPublish(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Why a client cannot go on from this position. null if it can. */
  gapFor(position: Position): LossReason | null {
    return this.losses.gapFor(position, (partition) => this.start(partition))
  }

  /** The same for a client that selects by more than the key, and so has to hear of keys that leave its selection. */
  gapForSelected(position: Position): LossReason | null {
    return this.gapFor(position) ?? (this.leavings.isHiddenFrom(position) ? 'deletes-dropped' : null)
  }

  /** What streams that select cannot be told any more. */
  get leavings(): LeavingLosses {
    return this.losses.leavings
  }

  /** `hasLost` for a reader that selects by more than the key. */
  hasLostSelected(reader: BusReader & SelectingReader): boolean {
    return this.hasLost(reader) || this.leavings.hasLost(reader)
  }

  /** Why a client cannot have every record from this position on. null if it can. Offsets below 0 ask for nothing. */
  gapAfter(position: Position): LossReason | null {
    return this.losses.gapAfter(position, this.logs.readFrom)
  }

  /** Whether a record of this partition with a timestamp of `timestampMs` (epoch ms) or later is lost, or may be. */
  hasLostSince(partition: number, timestampMs: number): boolean {
    const gone = this.losses.state.partitions.get(partition)
    return gone !== undefined && gone.newestLostMs >= timestampMs
  }

  /** Whether tombstones of this partition are lost. */
  lacksTombstones(partition: number): boolean {
    return this.losses.lacksTombstones(partition)
  }

  /** Whether the bus has every key's newest value. */
  get isWhole(): boolean {
    return this.losses.isWhole
  }

  /** Whether the bus has everything from `timestampMs` (epoch ms) on: at least the newest value of each key. */
  isWholeSince(timestampMs: number): boolean {
    return this.losses.isWhole || timestampMs > this.losses.state.brokenAtMs
  }

  /** Whether the bus has lost a frame that the reader had still to read. */
  hasLost(reader: BusReader): boolean {
    return this.losses.hasLost(reader)
  }

  /** Why a reader that was made at this sequence is outdated. null if it is not. */
  outdatedBy(madeAt: number): 'recreated' | 'deletes-dropped' | null {
    if (madeAt < this.recreatedAt) return 'recreated'
    return madeAt < this.startedOverAt ? 'deletes-dropped' : null
  }

  protected wake(): void {
    for (const listener of this.listeners) listener()
  }

  protected tellCaughtUp(): void {
    const listeners = [...this.caughtUpListeners]
    this.caughtUpListeners.clear()
    for (const listener of listeners) listener()
  }
}
