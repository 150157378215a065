// What streams see of a bus, in whichever thread they are: segments to be read, a position, what is gone. The thread that
// writes has src/bus/bus.ts; the others have a mirror of it (src/threads/bus-mirror.ts).

import type { EntryAt } from '../segments/segment-layout.ts'
import type { SegmentView } from '../segments/segment-view.ts'
import { type BusReader, Losses, type LossReason } from './losses.ts'
import type { PartitionLogs } from './partitions.ts'
import { furthest, type Position } from './position.ts'

export abstract class BusView {
  /** All that Kafka held at the start is in: streams that waited may begin. */
  caughtUp = false
  /** The topic was another one before. */
  wasRecreated = false
  /** Next sequence when the topic became another one: who was made before reads what is no more. */
  recreatedAt = 0
  /** The same when all of it began to be read again, since deletes may have been missed. */
  startedOverAt = 0
  losses = new Losses()
  /** Log starts by partition below which all is gone for those who begin now, although it is not marked so yet; mostly none. */
  skipped: ReadonlyMap<number, number> = new Map()
  private readonly listeners = new Set<() => void>()
  private readonly caughtUpListeners = new Set<() => void>()

  /** Retained segments, oldest first. A new array whenever a segment comes or goes, so that a reader may hold on to one. */
  abstract get segments(): readonly SegmentView[]
  /** Sequence that the next frame gets: the place right behind the tail. Published ones lie below it. */
  abstract get nextSequence(): number
  /** Next offset of every partition, of everything appended. */
  abstract position(): Position
  abstract positionText(): string

  /** Next offset of one partition; undefined for one that the bus does not know. Asked by streams at every publish. */
  nextOffset(partition: number): number | undefined {
    return this.position().get(partition)
  }

  /** What Kafka told of its partitions' logs. */
  abstract readonly logs: PartitionLogs

  /** Log start of a partition as Kafka told it, -2 before it did; undefined for one that the topic lacks. */
  start(partition: number): number | undefined {
    return this.logs.starts.get(partition)
  }

  /** Where every partition ends at the least: how far it is read, or what Kafka told when its reading began. */
  ends(): Position {
    return furthest(this.position(), this.logs.ends)
  }

  /** Whether that is further than it is read. */
  get isBehindEnds(): boolean {
    for (const [partition, end] of this.logs.ends) if (end > (this.nextOffset(partition) ?? 0)) return true
    return false
  }

  /** Whether a frame is to be passed over although it is not marked as gone yet. */
  isSkipped(segment: SegmentView, at: EntryAt): boolean {
    const { skipped } = this
    return skipped.size > 0 && segment.offset(at) < (skipped.get(segment.partition(at)) ?? 0)
  }

  /** Sequence at which what is retained begins. */
  get firstSequence(): number {
    return this.segments[0]?.firstSequence ?? this.nextSequence
  }

  /** Calls `listener` once when the bus has caught up, unless the returned function is called before. */
  onCaughtUp(listener: () => void): () => void {
    this.caughtUpListeners.add(listener)
    return () => this.caughtUpListeners.delete(listener)
  }

  /** Calls `listener` at every publish until the returned function is called. */
  onPublish(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Why a client with this position has missed something for good; null if it has not. */
  gapFor(position: Position): LossReason | null {
    return this.losses.gapFor(position, (partition) => this.start(partition))
  }

  /** Why a client that wants everything from this position on cannot have it; null if it can. Offsets below 0 ask for nothing. */
  gapAfter(position: Position): LossReason | null {
    return this.losses.gapAfter(position, this.logs.readFrom)
  }

  /** Whether something of this partition is gone whose timestamp is `timestampMs` (epoch) or later, or may be. */
  hasLostSince(partition: number, timestampMs: number): boolean {
    const gone = this.losses.state.partitions.get(partition)
    return gone !== undefined && gone.newestLostMs >= timestampMs
  }

  /** Whether tombstones of this partition are gone. */
  lacksTombstones(partition: number): boolean {
    return this.losses.lacksTombstones(partition)
  }

  /** Whether every key's newest value is here. */
  get isWhole(): boolean {
    return this.losses.isWhole
  }

  /** Whether everything from `timestampMs` on can be had: the newest value of each key, at the least. */
  isWholeSince(timestampMs: number): boolean {
    return this.losses.isWhole || timestampMs > this.losses.state.brokenAtMs
  }

  /** Whether something has left that a reader had still to read. */
  hasLost(reader: BusReader): boolean {
    return this.losses.concern(reader)
  }

  /** Why what a reader that was made at this sequence reads is no more; null if it is there. */
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
