// What a server has read of a topic and let go since, by the model's own account: kept from what it was given to read and what is
// no longer there, never from what it says of itself. Which gap an id is owed follows from it.

import type { Position } from '../../src/position.ts'
import type { GapReason } from '../../src/signals.ts'
import type { KafkaRecord, Keeps } from '../../src/topic.ts'

export interface AccountOptions {
  readonly keeps: Keeps
  readonly deleteRetentionMs: number
  readonly retainedMsMax: number | null
  /** Whether it has bounds that it may reach. */
  readonly isBounded: boolean
}

export interface Times {
  readonly nowMs: number
  readonly epochMs: number
}

/** What is known of one partition, in offsets. An id below `start` or `recordsGone` is too old. */
interface PartitionAccount {
  /** Where the log begins, as far as the server was told. */
  start: number
  recordsGone: number
  deletesGone: number
  /** The same of tombstones that were read; those that are missing were gone before. */
  deletesLeft: number
  /** Where its reading began. */
  readonly readFrom: number
  /** Everything below was deleted unread. */
  skippedTo: number
  /** Latest timestamp of what was read before its end was told, but for those ahead of the clock. */
  latestMs: number
}

/** A record that nothing has superseded, nor let go. */
interface Live {
  readonly record: KafkaRecord
  readonly arrivedAtMs: number
}

export type Frames = ReadonlySet<string>

export class Account {
  private readonly options: AccountOptions
  private readonly partitions: Map<number, PartitionAccount>
  /** By key where the newest of each is kept, else by name. */
  private readonly live = new Map<string, Live>()
  /** Whether the newest value of every key is there. */
  isWhole = true

  constructor(options: AccountOptions, partitions = new Map<number, PartitionAccount>()) {
    this.options = options
    this.partitions = partitions
  }

  /** The same as it is now: what another thread was told. */
  told(): Account {
    const partitions = [...this.partitions].map(([at, of]): [number, PartitionAccount] => [at, { ...of }])
    const told = new Account(this.options, new Map(partitions))
    told.isWhole = this.isWhole
    return told
  }

  /** The log begins at `start`. */
  begin(partition: number, start: number): void {
    const begun = { start, readFrom: start, recordsGone: 0, deletesGone: 0, deletesLeft: 0, skippedTo: 0 }
    this.partitions.set(partition, { ...begun, latestMs: Number.NEGATIVE_INFINITY })
  }

  trim(partition: number, start: number): void {
    const of = this.partitions.get(partition)
    if (of !== undefined) of.start = Math.max(of.start, start)
  }

  /** What lies below `start` was deleted, and not all of it had been read. */
  skip(partition: number, start: number): void {
    const of = this.partitions.get(partition)
    if (of === undefined) return
    this.trim(partition, start)
    of.recordsGone = Math.max(of.recordsGone, start)
    of.skippedTo = Math.max(of.skippedTo, start)
    for (const [name, { record }] of this.live)
      if (record.partition === partition && record.offset < start) this.live.delete(name)
  }

  /** Offsets from `next` to below `found` are missing in what Kafka held when its reading began: tombstones, if they are old. */
  findHole(partition: number, next: number, found: number, { epochMs }: Times): void {
    const of = this.partitions.get(partition)
    if (of === undefined || this.options.keeps === 'all' || found <= Math.max(0, next)) return
    if (of.latestMs + this.options.deleteRetentionMs <= epochMs)
      of.deletesGone = Math.max(of.deletesGone, found)
  }

  noteTimestamp(partition: number, timestampMs: number, { epochMs }: Times): void {
    const of = this.partitions.get(partition)
    if (of !== undefined && timestampMs <= epochMs) of.latestMs = Math.max(of.latestMs, timestampMs)
  }

  add(record: KafkaRecord, { nowMs }: Times): void {
    if (record.key === null && record.value === null) return
    this.live.set(this.nameOf(record), { record, arrivedAtMs: nowMs })
  }

  /** What is live has left, but for `frames`: each for a reason, or the server has lost it. */
  collect(frames: Frames, cause: 'read' | 'time', times: Times): void {
    const gone = [...this.live].filter(([, { record }]) => !frames.has(nameOfFrame(record)))
    if (gone.length === 0) return
    const isDeleted = ({ partition, offset }: KafkaRecord) =>
      offset < (this.partitions.get(partition)?.start ?? 0)
    const isOfAge = (of: Live) =>
      this.keepsLatest && isTombstone(of) ? this.isOld(of, times) : this.isAged(of, times)
    const left = gone.map(([, of]) => of).filter(({ record }) => !isDeleted(record))
    // A segment goes for want of room with all that is in it; what is of age goes by its kind.
    const isForRoom = cause === 'read' || left.some((of) => !isOfAge(of) || this.isNewestValue(of))
    if (isForRoom && left.length > 0 && !this.options.isBounded)
      throw new Error(`${left.map(({ record }) => nameOfFrame(record)).join()} left, and nothing made it`)
    for (const [name, of] of gone) {
      this.live.delete(name)
      const isKept = !isDeleted(of.record)
      // A tombstone that had its time is a delete that is gone, one that goes for want of room a record.
      this.noteGone(of.record, isTombstone(of) && !(isKept && (isForRoom || !this.keepsLatest)))
      if (isKept && isForRoom && this.keepsLatest && of.record.key !== null) this.isWhole = false
    }
  }

  /** Why an id is not to be honoured; null if it is. */
  gapFor(position: Position): GapReason | null {
    let reason: GapReason | null = null
    for (const [partition, offset] of position) {
      const of = this.partitions.get(partition)
      if (offset <= 0 || of === undefined) continue
      if (offset < of.start || offset < of.recordsGone) return 'too-old'
      if (offset < of.deletesGone) reason = 'deletes-dropped'
    }
    const isOwed = ([partition, { recordsGone }]: [number, PartitionAccount]) =>
      recordsGone > 0 && (position.get(partition) ?? 0) <= 0
    return !this.isWhole && [...this.partitions].some(isOwed) ? 'too-old' : reason
  }

  /** Why not all that came behind a position can be had, where a client began there with nothing; null if it can. */
  gapAfter(position: Position): GapReason | null {
    let reason: GapReason | null = null
    for (const [partition, offset] of position) {
      const of = this.partitions.get(partition)
      if (offset < 0 || of === undefined) continue
      if (offset < of.readFrom || offset < of.recordsGone) return 'too-old'
      if (offset < of.deletesLeft) reason = 'deletes-dropped'
    }
    return reason
  }

  /** Whether the server had begun to read of it. */
  hasBegun(partition: number): boolean {
    return this.partitions.has(partition)
  }

  isSkipped(partition: number, offset: number): boolean {
    return offset < (this.partitions.get(partition)?.skippedTo ?? 0)
  }

  private get keepsLatest(): boolean {
    return this.options.keeps === 'latest'
  }

  private nameOf(record: KafkaRecord): string {
    return record.key === null || !this.keepsLatest
      ? nameOfFrame(record)
      : `${record.partition} ${record.key}`
  }

  /** Goes for want of room alone. */
  private isNewestValue({ record }: Live): boolean {
    return this.keepsLatest && record.key !== null && record.value !== null
  }

  private noteGone({ partition, offset }: KafkaRecord, isDelete: boolean): void {
    const of = this.partitions.get(partition)
    if (of === undefined) return
    if (isDelete) of.deletesGone = Math.max(of.deletesGone, offset + 1)
    if (isDelete) of.deletesLeft = Math.max(of.deletesLeft, offset + 1)
    else of.recordsGone = Math.max(of.recordsGone, offset + 1)
  }

  private isOld({ arrivedAtMs }: Live, { nowMs }: Times): boolean {
    return arrivedAtMs + this.options.deleteRetentionMs <= nowMs
  }

  private isAged({ arrivedAtMs, record }: Live, { nowMs, epochMs }: Times): boolean {
    const { retainedMsMax } = this.options
    if (retainedMsMax === null) return false
    return arrivedAtMs + retainedMsMax <= nowMs || record.timestampMs + retainedMsMax <= epochMs
  }
}

export function nameOfFrame({ partition, offset }: Pick<KafkaRecord, 'partition' | 'offset'>): string {
  return `${partition}/${offset}`
}

function isTombstone({ record }: Live): boolean {
  return record.value === null
}
