// Polls Kafka for one stream until it is stopped: where does each partition begin and end? It asks again a second after
// each answer. All streams of a topic share one question at a time (src/bus/shared-answer.ts).

import type { PartitionWatermarks } from '../bus/record.ts'
import type { Question, SharedAnswer, Waiter } from '../bus/shared-answer.ts'

/** Time from an answer to the next question. */
const POLL_INTERVAL_MS = 1000

export class WatermarkPolling {
  /** When to ask again, in monotonic ms. Infinity while a question is open: its answer calls the waiter. */
  pollAtMs = Number.NEGATIVE_INFINITY
  private readonly answers: SharedAnswer<PartitionWatermarks>
  private readonly waiter: Waiter
  private question: Question<PartitionWatermarks> | null = null

  constructor(answers: SharedAnswer<PartitionWatermarks>, waiter: Waiter) {
    this.answers = answers
    this.waiter = waiter
  }

  /**
   * Returns each answer once. null if none has come since the last call; asks if that is
   * due. `closed`: none will come.
   */
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
