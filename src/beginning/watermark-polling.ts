// What one stream asks Kafka: where each partition ends. It asks again, a second after each answer, until it is stopped.
// However many streams ask, Kafka has one question at a time: src/bus/shared-answer.ts.

import type { PartitionWatermarks } from '../bus/record.ts'
import type { Question, SharedAnswer, Waiter } from '../bus/shared-answer.ts'

/** How long after an answer that did not tell enough it asks again. */
const POLL_INTERVAL_MS = 1000

export class WatermarkPolling {
  /** When it asks again, in monotonic ms; Infinity while an answer is on its way, of which the waiter is told. */
  pollAtMs = Number.NEGATIVE_INFINITY
  private readonly answers: SharedAnswer<PartitionWatermarks>
  private readonly waiter: Waiter
  private question: Question<PartitionWatermarks> | null = null

  constructor(answers: SharedAnswer<PartitionWatermarks>, waiter: Waiter) {
    this.answers = answers
    this.waiter = waiter
  }

  /** The answer, once for each; null where none has come since the last call, `closed` where none will come any more. */
  take(nowMs: number): PartitionWatermarks | 'closed' | null {
    const { question } = this
    if (question === null) return this.poll(nowMs)
    if (!question.isOver) return null
    this.question = null
    this.pollAtMs = nowMs + POLL_INTERVAL_MS
    return question.answer ?? 'closed'
  }

  stop(): void {
    this.question?.leave(this.waiter)
    this.question = null
    this.pollAtMs = Number.POSITIVE_INFINITY
  }

  private poll(nowMs: number): null {
    if (nowMs < this.pollAtMs) return null
    this.pollAtMs = Number.POSITIVE_INFINITY
    this.question = this.answers.put()
    this.question.join(this.waiter)
    return null
  }
}
