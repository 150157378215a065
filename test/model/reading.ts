// How a server of the resume model reads the logs: a real bus, fed a step at a time in an order of its own, and an
// account of it that is kept in step.

import { Bus, type BusOptions } from '../../src/bus/bus.ts'
import type { Position } from '../../src/bus/position.ts'
import type { KafkaRecord } from '../../src/bus/record.ts'
import { Account, nameOfFrame } from './account.ts'
import type { Choose } from './choice.ts'
import { Leavings, type LeavingsView } from './leavings.ts'
import type { KafkaTopic, Log } from './log.ts'
import type { Times } from './partition-account.ts'

/** The clocks that a server has: its own wall clock may be wrong. */
export interface Clocks {
  readonly nowMs: () => number
  readonly epochMs: () => number
}

/** Bounds that no case reaches. */
const BYTES_PLENTY = 10_000_000
const RECORDS_PLENTY = 100_000

export class Reading {
  readonly bus: Bus
  /** Whether something was read since the last publish. */
  isUnpublished = false
  /** Logs of the topic that it reads. */
  protected logs: readonly Log[]
  protected account: Account
  private hiding = new Leavings()
  /** The record of each key that was read last. */
  private readonly lastRead = new Map<string, KafkaRecord>()
  /** The newest records of a record's key when it was read, and what was read last of it, by each reading. */
  private readonly formers = new Map<KafkaRecord, (KafkaRecord | null)[]>()
  protected isRemade = false
  /** How often it dropped all that it had read. */
  protected generation = 0
  protected readonly kafka: KafkaTopic
  protected readonly choose: Choose
  private readonly newAccount: () => Account
  readonly clocks: Clocks
  /** Where reading each partition began, and where the partition ended then. */
  private readonly begun = new Map<number, Begun>()

  constructor(kafka: KafkaTopic, options: Omit<BusOptions, keyof Clocks>, clocks: Clocks, choose: Choose) {
    this.kafka = kafka
    this.logs = kafka.logs
    this.clocks = clocks
    this.choose = choose
    this.bus = new Bus({ ...options, ...clocks })
    const { keeps, retainedMsMax, deleteRetentionMs, retainedBytesMax, retainedRecordsMax } = options
    const isBounded = retainedBytesMax < BYTES_PLENTY || retainedRecordsMax < RECORDS_PLENTY
    this.newAccount = () => new Account({ keeps, retainedMsMax, deleteRetentionMs, isBounded })
    this.account = this.newAccount()
  }

  /**
   * Reads up to `records` more, from any partitions; publishes now and then, and may leave the last unpublished.
   */
  read(records: number): void {
    if (this.isBehindTopic) return
    for (let count = 0; count < records; count++) {
      const behind = this.logs.filter(
        (log, partition) => this.reads(partition) && this.next(partition) < log.end,
      )
      const log = behind[this.choose(behind.length)]
      if (log === undefined) break
      this.readOne(log, this.logs.indexOf(log))
      this.isUnpublished = true
      if (this.choose(4) === 0) this.publish()
    }
  }

  publish(): void {
    this.bus.publish()
    this.isUnpublished = false
  }

  /** Asks Kafka for the partitions and where their logs begin. */
  look(): void {
    if (this.isBehindTopic) this.recreate()
    this.declare()
    for (const [partition, log] of this.logs.entries()) {
      if (!this.reads(partition)) continue
      if (log.start > this.next(partition)) this.skip(partition, log.start)
      else this.trim(partition, log.start)
      this.noteEnd(partition, log.end)
    }
  }

  /** Has it caught up? Partitions without a leader are given up. */
  catchUp(): void {
    const isBehind = ([partition, { end }]: [number, Begun]) =>
      this.next(partition) < end && !this.logs[partition]?.isSilent
    if (this.bus.caughtUp || [...this.begun].some(isBehind)) return
    this.tellEnds()
    for (const partition of this.logs.keys())
      if (!this.begun.has(partition)) this.bus.setPartition(partition, -2)
    this.bus.markCaughtUp()
  }

  maintain(): boolean {
    const isDone = this.bus.maintain(this.clocks.epochMs(), this.clocks.nowMs())
    if (isDone) this.collect('time')
    return isDone
  }

  get nowMs(): number {
    return this.clocks.nowMs()
  }

  get epochMs(): number {
    return this.clocks.epochMs()
  }

  /** By what keys may have left a selection unseen. */
  get leavings(): LeavingsView {
    return this.hiding.asOfNow()
  }

  formersOf(record: KafkaRecord): readonly (KafkaRecord | null)[] {
    return this.formers.get(record) ?? []
  }

  /** Where reading a partition began; undefined before. */
  begunOf(partition: number): Begun | undefined {
    return this.begun.get(partition)
  }

  /** Gives its segments back. */
  close(): void {
    this.bus.recreate()
  }

  /** It dropped all that it had read. */
  protected beganAgain(): void {}

  protected get endsAtBegin(): Position {
    return new Map([...this.begun].map(([partition, { end }]) => [partition, end]))
  }

  protected get isBehindTopic(): boolean {
    return this.logs !== this.kafka.logs
  }

  /** The topic is another one: it is read from its beginning. */
  protected recreate(): void {
    this.logs = this.kafka.logs
    this.account = this.newAccount()
    this.hiding = new Leavings()
    this.isRemade = true
    this.beganAgain()
    this.begun.clear()
    this.bus.recreate()
    this.declare()
  }

  /** Kafka tells the end of a partition apart from its last record, also of one that was empty. */
  private tellEnds(): void {
    for (const [partition, log] of this.logs.entries())
      if (this.reads(partition) && this.next(partition) === log.end) this.tellEnd(partition, log.end)
  }

  private tellEnd(partition: number, end: number): void {
    const misses = this.account.misses(partition, [this.next(partition), end], null, this.times)
    this.noteMissing(partition, this.next(partition), end)
    this.bus.advance(partition, end)
    if (this.startsOver(misses)) return
    const begun = this.begun.get(partition)
    if (begun !== undefined) begun.hasEnded = true
  }

  /** Begins to read what has a leader that answers. */
  protected declare(): void {
    const answering = [...this.logs.entries()].filter(
      ([partition, log]) => !log.isSilent && !this.begun.has(partition),
    )
    const marks = new Map(answering.map(([partition, { watermarks }]) => [partition, watermarks]))
    for (const [partition, at] of this.bus.readFrom(marks, this.logs.length)) {
      this.begun.set(partition, { at, end: marks.get(partition)?.end ?? 0, isLate: false, hasEnded: false })
      this.account.begin(partition, at, this.times)
      if (at > 0) this.hiding.noteGone(partition, at)
      this.bus.setPartition(partition, at, marks.get(partition)?.end)
      this.noteEnd(partition, marks.get(partition)?.end ?? 0)
    }
  }

  private noteEnd(partition: number, end: number): void {
    this.account.noteEnd(partition, end, this.next(partition), this.times)
    this.bus.noteEnd(partition, end, this.times)
  }

  /** Reads the topic again if deletes may have been missed; false if none may. */
  private startsOver(misses: boolean): boolean {
    if ((this.bus.missed !== null) !== misses)
      throw new Error(`deletes were ${misses ? '' : 'not '}missed, and it says otherwise`)
    if (!misses) return false
    this.account = this.newAccount()
    this.hiding = new Leavings()
    this.begun.clear()
    this.bus.startOver()
    this.generation++
    this.beganAgain()
    this.declare()
    return true
  }

  private trim(partition: number, start: number): void {
    this.account.trim(partition, start)
    this.bus.trim(partition, start)
  }

  private skip(partition: number, start: number): void {
    this.account.skip(partition, start, this.times)
    this.hiding.noteGone(partition, start)
    this.bus.skip(partition, start)
  }

  private reads(partition: number): boolean {
    return this.begun.has(partition) && this.logs[partition]?.isSilent === false
  }

  private readOne(log: Log, partition: number): void {
    const next = this.next(partition)
    if (log.start > next) this.skip(partition, log.start)
    const record = log.firstFrom(next)
    const begun = this.begun.get(partition)
    if (begun !== undefined && this.bus.caughtUp && !begun.hasEnded) begun.isLate = true
    if (record === undefined) this.tellEnd(partition, log.end)
    else this.append(record, Math.max(next, log.start))
    if (this.choose(3) > 0) this.tellEnds()
  }

  private append(record: KafkaRecord, next: number): void {
    const { account, times } = this
    const { segments } = this.bus
    const { partition, offset, timestampMs } = record
    const misses = account.misses(partition, [next, offset], timestampMs, times)
    this.noteMissing(partition, next, offset)
    const former = account.newestOf(record)
    this.bus.append(record)
    if (this.startsOver(misses)) return
    this.hiding.read(record, former)
    const key = `${partition} ${record.key}`
    this.formers.set(record, [...this.formersOf(record), former, this.lastRead.get(key) ?? null])
    this.lastRead.set(key, record)
    // Room was made before that: what left was not superseded by it.
    if (this.bus.segments !== segments) this.collect('read')
    account.add(record, times)
    const tail = this.bus.segments.at(-1)
    const last = tail?.lastPublished ?? 0
    if (tail?.isLeaving(last) && tail.partition(last) === partition && tail.offset(last) === offset)
      this.hiding.tell(record, times.nowMs)
  }

  /** Kafka may have compacted values away there, unless it told lately that there were none. */
  private noteMissing(partition: number, next: number, found: number): void {
    const from = Math.max(0, next)
    if (found > from && this.account.mayMissValues(partition, this.times))
      this.hiding.noteMissing(partition, from, found)
  }

  /** Accounts for what left the bus. */
  private collect(cause: 'read' | 'time'): void {
    const [names, leavings] = [new Set<string>(), new Set<string>()]
    for (const segment of this.bus.segments)
      for (let at = 0; at < segment.end; at = segment.next(at)) {
        if (segment.isRemoved(at)) continue
        const name = nameOfFrame({ partition: segment.partition(at), offset: segment.offset(at) })
        if (segment.isLeaving(at)) leavings.add(name)
        else names.add(name)
      }
    for (const { partition, offset } of this.account.collect(names, cause, this.times))
      this.hiding.noteGone(partition, offset + 1)
    this.hiding.collect(leavings, (record, arrivedAtMs) =>
      this.account.mayLetGo({ record, arrivedAtMs }, this.times),
    )
  }

  private get times(): Times {
    return { nowMs: this.clocks.nowMs(), epochMs: this.clocks.epochMs() }
  }

  private next(partition: number): number {
    return this.bus.nextOffset(partition) ?? 0
  }
}

export interface Begun {
  readonly at: number
  readonly end: number
  /** Whether its end was told since, and whether streams were open before. */
  hasEnded: boolean
  isLate: boolean
}
