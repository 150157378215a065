// What "from now on" means at a server of the resume model. If that has caught up: the end of each partition as of the
// request. Else no record from after the request may be missing, as far as Kafka’s answers and timestamps tell.

import type { Position } from '../../src/bus/position.ts'
import type { KafkaRecord, PartitionWatermarks, Watermarks } from '../../src/bus/record.ts'
import { type Question, SharedAnswer } from '../../src/bus/shared-answer.ts'
import type { GapReason } from '../../src/stream/signals.ts'
import type { Log } from './log.ts'
import type { Server } from './server.ts'

/** How long a server that has yet to catch up waits for Kafka. */
const TOLD_MS = 9_500
/** By how much a producer's clock may be behind the server's. */
const CLOCK_BEHIND_MS = 1_000

/** The answers to one beginning, which are the server's own. */
export class Now extends SharedAnswer<PartitionWatermarks> {
  private readonly server: Server
  private readonly logs: readonly Log[]
  private readonly asked: Position
  /** Where each partition really ended. */
  private readonly endedAt: readonly number[]
  private readonly hasToCatchUp: boolean
  private readonly untilMs: number
  /** From when on, in epoch ms, a record may have come after the request. */
  private readonly sinceMs: number
  private readonly questions: Question<PartitionWatermarks>[] = []
  private readonly told = new Map<number, Watermarks>()
  private isOver = false
  /** The server has been reading since the request: a record that is gone since ends the stream, without a gap. */
  readonly isReading: boolean

  /** `id`: what the client brought, if anything. */
  constructor(server: Server, id: string | null) {
    super(() => Promise.reject(new Error('the server asks')))
    this.server = server
    this.logs = server.viewLogs
    this.asked = server.ends()
    this.endedAt = server.viewLogs.map(({ end }) => end)
    this.hasToCatchUp = !server.view.caughtUp
    this.isReading = id === null && server.view.caughtUp
    this.untilMs = server.nowMs + TOLD_MS
    this.sinceMs = server.epochMs - CLOCK_BEHIND_MS
  }

  override put(): Question<PartitionWatermarks> {
    const question = this.server.answers.put()
    this.questions.push(question)
    return question
  }

  /** To be called before each look of the beginning. */
  look(): void {
    if (this.isOver) return
    for (const { answer } of this.questions)
      for (const [partition, marks] of answer ?? [])
        if (marks !== null && !this.told.has(partition)) this.told.set(partition, marks)
    this.isOver = this.hasToCatchUp && this.server.nowMs >= this.untilMs
  }

  /**
   * Where the stream begins, which gets what comes after `begun`, with a gap or without. A partition that `begun`
   * lacks, or has below 0, is read from its beginning. Of a topic that was recreated after the request, any offset will
   * do.
   */
  beginning(said: GapReason | null, begun: Position): Position {
    const { viewAccount } = this.server
    if (this.logs !== this.server.viewLogs) return this.expect(said, new Map())
    if (!this.hasToCatchUp) return this.expect(said, this.known())
    const earliest = this.earliest()
    if (said === null) {
      this.expectBetween(earliest, begun)
      this.expectAllAfter(begun)
      return this.expect(said, begun)
    }
    if (viewAccount.gapAfter(earliest) === null) throw new Error(`${said} was said, and nothing is gone`)
    return earliest
  }

  private expect(said: GapReason | null, position: Position): Position {
    const owed = this.isReading ? null : this.server.viewAccount.gapAfter(position)
    if (said !== owed) throw new Error(`${said} was said, ${owed} is due since the request`)
    return position
  }

  /** What the server knew then, and Kafka's first answer on the rest. */
  private known(): Position {
    const position = new Map(this.asked)
    for (const [partition, { end }] of this.told) if (!this.asked.has(partition)) position.set(partition, end)
    return position
  }

  /**
   * No partition may begin before this: an end that was known, else the first record that may be from after the
   * request.
   */
  private earliest(): Position {
    const { view, viewAccount } = this.server
    const earliest = new Map([...this.asked].filter(([, end]) => end >= 0))
    for (const [partition, { start, end }] of this.told) {
      const read = view.nextOffset(partition) ?? -1
      if (earliest.has(partition)) continue
      if (read < 0) {
        if (start > 0) earliest.set(partition, start) // of which nothing is read
        continue
      }
      const written = [...(this.logs[partition]?.written.values() ?? [])]
      const first = written.find((record) => this.mayBeAfter(record))?.offset ?? read
      const readFrom = viewAccount.hasLost(partition) ? viewAccount.readFrom(partition) : read
      earliest.set(partition, Math.min(end, read, first, readFrom))
    }
    return earliest
  }

  private expectBetween(earliest: Position, begun: Position): void {
    for (const [partition, begins] of begun) {
      const from = earliest.get(partition)
      const to = this.known().get(partition) ?? -2
      if (from === undefined ? begins > 0 : begins < from || begins > to)
        throw new Error(`"now" is ${begins} in partition ${partition}, not ${from} to ${to}`)
    }
  }

  /**
   * Nothing from after the request is left out, by Kafka's own order, except superseded records if these may be.
   */
  private expectAllAfter(begun: Position): void {
    for (const [partition, log] of this.logs.entries())
      for (const record of log.written.values()) {
        const isAfter = record.offset >= (this.endedAt[partition] ?? 0) && this.mayBeAfter(record)
        if (!isAfter || record.offset >= (begun.get(partition) ?? 0)) continue
        if (!this.server.mayLeaveOut(record))
          throw new Error(`${partition}/${record.offset} came after the request, and is left out`)
      }
  }

  private mayBeAfter({ timestampMs }: KafkaRecord): boolean {
    return timestampMs >= this.sinceMs
  }
}

/** The moment from which a server sends every record to a client that asks for those since `sinceMs`. */
export function sinceAt({ epochMs, view }: Server, sinceMs: number): number {
  return view.caughtUp ? sinceMs : Math.min(sinceMs, epochMs - CLOCK_BEHIND_MS)
}
