// Whether Kafka has topics that are not followed yet. One question is under way at most, and the next one asks for all
// topics that were wanted meanwhile.

import { SharedAnswer } from '../../../src/bus/shared-answer.ts'
import type { ListedPartition } from '../client/questions.ts'

type Listed = ReadonlyMap<string, readonly ListedPartition[]>

export class Listings {
  private readonly answers: SharedAnswer<Listed | null>
  /** Topics that the next question asks for. */
  private wanted = new Set<string>()

  /** `question` resolves with null if Kafka does not answer. */
  constructor(question: (topics: readonly string[]) => Promise<Listed | null>) {
    this.answers = new SharedAnswer(() => {
      const topics = [...this.wanted]
      this.wanted = new Set()
      return question(topics)
    })
  }

  /** Whether Kafka lists partitions of the topic; null if it does not answer. Asked after this call. */
  async isListed(topic: string, signal: AbortSignal): Promise<boolean | null> {
    this.wanted.add(topic)
    const listed = await this.answers.ask(signal)
    return listed === null ? null : (listed.get(topic)?.length ?? 0) > 0
  }
}
