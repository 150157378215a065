// What a server has read of a topic and removed since, by the model’s own account: from what it was given to read and
// what is gone, never from what it says of itself. It decides which gap an id is owed.

import type { Position } from '../../src/bus/position.ts'
import type { KafkaRecord, Keeps } from '../../src/bus/record.ts'
import type { GapReason } from '../../src/stream/signals.ts'
import {
  isOver,
  LOADING_MS_MIN,
  mayBeTombstones,
  noteLoaded,
  nothingRead,
  type PartitionAccount,
  PROVEN_MS_MIN,
  prove,
  type Times,
} from './partition-account.ts'

export interface AccountOptions {
  readonly keeps: Keeps
  readonly deleteRetentionMs: number
  readonly retainedMsMax: number | null
  /** Whether it has bounds that it may reach. */
  readonly isBounded: boolean
}

/** A record that is neither superseded nor removed. */
interface Live {
  readonly record: KafkaRecord
  readonly arrivedAtMs: number
}

export type Frames = ReadonlySet<string>

export class Account {
  private readonly options: AccountOptions
  private readonly partitions: Map<number, PartitionAccount>
  /** By key if the newest of each is kept, else by name. */
  private readonly live = new Map<string, Live>()
  /** Whether the newest value of every key is there. */
  isWhole = true

  constructor(options: AccountOptions, partitions = new Map<number, PartitionAccount>()) {
    this.options = options
    this.partitions = partitions
  }

  /** A copy as of now: what another thread was told. */
  told(): Account {
    const partitions = [...this.partitions].map(([at, of]): [number, PartitionAccount] => [at, { ...of }])
    const told = new Account(this.options, new Map(partitions))
    told.isWhole = this.isWhole
    return told
  }

  /** The log begins at `start`. */
  begin(partition: number, start: number, at: Times): void {
    const begun = {
      start,
      readFrom: start,
      recordsLostBelow: 0,
      tombstonesLostBelow: 0,
      deletesLeft: 0,
      skippedTo: 0,
    }
    this.partitions.set(partition, { ...begun, ...nothingRead(at) })
  }

  trim(partition: number, start: number): void {
    const of = this.partitions.get(partition)
    if (of !== undefined) of.start = Math.max(of.start, start)
  }

  /** Kafka deleted what is below `start`, some of it unread. */
  skip(partition: number, start: number, at: Times): void {
    const of = this.partitions.get(partition)
    if (of === undefined) return
    this.trim(partition, start)
    of.recordsLostBelow = Math.max(of.recordsLostBelow, start)
    of.skippedTo = Math.max(of.skippedTo, start)
    Object.assign(of, nothingRead(at))
    for (const [name, { record }] of this.live)
      if (record.partition === partition && record.offset < start) this.live.delete(name)
  }

  /** Kafka tells the end of a partition that is read up to `next`. */
  noteEnd(partition: number, end: number, next: number, at: Times): void {
    const of = this.partitions.get(partition)
    if (of === undefined) return
    if (of.nextEnd !== null && of.nextEnd.end <= next) prove(of, of.nextEnd)
    const isLoading = of.proven === null && of.nextEnd === null
    if (end <= next) prove(of, { at, msMin: PROVEN_MS_MIN })
    else of.nextEnd ??= { end, at, msMin: isLoading ? LOADING_MS_MIN : PROVEN_MS_MIN, isLoading }
  }

  /**
   * Offsets from `next` to below `found` are missing; at `found` is a record of this timestamp, or nothing. True if
   * they may have been tombstones of keys that the server had before.
   */
  misses(
    partition: number,
    [next, found]: [number, number],
    timestampMs: number | null,
    now: Times,
  ): boolean {
    const of = this.partitions.get(partition)
    const { deleteRetentionMs } = this.options
    if (of === undefined || !this.keepsLatest) return false
    if (of.nextEnd !== null && of.nextEnd.end <= next) prove(of, of.nextEnd)
    let goneTo = found > Math.max(0, next) && mayBeTombstones(of, found, now, deleteRetentionMs) ? found : 0
    if (timestampMs !== null && timestampMs >= 0 && timestampMs <= now.epochMs) {
      const [first = Number.NEGATIVE_INFINITY, second = Number.NEGATIVE_INFINITY] = of.timestamps
      if (timestampMs > first) of.timestamps = [timestampMs, first]
      else if (timestampMs > second) of.timestamps = [first, timestampMs]
      const isOld = timestampMs + deleteRetentionMs <= now.epochMs
      if (goneTo === 0 && isOld) goneTo = of.trustedTo
      if (isOld) of.trustedTo = 0
    }
    const keepsOlder = of.proven !== null || (of.hasRead && isOver(of.begun, now, deleteRetentionMs))
    of.hasRead = true
    noteLoaded(of, found + (timestampMs === null ? 0 : 1), now)
    if (keepsOlder) return goneTo > 0
    of.tombstonesLostBelow = Math.max(of.tombstonesLostBelow, goneTo)
    return false
  }

  add(record: KafkaRecord, { nowMs }: Times): void {
    if (record.key === null && record.value === null) return
    this.live.set(this.nameOf(record), { record, arrivedAtMs: nowMs })
  }

  /** The newest record of this one's key, unless it has left. */
  newestOf(record: KafkaRecord): KafkaRecord | null {
    return record.key === null ? null : (this.live.get(this.nameOf(record))?.record ?? null)
  }

  /** Whether offsets that are missing now may have been values that Kafka has compacted away. */
  mayMissValues(partition: number, now: Times): boolean {
    const proven = this.partitions.get(partition)?.proven ?? null
    return this.keepsLatest && (proven === null || isOver({ at: proven.at, msMin: PROVEN_MS_MIN }, now, 0))
  }

  /** Whether something makes a delete go that tells of a key which has left a selection. */
  mayLetGo(of: Live, times: Times): boolean {
    const { partition, offset } = of.record
    const isDeleted = offset < (this.partitions.get(partition)?.start ?? 0)
    return isDeleted || this.options.isBounded || this.isOld(of, times)
  }

  /**
   * All live records but `frames` have left. Each has a reason to, or the server has lost it. Returns the newest values
   * of keys among them.
   */
  collect(frames: Frames, cause: 'read' | 'time', times: Times): KafkaRecord[] {
    const gone: [string, Live][] = []
    for (const entry of this.live) if (!frames.has(nameOfFrame(entry[1].record))) gone.push(entry)
    if (gone.length === 0) return []
    const isDeleted = ({ partition, offset }: KafkaRecord) =>
      offset < (this.partitions.get(partition)?.start ?? 0)
    const isOfAge = (of: Live) =>
      this.keepsLatest && isTombstone(of) ? this.isOld(of, times) : this.isAged(of, times)
    const left = gone.map(([, of]) => of).filter(({ record }) => !isDeleted(record))
    // Without room a segment goes with all that is in it; old records go by their kind.
    const isForRoom = cause === 'read' || left.some((of) => !isOfAge(of) || this.isNewestValue(of))
    if (isForRoom && left.length > 0 && !this.options.isBounded)
      throw new Error(`${left.map(({ record }) => nameOfFrame(record)).join()} left, and nothing made it`)
    for (const [name, of] of gone) {
      this.live.delete(name)
      const isKept = !isDeleted(of.record)
      // An expired tombstone is a lost delete; one that goes for lack of room is a lost record.
      this.noteGone(of.record, isTombstone(of) && !(isKept && (isForRoom || !this.keepsLatest)))
      if (isKept && isForRoom && this.keepsLatest && of.record.key !== null) this.isWhole = false
    }
    return gone
      .map(([, of]) => of)
      .filter((of) => this.isNewestValue(of))
      .map(({ record }) => record)
  }

  /** Why an id is not honoured; null if it is. */
  gapFor(position: Position): GapReason | null {
    let reason: GapReason | null = null
    for (const [partition, offset] of position) {
      const of = this.partitions.get(partition)
      if (offset <= 0 || of === undefined) continue
      if (offset < of.start || offset < of.recordsLostBelow) return 'too-old'
      if (offset < of.tombstonesLostBelow) reason = 'deletes-dropped'
    }
    const isOwed = ([partition, { recordsLostBelow }]: [number, PartitionAccount]) =>
      recordsLostBelow > 0 && (position.get(partition) ?? 0) <= 0
    return !this.isWhole && [...this.partitions].some(isOwed) ? 'too-old' : reason
  }

  /** Whether a tombstone may be gone that a client at this offset of the partition had yet to get. */
  mayLackDelete(partition: number, offset: number): boolean {
    return offset < (this.partitions.get(partition)?.tombstonesLostBelow ?? 0)
  }

  /** Why a client that begins at a position with nothing cannot get all that came after it; null if it can. */
  gapAfter(position: Position): GapReason | null {
    let reason: GapReason | null = null
    for (const [partition, offset] of position) {
      const of = this.partitions.get(partition)
      if (offset < 0 || of === undefined) continue
      if (offset < of.readFrom || offset < of.recordsLostBelow) return 'too-old'
      if (offset < of.deletesLeft) reason = 'deletes-dropped'
    }
    return reason
  }

  /** Whether records of it have left that nothing superseded. */
  hasLost(partition: number): boolean {
    const of = this.partitions.get(partition)
    return of !== undefined && (of.recordsLostBelow > 0 || of.deletesLeft > 0)
  }

  /** Where reading it began. */
  readFrom(partition: number): number {
    return this.partitions.get(partition)?.readFrom ?? 0
  }

  /** Whether the server had begun to read it. */
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

  /** Goes only for lack of room. */
  private isNewestValue({ record }: Live): boolean {
    return this.keepsLatest && record.key !== null && record.value !== null
  }

  private noteGone({ partition, offset }: KafkaRecord, isDelete: boolean): void {
    const of = this.partitions.get(partition)
    if (of === undefined) return
    if (isDelete) of.tombstonesLostBelow = Math.max(of.tombstonesLostBelow, offset + 1)
    if (isDelete) of.deletesLeft = Math.max(of.deletesLeft, offset + 1)
    else of.recordsLostBelow = Math.max(of.recordsLostBelow, offset + 1)
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
