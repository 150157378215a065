// A server of the resume model: what it reads, and real beginnings of streams, without sockets or Kafka. Nothing
// follows by itself: publishing, telling a worker and Kafka’s answers are steps of their own.

import { Beginning } from '../../src/beginning/beginning.ts'
import type { RequestedBeginning } from '../../src/beginning/requested-beginning.ts'
import type { BusOptions } from '../../src/bus/bus.ts'
import type { BusView } from '../../src/bus/bus-view.ts'
import { furthest, type Position } from '../../src/bus/position.ts'
import type { KafkaRecord, PartitionWatermarks } from '../../src/bus/record.ts'
import { SharedAnswer } from '../../src/bus/shared-answer.ts'
import { AllRecords, SelectedRecords } from '../../src/cursor/cursors.ts'
import { RouteSubscriptions } from '../../src/cursor/route-subscriptions.ts'
import { BusMirror } from '../../src/threads/bus-mirror.ts'
import { BusReporter } from '../../src/threads/bus-reporter.ts'
import type { Account } from './account.ts'
import type { Choose } from './choice.ts'
import type { LeavingsView } from './leavings.ts'
import type { KafkaTopic, Log } from './log.ts'
import { type Clocks, Reading } from './reading.ts'
import type { Selection } from './selection.ts'
import { Subscriber } from './subscriber.ts'

export interface ServerOptions extends Omit<BusOptions, keyof Clocks> {
  readonly isMirrored: boolean
}

export class Server extends Reading {
  /** The bus as its streams see it: the bus itself, or another thread's mirror, which hears of it later. */
  readonly view: BusView
  /** Whether the other thread has yet to hear of something. */
  hasNews = false
  /** Logs of the topic that its streams know, which may be another one by now. */
  viewLogs: readonly Log[]
  /** Whether its streams know that the topic was another one before. */
  isViewRemade = false
  /** How often all was dropped, as its streams know. */
  viewGeneration = 0
  /** What Kafka has answered it. */
  readonly answered: PartitionWatermarks[] = []
  readonly answers = new SharedAnswer<PartitionWatermarks>(() => this.ask())
  private toldAccount: Account
  private toldLeavings: LeavingsView
  private readonly subscriptions: RouteSubscriptions
  private toldEnds: Position = new Map()
  private readonly reporter: BusReporter
  private readonly questions: ((answer: PartitionWatermarks) => void)[] = []

  constructor(kafka: KafkaTopic, { isMirrored, ...options }: ServerOptions, clocks: Clocks, choose: Choose) {
    super(kafka, options, clocks, choose)
    this.viewLogs = kafka.logs
    this.toldAccount = this.account.told()
    this.toldLeavings = this.leavings
    this.reporter = new BusReporter(this.bus)
    this.bus.onChange(() => {
      this.hasNews = this.view !== this.bus
    })
    this.view = isMirrored ? new BusMirror(1, options.selectors) : this.bus
    this.subscriptions = new RouteSubscriptions(this.view)
    this.declare()
  }

  /** Another thread, if there is one, hears of everything so far, or of this many parts, a few segments each. */
  report(partsMax = Number.POSITIVE_INFINITY): void {
    if (!(this.view instanceof BusMirror)) return
    for (let part = 0; part < partsMax; part++) {
      const news = this.reporter.takeUpdate(1 + this.choose(4))
      this.view.receive(structuredClone(news))
      this.hasNews = !news.isWhole
      if (this.hasNews) continue
      this.viewLogs = this.logs
      this.toldAccount = this.account.told()
      this.toldLeavings = this.leavings
      this.toldEnds = this.endsAtBegin
      this.isViewRemade = this.isRemade
      this.viewGeneration = this.generation
      break
    }
  }

  /**
   * Where every partition ends at the least, as its streams know: how far it is read, or what Kafka told at its start.
   */
  ends(): Position {
    return furthest(this.view.position(), this.isMirrored ? this.toldEnds : this.endsAtBegin)
  }

  /** What its streams know of what it has read and removed. */
  get viewAccount(): Account {
    return this.view === this.bus ? this.account : this.toldAccount
  }

  /** What they know of keys that may have left a selection unseen. */
  get viewLeavings(): LeavingsView {
    return this.view === this.bus ? this.leavings : this.toldLeavings
  }

  /** Whether what its streams read is what Kafka has by the topic's name. */
  get isViewCurrent(): boolean {
    return this.viewLogs === this.kafka.logs
  }

  /** Kafka answers all who have asked. */
  async answer(): Promise<void> {
    const { watermarks } = this.kafka
    if (this.questions.length > 0) this.answered.push(watermarks)
    for (const answer of this.questions.splice(0)) answer(watermarks)
    await new Promise<void>((resolve) => setImmediate(resolve))
  }

  /** Everything of leaders that answer is read, published and told. */
  readAll(): void {
    if (this.isBehindTopic) this.recreate()
    this.declare()
    this.read(Number.POSITIVE_INFINITY)
    this.publish()
    this.catchUp()
    this.report()
    while (this.subscriptions.step());
  }

  /** Streams that select are told of some of the frames that came. Returns whether they were told of all. */
  lookAtFrames(): boolean {
    const how = this.choose(3)
    if (how === 1) this.subscriptions.step()
    if (how === 2) while (this.subscriptions.step());
    return how === 2
  }

  /** A stream that selects. null if it reads everything. */
  subscriber(selection: Selection): Subscriber | null {
    if (selection.isOfAll) return null
    const records = new SelectedRecords(this.view, selection.routes, this.subscriptions)
    return new Subscriber(records, this.subscriptions)
  }

  /** All that can be done is done. */
  async settle(): Promise<void> {
    this.readAll()
    await this.answer()
  }

  /** The beginning of a stream. */
  begin(
    requested: RequestedBeginning,
    answers: typeof this.answers,
    subscriber: Subscriber | null,
  ): Beginning {
    const topic = {
      name: 'events',
      encoding: 'text',
      bus: this.view,
      watermarks: () => this.ask(),
    } as const
    return new Beginning({
      topic,
      cursors: subscriber?.records ?? new AllRecords(this.view),
      requested,
      answers,
      waiter: { answered: () => {} },
      clock: this.clocks,
    })
  }

  /** Whether Kafka has deleted it, and reading of its partition has not begun yet. */
  private isGoneUnread({ partition, offset }: KafkaRecord): boolean {
    if (this.viewLogs !== this.logs || this.account.hasBegun(partition)) return false
    return offset < (this.logs[partition]?.start ?? 0)
  }

  /** Whether a record need not be sent: it is empty, or a newer one of its key is enough. */
  mayLeaveOut(record: KafkaRecord): boolean {
    const { partition, offset, key, value } = record
    const log = this.viewLogs[partition]
    if (key === null && value === null) return true
    // Kafka deleted it before its reading began, or compacted it away: a delete of what the client never had, or
    // superseded.
    if (offset < this.viewAccount.readFrom(partition) || this.isGoneUnread(record)) return true
    if (this.bus.keeps === 'all' || key === null) return false
    const newest = log?.newest(Number.POSITIVE_INFINITY).get(String(key))
    const isCompacted = value === null && log?.records.includes(record) === false
    return isCompacted || (newest !== undefined && newest.offset > offset)
  }

  /**
   * What is still there of what streams know to be read. Of a deleted topic that is nothing, even before they hear of
   * it.
   */
  holdings(): Holdings {
    const frames = this.isViewOutdated ? [] : this.frames()
    const names = new Set(frames.map(({ partition, offset }) => `${partition}/${offset}`))
    return {
      has: ({ partition, offset }) => names.has(`${partition}/${offset}`),
      position: this.view.position(),
    }
  }

  /**
   * Where a client begins that wants what came since a moment and all after `now`, or everything. It does not get what
   * is before. `selects`: it may begin where a key left a selection, also if that record is compacted away.
   */
  floorOf(sinceMs: number | null, selects: boolean, now = this.view.position()): Position {
    if (sinceMs === null) return new Map()
    const floor = new Map(now)
    // What left the bus without the view having heard of it is still found.
    for (const { partition, offset, timestampMs } of this.frames(this.view.nextSequence, selects).reverse())
      if (timestampMs >= sinceMs && offset < (now.get(partition) ?? 0)) floor.set(partition, offset)
    return floor
  }

  /** Whether its streams are in another thread. */
  get isMirrored(): boolean {
    return this.view !== this.bus
  }

  /**
   * Whether its bus has records of a topic that was recreated, or is read again, and its streams have yet to hear of
   * it.
   */
  get isViewOutdated(): boolean {
    return this.logs !== this.viewLogs || this.generation !== this.viewGeneration
  }

  /** Streams on the same thread know at once. */
  protected override beganAgain(): void {
    if (this.view !== this.bus) return
    this.viewLogs = this.logs
    this.isViewRemade = this.isRemade
    this.viewGeneration = this.generation
  }

  private ask(): Promise<PartitionWatermarks> {
    return new Promise((resolve) => this.questions.push(resolve))
  }

  /** What had not left the bus when the frame of this sequence came. `withLeavings`: keys that leave, too. */
  private frames(asOf = Number.POSITIVE_INFINITY, withLeavings = false): Frame[] {
    const account = asOf === Number.POSITIVE_INFINITY ? this.account : this.viewAccount
    return this.bus.segments.flatMap((segment) => {
      const frames = []
      for (let at = 0; at < segment.end; at = segment.next(at)) {
        if (segment.isLeaving(at) && !withLeavings) continue
        if (segment.isRemoved(at) && segment.supersededBefore(at, asOf)) continue
        const [partition, offset] = [segment.partition(at), segment.offset(at)]
        if (account.isSkipped(partition, offset)) continue
        frames.push({ partition, offset, timestampMs: segment.timestampMs(at) })
      }
      return frames
    })
  }
}

export interface Holdings {
  readonly has: (record: KafkaRecord) => boolean
  readonly position: Position
}

interface Frame {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
}
