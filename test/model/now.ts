// What "from now" is at a server of the resume tests: the end of each partition as of the request, and what may be said to be
// gone since. Kafka's first word on a partition counts, where the server has to ask; and before it has, how far that is.

import type { Position } from '../../src/bus/position.ts'
import type { PartitionWatermarks } from '../../src/bus/record.ts'
import { type Question, SharedAnswer } from '../../src/bus/shared-answer.ts'
import type { GapReason } from '../../src/stream/signals.ts'
import type { Log } from './log.ts'
import type { Server } from './server.ts'

/** How long Kafka has to tell, where the server had yet to catch up. */
const TOLD_MS = 9_500

/** The answers to one beginning, which are the server's own. */
export class Now extends SharedAnswer<PartitionWatermarks> {
  private readonly server: Server
  private readonly logs: readonly Log[]
  private readonly asked: Position
  private readonly hasToCatchUp: boolean
  private readonly untilMs: number
  private readonly questions: Question<PartitionWatermarks>[] = []
  private readonly told = new Map<number, number>()
  private isOver = false
  /** It has been reading since the request: what is gone since ends it, and is no gap. */
  readonly isReading: boolean

  /** `id`: what it brought, if anything. */
  constructor(server: Server, id: string | null) {
    super(() => Promise.reject(new Error('the server asks')))
    this.server = server
    this.logs = server.viewLogs
    this.asked = server.ends()
    this.hasToCatchUp = !server.view.caughtUp
    this.isReading = id === null && server.view.caughtUp
    this.untilMs = server.nowMs + TOLD_MS
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
        if (marks !== null && !this.told.has(partition)) this.told.set(partition, marks.end)
    this.isOver = this.hasToCatchUp && this.server.nowMs >= this.untilMs
  }

  /** A partition that is not in it, or below 0, is read from its beginning: of another topic, which came after the request, any. */
  get position(): Position {
    if (this.logs !== this.server.viewLogs) return new Map()
    const position = new Map(this.asked)
    for (const [partition, end] of this.told)
      if (this.hasToCatchUp || !this.asked.has(partition))
        position.set(partition, Math.max(end, this.asked.get(partition) ?? 0))
    return position
  }

  /** The stream begins, after this word or none. */
  expect(said: GapReason | null): void {
    const owed = this.isReading ? null : this.server.viewAccount.gapAfter(this.position)
    if (said !== owed) throw new Error(`${said} was said, ${owed} is due since the request`)
  }
}
