// A server as the resume tests see it: a real bus that reads the model's logs in an order of its own, a step at a time, and real
// beginnings of streams, without sockets or Kafka. Nothing that it does is followed by anything: what was read may be
// unpublished, what was published untold, what Kafka was asked unanswered, when the next step is somebody else's.

import { Beginning, type Wish } from '../../src/beginning/beginning.ts'
import { Bus, type BusOptions } from '../../src/bus/bus.ts'
import type { BusView } from '../../src/bus/bus-view.ts'
import { furthest, type Position } from '../../src/bus/position.ts'
import type { KafkaRecord, PartitionWatermarks } from '../../src/bus/record.ts'
import { SharedAnswer } from '../../src/bus/shared-answer.ts'
import { BusMirror } from '../../src/threads/bus-mirror.ts'
import { BusReporter } from '../../src/threads/bus-reporter.ts'
import { Account, nameOfFrame, type Times } from './account.ts'
import type { KafkaTopic, Log } from './log.ts'

/** A whole number from 0 to below the bound: the case's own randomness. */
export type Choose = (bound: number) => number

/** The clocks that a server has: its own wall clock may be wrong. */
export interface Clocks {
  readonly nowMs: () => number
  readonly epochMs: () => number
}

export interface ServerOptions extends Omit<BusOptions, keyof Clocks> {
  readonly isMirrored: boolean
}

/** Bounds that no case reaches. */
const BYTES_PLENTY = 10_000_000
const RECORDS_PLENTY = 100_000

export class Server {
  readonly bus: Bus
  /** The bus as its streams see it: itself, or as another thread does, which hears of it some time later. */
  readonly view: BusView
  /** Whether there is something of which the other thread has yet to hear. */
  hasNews = false
  /** Whether something was read since the last publish. */
  isUnpublished = false
  /** Logs of the topic that its streams know, which may be another one by now, and of the one that it reads. */
  viewLogs: readonly Log[]
  /** Whether its streams know that the topic was another one before. */
  isViewRemade = false
  /** What Kafka has answered it. */
  readonly answered: PartitionWatermarks[] = []
  private logs: readonly Log[]
  private account: Account
  private toldAccount: Account
  private toldEnds: Position = new Map()
  private isRemade = false
  /** How often all that it had read was given up, here and as its streams know. */
  private generation = 0
  viewGeneration = 0
  private readonly newAccount: () => Account
  private readonly kafka: KafkaTopic
  private readonly clocks: Clocks
  private readonly choose: Choose
  private readonly reporter: BusReporter
  /** Where the reading of each partition began, and where the partition ended then. */
  private readonly begun = new Map<number, Begun>()
  private readonly questions: ((answer: PartitionWatermarks) => void)[] = []
  readonly answers = new SharedAnswer<PartitionWatermarks>(() => this.ask())

  constructor(kafka: KafkaTopic, { isMirrored, ...options }: ServerOptions, clocks: Clocks, choose: Choose) {
    this.kafka = kafka
    this.logs = kafka.logs
    this.viewLogs = kafka.logs
    this.clocks = clocks
    this.choose = choose
    this.bus = new Bus({ ...options, ...clocks })
    const { keeps, retainedMsMax, deleteRetentionMs, retainedBytesMax, retainedRecordsMax } = options
    const isBounded = retainedBytesMax < BYTES_PLENTY || retainedRecordsMax < RECORDS_PLENTY
    this.newAccount = () => new Account({ keeps, retainedMsMax, deleteRetentionMs, isBounded })
    this.account = this.newAccount()
    this.toldAccount = this.account.told()
    this.reporter = new BusReporter(this.bus)
    this.bus.onChange(() => {
      this.hasNews = this.view !== this.bus
    })
    this.view = isMirrored ? new BusMirror(1) : this.bus
    this.declare()
  }

  /** Reads up to `records` more, of whichever partitions come; publishes by the way, and may leave the last unpublished. */
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

  /** The other thread, if there is one, hears of everything so far; or of so many parts of it, a few segments each. */
  report(partsMax = Number.POSITIVE_INFINITY): void {
    if (!(this.view instanceof BusMirror)) return
    for (let part = 0; part < partsMax; part++) {
      const news = this.reporter.news(1 + this.choose(4))
      this.view.receive(structuredClone(news))
      this.hasNews = !news.isWhole
      if (this.hasNews) continue
      this.viewLogs = this.logs
      this.toldAccount = this.account.told()
      this.toldEnds = this.endsAtBegin
      this.isViewRemade = this.isRemade
      this.viewGeneration = this.generation
      break
    }
  }

  /** Where every partition ends at the least, as its streams know: how far it is read, or what was told when that began. */
  ends(): Position {
    return furthest(this.view.position(), this.isMirrored ? this.toldEnds : this.endsAtBegin)
  }

  /** What its streams know of what it has read and let go. */
  get viewAccount(): Account {
    return this.view === this.bus ? this.account : this.toldAccount
  }

  /** Whether what its streams read is what Kafka has by the topic's name. */
  get isViewCurrent(): boolean {
    return this.viewLogs === this.kafka.logs
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

  /** Kafka answers whoever has asked. */
  async answer(): Promise<void> {
    const { watermarks } = this.kafka
    if (this.questions.length > 0) this.answered.push(watermarks)
    for (const answer of this.questions.splice(0)) answer(watermarks)
    await new Promise<void>((resolve) => setImmediate(resolve))
  }

  maintain(): boolean {
    const isDone = this.bus.maintain(this.clocks.epochMs(), this.clocks.nowMs())
    if (isDone) this.collect('time')
    return isDone
  }

  /** Everything of leaders that answer is read, published and told. */
  readAll(): void {
    if (this.isBehindTopic) this.recreate()
    this.declare()
    this.read(Number.POSITIVE_INFINITY)
    this.publish()
    this.catchUp()
    this.report()
  }

  /** All that can be done is done. */
  async settle(): Promise<void> {
    this.readAll()
    await this.answer()
  }

  /** The beginning of a stream. */
  begin(wish: Wish, answers = this.answers): Beginning {
    const topic = {
      name: 'events',
      encoding: 'text',
      bus: this.view,
      watermarks: () => this.ask(),
    } as const
    return new Beginning({ topic, wish, answers, waiter: { answered: () => {} }, nowMs: this.nowMs })
  }

  get nowMs(): number {
    return this.clocks.nowMs()
  }

  /** What is still there of what streams know to be read: of a topic that is no more nothing, whatever they have yet to hear. */
  holdings(): Holdings {
    const frames = this.isViewOutdated ? [] : this.frames()
    const names = new Set(frames.map(({ partition, offset }) => `${partition}/${offset}`))
    return {
      has: ({ partition, offset }) => names.has(`${partition}/${offset}`),
      position: this.view.position(),
    }
  }

  /** Where a client begins that wants what came since a moment, or everything: what lies before is not for it. */
  floorOf(sinceMs: number | null): Position {
    const now = this.view.position()
    if (sinceMs === null) return new Map()
    const floor = new Map(now)
    // What left the bus without the view having heard of it is still found.
    for (const { partition, offset, timestampMs } of this.frames(this.view.nextSequence).reverse())
      if (timestampMs >= sinceMs && offset < (now.get(partition) ?? 0)) floor.set(partition, offset)
    return floor
  }

  /** Whether its streams are in another thread. */
  get isMirrored(): boolean {
    return this.view !== this.bus
  }

  /** Whether its streams have yet to hear that the topic is another one, or is read again, of which its bus has records by now. */
  get isViewOutdated(): boolean {
    return this.logs !== this.viewLogs || this.generation !== this.viewGeneration
  }

  /** Where the reading of a partition began; undefined before it has. */
  begunOf(partition: number): Begun | undefined {
    return this.begun.get(partition)
  }

  /** Gives its segments back. */
  close(): void {
    this.bus.recreate()
  }

  private get endsAtBegin(): Position {
    return new Map([...this.begun].map(([partition, { end }]) => [partition, end]))
  }

  private get isBehindTopic(): boolean {
    return this.logs !== this.kafka.logs
  }

  /** The topic is another one: it is read from its beginning. */
  private recreate(): void {
    this.logs = this.kafka.logs
    this.account = this.newAccount()
    this.isRemade = true
    if (this.view === this.bus) {
      this.viewLogs = this.logs
      this.isViewRemade = true
    }
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
    this.bus.advance(partition, end)
    if (this.startsOver(misses)) return
    const begun = this.begun.get(partition)
    if (begun !== undefined) begun.hasEnded = true
  }

  /** Begins to read what has a leader that answers. */
  private declare(): void {
    const answering = [...this.logs.entries()].filter(
      ([partition, log]) => !log.isSilent && !this.begun.has(partition),
    )
    const marks = new Map(answering.map(([partition, { watermarks }]) => [partition, watermarks]))
    for (const [partition, at] of this.bus.readFrom(marks, this.logs.length)) {
      this.begun.set(partition, { at, end: marks.get(partition)?.end ?? 0, isLate: false, hasEnded: false })
      this.account.begin(partition, at, this.times)
      this.bus.setPartition(partition, at, marks.get(partition)?.end)
      this.noteEnd(partition, marks.get(partition)?.end ?? 0)
    }
  }

  private noteEnd(partition: number, end: number): void {
    this.account.noteEnd(partition, end, this.next(partition), this.times)
    this.bus.noteEnd(partition, end, this.times)
  }

  /** Where deletes may have been missed the topic is read again; false where none may. */
  private startsOver(misses: boolean): boolean {
    if ((this.bus.missed !== null) !== misses)
      throw new Error(`deletes were ${misses ? '' : 'not '}missed, and it says otherwise`)
    if (!misses) return false
    this.account = this.newAccount()
    this.begun.clear()
    this.bus.startOver()
    this.generation++
    if (this.view === this.bus) this.viewGeneration = this.generation
    this.declare()
    return true
  }

  private trim(partition: number, start: number): void {
    this.account.trim(partition, start)
    this.bus.trim(partition, start)
  }

  private skip(partition: number, start: number): void {
    this.account.skip(partition, start, this.times)
    this.bus.skip(partition, start)
  }

  private reads(partition: number): boolean {
    return this.begun.has(partition) && this.logs[partition]?.isSilent === false
  }

  private ask(): Promise<PartitionWatermarks> {
    return new Promise((resolve) => this.questions.push(resolve))
  }

  /** What has not left the bus before the frame of this sequence came. */
  private frames(asOf = Number.POSITIVE_INFINITY): Frame[] {
    const account = asOf === Number.POSITIVE_INFINITY ? this.account : this.viewAccount
    return this.bus.segments.flatMap((segment) => {
      const frames = []
      for (let at = 0; at < segment.end; at = segment.next(at)) {
        if (segment.isBuried(at) && segment.supersededBefore(at, asOf)) continue
        const [partition, offset] = [segment.partition(at), segment.offset(at)]
        if (account.isSkipped(partition, offset)) continue
        frames.push({ partition, offset, timestampMs: segment.timestampMs(at) })
      }
      return frames
    })
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
    this.bus.append(record)
    if (this.startsOver(misses)) return
    // Room was made before: what left then was not superseded by it.
    if (this.bus.segments !== segments) this.collect('read')
    account.add(record, times)
  }

  /** Accounts for what left the bus. */
  private collect(cause: 'read' | 'time'): void {
    const names = new Set<string>()
    for (const segment of this.bus.segments)
      for (let at = 0; at < segment.end; at = segment.next(at))
        if (!segment.isBuried(at))
          names.add(nameOfFrame({ partition: segment.partition(at), offset: segment.offset(at) }))
    this.account.collect(names, cause, this.times)
  }

  private get times(): Times {
    return { nowMs: this.clocks.nowMs(), epochMs: this.clocks.epochMs() }
  }

  private next(partition: number): number {
    return this.bus.nextOffset(partition) ?? 0
  }
}

export interface Holdings {
  readonly has: (record: KafkaRecord) => boolean
  readonly position: Position
}

export interface Begun {
  readonly at: number
  readonly end: number
  /** Whether its end was told since, and whether streams were open before. */
  hasEnded: boolean
  isLate: boolean
}

interface Frame {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
}
