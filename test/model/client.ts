// A client as the resume tests see it: it keeps what it is sent, by key, and holds every event against what was written.

import type { Cursor } from '../../src/cursor.ts'
import { covers, furthest, type Position, parsePosition } from '../../src/position.ts'
import type { Wish } from '../../src/start.ts'
import type { KafkaRecord, Keeps } from '../../src/topic.ts'
import { StreamReader } from '../stream-reader.ts'
import type { Log } from './log.ts'
import type { Server } from './server.ts'

/** The id that comes with a gap: of a client that has nothing. */
const NOTHING_YET = 'AQA='

export class Client {
  id = ''
  readonly gaps: string[] = []
  /** How often it was told everything again, or began at a moment. */
  beginnings = 0
  /** Of what it began anew with: whether that is all there was, and whether any of it was sent. */
  private isBeginning = false
  private hasTaken = false
  private readonly logs: readonly Log[]
  private readonly keeps: Keeps
  /** Name of each key's value, as of what was told. */
  private readonly state = new Map<string, string>()
  private cursor: Cursor | null = null
  private server: Server | null = null
  /** Of this connection: whether it was told that everything asked for is there, and whether it began anew. */
  private isReady = false
  private isSnapshot = false
  private position: Position = new Map()
  /** From where on it has been told: what lies before is none of its business. */
  private floor: Position = new Map()
  /**
   * How far the servers of this connection, and of those before, had read. What was superseded on the way there the client may
   * have been spared, so that a server that is further back cannot make it whole.
   */
  private seen: Position = new Map()
  private horizon: Position = new Map()
  /** Records that were gone already when it began anew. */
  private isExcused: (record: KafkaRecord) => boolean = () => false

  constructor(logs: readonly Log[], keeps: Keeps) {
    this.logs = logs
    this.keeps = keeps
  }

  get isOpen(): boolean {
    return this.cursor !== null
  }

  /** Connects with its id, or as `wish` says where it has none. False where the server turned it away. */
  async connect(server: Server, wish: Omit<Wish, 'id'>, written = this.id): Promise<boolean> {
    const { cursor, gap } = await server.begin({ ...wish, id: this.id === '' ? null : written })
    this.disconnect()
    this.cursor = cursor
    this.server = server
    this.isSnapshot = false
    this.isBeginning = false
    this.isReady = false
    this.horizon = furthest(this.horizon, this.seen)
    this.seen = new Map()
    if (cursor === null) return false
    if (gap !== null) this.tellGap(gap)
    if (gap !== null || this.id === NOTHING_YET) this.beginAnew(new Map())
    else if (this.id === '') this.beginAnew(server.floorOf(wish))
    else this.excuse((partition) => (this.position.get(partition) ?? 0) <= 0)
    return true
  }

  disconnect(): void {
    this.cursor?.letGo()
    this.cursor = null
  }

  /** Reads once; with `cut` the connection breaks inside the last event. False at the tail, or where the stream is over. */
  read(bytesMax: number, cut: boolean): boolean {
    const { cursor } = this
    if (cursor === null) return false
    if (this.isBeginning && !this.hasTaken) this.excuse()
    const bytes = cursor.read(bytesMax)
    this.seen = furthest(this.seen, this.server?.view.position() ?? this.seen)
    if (bytes === null) return this.rest(cursor)
    if (bytes.length === 0) return true
    this.take(cut ? bytes.subarray(0, -1) : bytes)
    if (cut) this.disconnect()
    else if (cursor.complete || cursor.atTail()) this.becomeReady(cursor)
    return this.isOpen
  }

  /** Every key has the newest value as of the client's position, and none that was deleted is left. */
  private expectState(): void {
    for (const [partition, log] of this.logs.entries()) {
      const newest = log.newest(this.position.get(partition) ?? 0)
      for (const [key, record] of newest) this.expectValue(`${partition} ${key}`, record, log)
    }
  }

  /** At the tail, or over: what the server lost on the client ends the stream. */
  private rest(cursor: Cursor): false {
    if (cursor.lost || cursor.isOutdated) {
      this.disconnect()
      return false
    }
    if (!cursor.atTail()) {
      if (this.server?.hasNews) return false
      throw new Error('it waits, and there is nothing to wait for')
    }
    this.becomeReady(cursor)
    this.moveTo(cursor.id()) // as a heartbeat says
    return false
  }

  private take(bytes: Uint8Array): void {
    const reader = new StreamReader()
    reader.feed(bytes)
    for (const { id = '', event, data } of reader.events) {
      const before = this.position
      this.moveTo(id)
      const record = event === 'delete' ? this.tombstoneAt(before, data) : this.recordOf(data)
      this.expectNext(before, record)
      this.passOver(before, record)
      this.apply(record)
    }
  }

  private recordOf(data: string): KafkaRecord {
    const [partition, offset] = (data.split(' ')[0] ?? '').split('/').map(Number)
    const record = this.logs[partition ?? -1]?.written.get(offset ?? -1)
    if (record === undefined) throw new Error(`${data} was never written`)
    return record
  }

  private tombstoneAt(before: Position, data: string): KafkaRecord {
    const key = Buffer.from(data, 'base64url')
    for (const [partition, next] of this.position) {
      const record = this.logs[partition]?.written.get(next - 1)
      const isNew = next > (before.get(partition) ?? 0)
      if (isNew && record?.value === null && record.key !== null && key.equals(record.key)) return record
    }
    throw new Error(`${this.id} tells no tombstone of ${key}`)
  }

  private expectNext(before: Position, { partition, offset }: KafkaRecord): void {
    if ((before.get(partition) ?? 0) > offset) throw new Error(`${partition}/${offset} came again`)
    if (this.position.get(partition) !== offset + 1)
      throw new Error(`${partition}/${offset} has the id ${this.id}`)
  }

  /** What the id moved over besides the record must be what may be passed over. */
  private passOver(before: Position, record: KafkaRecord | null): void {
    for (const [partition, to] of this.position) {
      for (let offset = Math.max(0, before.get(partition) ?? 0); offset < to; offset++) {
        const passed = this.logs[partition]?.written.get(offset)
        if (passed !== undefined && passed !== record && !this.mayPass(passed))
          throw new Error(`${partition}/${offset} was passed over`)
      }
    }
  }

  private mayPass(record: KafkaRecord): boolean {
    const { partition, offset, key, value } = record
    if (key === null && value === null) return true
    if (this.isExcused(record)) return true
    if (this.keeps === 'all') return false
    // A snapshot need not have what Kafka deleted on the way.
    const isDeleted = key !== null && offset < (this.logs[partition]?.start ?? 0)
    if (isDeleted && this.isSnapshot && !this.isReady) return true
    // A snapshot need not delete what the client never had.
    return (
      this.isSuperseded(record) || (value === null && !this.state.has(`${partition} ${key}`) && offset >= 0)
    )
  }

  private isSuperseded({ partition, offset, key }: KafkaRecord): boolean {
    const newest = this.logs[partition]?.newest(Number.POSITIVE_INFINITY).get(String(key))
    return key !== null && newest !== undefined && newest.offset > offset
  }

  private apply({ partition, offset, key, value }: KafkaRecord): void {
    if (key === null) return
    if (value === null) this.state.delete(`${partition} ${key}`)
    else this.state.set(`${partition} ${key}`, `${partition}/${offset}`)
  }

  private moveTo(id: string): void {
    const position = parsePosition(id)
    if (position === null) throw new Error(`not an id: ${id}`)
    for (const [partition, offset] of this.position) {
      if ((position.get(partition) ?? 0) < offset)
        throw new Error(`${id} went back in partition ${partition}`)
    }
    this.position = position
    this.id = id
    this.hasTaken = true
  }

  private becomeReady(cursor: Cursor): void {
    if (this.isReady) return
    this.isReady = true
    cursor.isReadyTold = true
    const before = this.position
    this.moveTo(cursor.id())
    this.passOver(before, null)
    if (!this.isSnapshot && !covers(this.position, this.horizon)) return
    this.horizon = new Map()
    if (this.keeps === 'latest') this.expectState()
  }

  private expectValue(key: string, record: KafkaRecord, log: Log): void {
    const { partition, offset, value } = record
    if (offset < (this.floor.get(partition) ?? 0)) return
    // Kafka's own compaction may be further on than the server.
    if (!log.records.includes(record) && this.isSuperseded(record)) return
    const has = this.state.get(key)
    const isGone = offset < log.start || this.isExcused(record)
    const wanted = value === null || (isGone && has === undefined) ? undefined : `${partition}/${offset}`
    if (has !== wanted) throw new Error(`${key} is ${has}, not ${wanted}`)
  }

  private tellGap(gap: string): void {
    this.gaps.push(gap)
    this.id = NOTHING_YET
  }

  private beginAnew(floor: Position): void {
    this.beginnings++
    this.isSnapshot = floor.size === 0
    this.isBeginning = true
    this.hasTaken = false
    this.horizon = new Map()
    this.seen = new Map()
    this.state.clear()
    this.floor = floor
    this.position = floor
    this.excuse()
  }

  /** Whoever has nothing, of any partition or of one, wants what there is when it reads, at the least. */
  private excuse(isOfNothing = (_partition: number) => true): void {
    const { has = () => false, position = new Map() } = this.server?.holdings() ?? {}
    const excused = new Set([...position.keys()].filter(isOfNothing))
    this.isExcused = (record) =>
      excused.has(record.partition) && record.offset < (position.get(record.partition) ?? 0) && !has(record)
  }
}
