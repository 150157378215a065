// What a client of the resume model has: the newest record of each key, as far as its id says, and what it may lack.
// Everything that it is sent or told is compared with what was written.

import { covers, FROM_BEGINNING, furthest, type Position } from '../../src/bus/position.ts'
import type { KafkaRecord, Keeps } from '../../src/bus/record.ts'
import { Excuses } from './excuses.ts'
import type { Log } from './log.ts'
import type { Selection } from './selection.ts'
import type { Server } from './server.ts'

export class Ledger {
  /** The topic that it is of. */
  readonly logs: readonly Log[]
  private server: Server | null = null
  private readonly keeps: Keeps
  private readonly selection: Selection
  /** The newest record of each key, by what came. */
  private readonly state = new Map<string, KafkaRecord>()
  private position: Position = new Map()
  /** From where on records came: the client need not have what is before. */
  private floor: Position = new Map()
  /** The moment that it asked for, and how far the server had read then. */
  private sinceMs: number | null = null
  private asOf: Position | undefined
  /** From where on everything counts as written after that. */
  private requestedAt: Position | null = null
  /** Whether this connection began with the newest record of every key, and was told that these are complete. */
  private isBeginning = false
  private isSnapshot = false
  private isReady = false
  /** Whether anything of this connection was sent or told. */
  private hasTaken = false
  /** Whether it goes on by a position: its stream's own if the topic was read again before anything was sent. */
  private isResumed = false
  /**
   * How far the servers of all its connections so far had read. The client need not have got what was superseded up to
   * there, so a server that is further behind cannot complete it.
   */
  private seen: Position = new Map()
  private horizon: Position = new Map()
  private readonly excuses: Excuses

  constructor(logs: readonly Log[], keeps: Keeps, selection: Selection) {
    this.selection = selection
    this.logs = logs
    this.keeps = keeps
    this.excuses = new Excuses(logs)
  }

  connect(server: Server): void {
    this.server = server
    this.isBeginning = false
    this.isSnapshot = false
    this.isReady = false
    this.hasTaken = false
    this.isResumed = false
    this.horizon = furthest(this.horizon, this.seen)
    this.seen = new Map()
  }

  /**
   * It goes on where it was, or where its stream was if its server has read the topic again: the stream may have passed
   * what was gone in the first reading and told no id of it yet. Of a partition of which it has nothing, it wants what
   * there is.
   */
  resume(server: Server, position: Position): void {
    this.isResumed = true
    const before = this.position
    this.position = furthest(before, position)
    this.passOver(before, null)
    this.excuses.of(server, (partition) => (this.position.get(partition) ?? 0) <= 0)
  }

  /**
   * What comes after `asOf` is sent with any timestamp. Without it: after what the server has read by now.
   */
  beginSince(sinceMs: number | null, server: Server, asOf?: Position): void {
    this.beginAnew(this.floorIn(server, sinceMs, asOf), server)
    this.sinceMs = sinceMs
    this.asOf = asOf
    this.requestedAt = sinceMs === null ? null : (asOf ?? server.view.position())
  }

  private floorIn(server: Server, sinceMs: number | null, asOf: Position | undefined): Position {
    return server.floorOf(sinceMs, !this.selection.isOfAll, asOf)
  }

  beginAnew(floor: Position, server: Server): void {
    this.sinceMs = null
    this.requestedAt = null
    this.isBeginning = true
    this.isSnapshot = floor.size === 0
    this.isReady = false
    this.hasTaken = false
    this.isResumed = false
    this.horizon = new Map()
    this.seen = new Map()
    this.state.clear()
    this.floor = floor
    this.position = floor
    this.excuses.of(server)
  }

  /**
   * It wants everything after a position, of which nothing may be gone without a gap; without a position, what there
   * is. `isReading`: the server has been reading since the request, so a record that is gone by now ends the stream.
   */
  beginAt(position: Position, server: Server, isReading: boolean): void {
    this.beginAnew(position, server)
    this.isBeginning = false
    this.isSnapshot = false
    const isUnknown = (partition: number) => (position.get(partition) ?? FROM_BEGINNING) < 0
    // What there is of a partition is sent, but is no snapshot: newest values may be gone.
    const read = [...server.view.position()].filter(([partition]) => isUnknown(partition))
    this.floor = furthest(position, new Map(read))
    this.excuses.of(server, isUnknown)
    if (isReading) this.excuses.forgiveNoLoss()
  }

  /** A client that has got nothing yet wants at least what there is when it gets something. */
  beforeRead(server: Server): void {
    if (!this.isBeginning || this.hasTaken) return
    this.excuses.begin(server, server.viewAccount.isWhole, this.requestedAt)
    if (this.sinceMs !== null)
      this.floor = this.excuses.before(this.floorIn(server, this.sinceMs, this.asOf), this.floor, server)
  }

  get reached(): Position {
    return this.position
  }

  nextOf(partition: number): number {
    return this.position.get(partition) ?? 0
  }

  noteSeen(position: Position): void {
    this.seen = furthest(this.seen, position)
  }

  /** An event, with the position that is its id. */
  take(position: Position, event: string | undefined, data: string): void {
    const before = this.position
    this.moveTo(position)
    const isDelete = event === 'delete'
    const record = isDelete ? this.deleteAt(before, data) : this.recordOf(data)
    this.expectNext(before, record)
    if (!isDelete && !this.selection.gets(record)) throw new Error(`${nameOf(record)} is of others`)
    this.passOver(before, record)
    this.apply(record, isDelete)
  }

  /** A position that includes everything so far. */
  hear(position: Position): void {
    const before = this.position
    this.moveTo(position)
    this.passOver(before, null)
  }

  becomeReady(): void {
    if (this.isReady) return
    this.isReady = true
    if (!this.isSnapshot && !covers(this.position, this.horizon)) return
    this.horizon = new Map()
    if (this.keeps === 'latest') this.expectState()
  }

  /** A stream that has sent something, or resumes, ends as `too-old` if a record is gone that it had yet to send. */
  expectLoss(server: Server): void {
    if (this.isBeginning && !this.hasTaken && !this.isResumed && server.view.isWhole)
      throw new Error('lost before anything was sent')
    if (!this.misses(server)) throw new Error('ended as too-old, and nothing is gone that it lacks')
  }

  /**
   * Whether the server has lost a record that the client had yet to get, and that was there when it began. Its threads
   * hear of that later.
   */
  private misses(server: Server): boolean {
    if (server.isViewOutdated) return true // all of it is gone
    const { has, position } = server.holdings()
    for (const [partition, log] of this.logs.entries()) {
      const from = Math.max(0, this.position.get(partition) ?? 0)
      const to = Math.max(log.start, position.get(partition) ?? 0)
      // Offsets that are missing in a log that is read late may have been tombstones; those that were deleted unread
      // may have been any records.
      const mayHaveDeletes = from > 0 && server.viewAccount.mayLackDelete(partition, from)
      const isLate = from > 0 && server.begunOf(partition)?.isLate
      if (mayHaveDeletes) return true
      for (let offset = from; offset < to; offset++) {
        const record = log.written.get(offset)
        const isOwed = server.isMirrored || record === undefined || !this.excuses.wasGone(record)
        if (isOwed && (record === undefined ? isLate || offset < log.start : !has(record))) return true
      }
    }
    return false
  }

  /** Every key has its newest value as of the client's position, and no deleted key is left. */
  private expectState(): void {
    for (const [partition, log] of this.logs.entries()) {
      const newest = log.newest(this.position.get(partition) ?? 0)
      for (const [key, record] of newest) this.expectValue(`${partition} ${key}`, record, log)
    }
  }

  private expectValue(key: string, record: KafkaRecord, log: Log): void {
    const { partition, offset, value } = record
    if (offset < (this.floor.get(partition) ?? 0)) return
    // Kafka's own compaction may be further on than the server.
    if (!log.records.includes(record) && log.isSuperseded(record)) return
    const has = this.state.get(key)
    const isGone = offset < log.start || this.excuses.isExcused(record)
    const isOwn = value !== null && this.selection.gets(record)
    const wanted = !isOwn || (isGone && has === undefined) ? undefined : record
    if (has !== wanted) throw new Error(`${key} is ${has?.offset}, not ${wanted?.offset}`)
  }

  private recordOf(data: string): KafkaRecord {
    for (const log of this.logs) {
      const record = log.named(data)
      if (record !== undefined && data === String(record.value)) return record
    }
    throw new Error(`${data.split(' ')[0]} was never written`)
  }

  private deleteAt(before: Position, data: string): KafkaRecord {
    const key = Buffer.from(data, 'base64url')
    for (const [partition, next] of this.position) {
      const record = this.logs[partition]?.written.get(next - 1)
      const isNew = next > (before.get(partition) ?? 0)
      if (isNew && record?.key && key.equals(record.key) && this.isDeletedBy(record)) return record
    }
    throw new Error(`nothing deletes ${key} at the id`)
  }

  /** Whether a record takes its key out of the selection. If it is in there itself, a newer one must have come. */
  private isDeletedBy(record: KafkaRecord): boolean {
    const { selection } = this
    if (record.value !== null && selection.gets(record) && !this.logs[record.partition]?.isSuperseded(record))
      return false
    const formers = this.server?.formersOf(record) ?? []
    return formers.some((former) => selection.isLeftBy(record, former))
  }

  private expectNext(before: Position, { partition, offset }: KafkaRecord): void {
    if ((before.get(partition) ?? 0) > offset) throw new Error(`${partition}/${offset} came again`)
    if (this.position.get(partition) !== offset + 1)
      throw new Error(`${partition}/${offset} has an id of another`)
  }

  /** The id may skip, besides its record, only what may be skipped. */
  private passOver(before: Position, record: KafkaRecord | null): void {
    for (const [partition, to] of this.position) {
      for (let offset = Math.max(0, before.get(partition) ?? 0); offset < to; offset++) {
        const passed = this.logs[partition]?.written.get(offset)
        if (passed !== undefined && passed !== record && !this.mayPass(passed, before))
          throw new Error(`${partition}/${offset} was passed over`)
      }
    }
  }

  private mayPass(record: KafkaRecord, before: Position): boolean {
    const { partition, offset, key, value } = record
    if (key === null && value === null) return true
    const hasKey = this.keeps === 'latest' && this.state.has(`${partition} ${key}`)
    if (!hasKey && !this.selection.gets(record)) return true
    if (this.excuses.isExcused(record)) return true
    // Of a partition of which it has nothing it wants what there is, also if that is read later.
    const hasNothing = (before.get(partition) ?? 0) <= 0
    if (hasNothing && offset < (this.server?.begunOf(partition)?.at ?? 0)) return true
    if (this.keeps === 'all') return false
    // A snapshot need not have what Kafka deleted on the way.
    const isDeleted = key !== null && offset < (this.logs[partition]?.start ?? 0)
    if (isDeleted && this.isSnapshot && !this.isReady) return true
    // A snapshot need not delete what the client never had.
    return (
      this.logs[partition]?.isSuperseded(record) || (value === null && !this.state.has(`${partition} ${key}`))
    )
  }

  private apply(record: KafkaRecord, isDelete: boolean): void {
    const { partition, key } = record
    if (key === null) return
    if (isDelete) this.state.delete(`${partition} ${key}`)
    else this.state.set(`${partition} ${key}`, record)
  }

  private moveTo(position: Position): void {
    for (const [partition, offset] of this.position) {
      if ((position.get(partition) ?? 0) < offset)
        throw new Error(`an id went back in partition ${partition}`)
    }
    this.position = position
    this.hasTaken = true
  }
}

function nameOf({ partition, offset }: KafkaRecord): string {
  return `${partition}/${offset}`
}
