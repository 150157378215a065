// A server as the resume tests see it: a real bus that reads the model's logs in an order of its own, and real beginnings
// of streams, without sockets or Kafka.

import { Bus, type BusOptions } from '../../src/bus.ts'
import type { BusView } from '../../src/bus-view.ts'
import type { Cursor } from '../../src/cursor.ts'
import { LatestAnswers } from '../../src/latest-answers.ts'
import type { Position } from '../../src/position.ts'
import type { GapReason } from '../../src/signals.ts'
import { Start, type Wish } from '../../src/start.ts'
import { BusMirror } from '../../src/threads/bus-mirror.ts'
import { BusReporter } from '../../src/threads/bus-news.ts'
import type { KafkaRecord, Topic } from '../../src/topic.ts'
import type { Log } from './log.ts'

/** A whole number from 0 to below the bound: the case's own randomness. */
export type Choose = (bound: number) => number

/** What came of a beginning: a cursor, with a word on why it is not where the client left off, or an end. */
export interface Beginning {
  readonly cursor: Cursor | null
  readonly gap: GapReason | null
  readonly end: string | null
}

export class Server {
  readonly bus: Bus
  /** The bus as its streams see it: itself, or as another thread does, which hears of it some time later. */
  readonly view: BusView
  /** Whether there is something of which the other thread has yet to hear. */
  hasNews = false
  private readonly reporter: BusReporter
  private readonly logs: readonly Log[]
  private readonly choose: Choose

  /** Reads all that the logs hold, as a process does that starts. */
  constructor(logs: readonly Log[], options: BusOptions & { isMirrored: boolean }, choose: Choose) {
    this.logs = logs
    this.choose = choose
    this.bus = new Bus(options)
    this.reporter = new BusReporter(this.bus)
    this.bus.onChange(() => {
      this.hasNews = this.view !== this.bus
    })
    this.view = options.isMirrored ? new BusMirror(1) : this.bus
    const marks = new Map(logs.map((log, partition) => [partition, log.watermarks]))
    for (const [partition, start] of this.bus.readFrom(marks, marks.size))
      this.bus.setPartition(partition, start)
    this.read(Number.POSITIVE_INFINITY)
    this.bus.markCaughtUp()
    this.report()
  }

  /** The other thread, if there is one, hears of everything so far; or of so many parts of it, a few segments each. */
  report(partsMax = Number.POSITIVE_INFINITY): void {
    if (!(this.view instanceof BusMirror)) return
    for (let part = 0; part < partsMax; part++) {
      const news = this.reporter.news(1 + this.choose(4))
      this.view.receive(structuredClone(news))
      this.hasNews = !news.isWhole
      if (news.isWhole) break
    }
  }

  /** Reads up to `records` more, of whichever partitions come; shows them by the way. */
  read(records: number): void {
    for (let count = 0; count < records; count++) {
      const behind = this.logs.filter((log, partition) => this.next(partition) < log.end)
      const log = behind[this.choose(behind.length)]
      if (log === undefined) break
      this.readOne(log, this.logs.indexOf(log))
      if (this.choose(4) === 0) this.bus.publish()
    }
    this.bus.publish()
    if (this.choose(2) === 0) this.report(this.choose(2) === 0 ? 1 : Number.POSITIVE_INFINITY)
  }

  /** Learns where the logs begin now. */
  look(): void {
    for (const [partition, log] of this.logs.entries())
      if (log.start <= this.next(partition)) this.bus.trim(partition, log.start)
  }

  /** Looks where to begin until that is known, as a stream does: again whenever Kafka has answered. */
  async begin(wish: Wish): Promise<Beginning> {
    const topic = this.topic()
    const answers = new LatestAnswers(() => topic.watermarks(new AbortController().signal))
    let answered = () => {}
    const start = new Start({ topic, wish, answers, waiter: { answered: () => answered() }, nowMs: 0 })
    for (;;) {
      const hasAnswer = new Promise<void>((resolve) => {
        answered = resolve
      })
      const beginning = start.look(0)
      if (typeof beginning === 'string') await hasAnswer
      else if ('end' in beginning) return { cursor: null, gap: null, end: beginning.end }
      else return { cursor: beginning.cursor, gap: beginning.reason, end: null }
    }
  }

  /** What is still there of what streams know to be read. */
  holdings(): { has: (record: KafkaRecord) => boolean; position: Position } {
    const names = new Set(this.frames().map(({ partition, offset }) => `${partition}/${offset}`))
    return {
      has: ({ partition, offset }) => names.has(`${partition}/${offset}`),
      position: this.view.position(),
    }
  }

  /** Where a client begins that has no id: what lies before is not for it. */
  floorOf({ sinceMs, from }: Omit<Wish, 'id'>): Position {
    const now = this.view.position()
    if (sinceMs === null) return from === 'latest' ? now : new Map()
    const floor = new Map(now)
    // What left the bus without the view having heard of it is still found.
    for (const { partition, offset, timestampMs } of this.frames(this.view.nextSequence).reverse())
      if (timestampMs >= sinceMs && offset < (now.get(partition) ?? 0)) floor.set(partition, offset)
    return floor
  }

  /** What has not left the bus before the frame of this sequence came. */
  private frames(
    asOf = Number.POSITIVE_INFINITY,
  ): { partition: number; offset: number; timestampMs: number }[] {
    return this.bus.segments.flatMap((segment) => {
      const frames = []
      for (let at = 0; at < segment.end; at = segment.next(at)) {
        if (segment.isBuried(at) && segment.supersededBefore(at, asOf)) continue
        if ((asOf === Number.POSITIVE_INFINITY ? this.bus : this.view).isSkipped(segment, at)) continue
        const [partition, offset] = [segment.partition(at), segment.offset(at)]
        frames.push({ partition, offset, timestampMs: segment.timestampMs(at) })
      }
      return frames
    })
  }

  /** Gives its segments back. */
  close(): void {
    this.bus.recreate()
  }

  private topic(): Topic {
    const marks = new Map(this.logs.map((log, partition) => [partition, log.watermarks]))
    return {
      name: 'events',
      encoding: 'text',
      bus: this.view,
      watermarks: () => Promise.resolve(marks),
    }
  }

  private readOne(log: Log, partition: number): void {
    const next = this.next(partition)
    if (log.start > next) this.bus.skip(partition, log.start)
    const record = log.records.find(({ offset }) => offset >= next)
    if (record === undefined) this.bus.advance(partition, log.end)
    else this.bus.append(record)
  }

  private next(partition: number): number {
    return this.bus.position().get(partition) ?? 0
  }
}
