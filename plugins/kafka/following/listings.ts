// Whether Kafka has topics that are not followed yet. One question is under way at most, and the next one asks for all
// topics that were wanted meanwhile.

import { SharedAnswer } from '../../../src/bus/shared-answer.ts'
import type { ListedPartition } from '../client/questions.ts'
import { untilAnswered } from './pause.ts'

type Listed = ReadonlyMap<string, readonly ListedPartition[]>

/** What an open question rejects with. */
export const CLOSED = 'The Kafka consumer is closed'

export class Listings {
  private readonly answers: SharedAnswer<Listed | null>
  private readonly retryMs: () => number
  /** Topics that the next question asks for. */
  private wanted = new Set<string>()
  private isClosed = false

  /** `question` resolves with null if Kafka does not answer; `retryMs`: the wait before it is put again. */
  constructor(question: (topics: readonly string[]) => Promise<Listed | null>, retryMs: () => number) {
    this.retryMs = retryMs
    this.answers = new SharedAnswer(() => {
      const topics = [...this.wanted]
      this.wanted = new Set()
      return question(topics)
    })
  }

  /**
   * Whether Kafka lists partitions of the topic, asked after this call, until it answers. Rejects if `signal` aborts,
   * or within some seconds after `close`.
   */
  has(topic: string, signal: AbortSignal): Promise<boolean> {
    return untilAnswered(() => this.isListed(topic, signal), signal, this.retryMs)
  }

  close(): void {
    this.isClosed = true
  }

  private async isListed(topic: string, signal: AbortSignal): Promise<boolean | null> {
    if (this.isClosed) throw new Error(CLOSED)
    this.wanted.add(topic)
    const listed = await this.answers.ask(signal)
    return listed === null ? null : (listed.get(topic)?.length ?? 0) > 0
  }
}
