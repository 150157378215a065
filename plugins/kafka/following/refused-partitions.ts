// Partitions whose leader answers with an error. They are asked about separately, because librdkafka then drops the
// answer for all others in the question. Finding one among a thousand takes some ten questions.

import type { TopicPartition } from '../client/questions.ts'

export interface LedPartition extends TopicPartition {
  readonly leader: number
}

/** Beyond this the oldest are forgotten. Finding one again costs its leader some questions. */
const REFUSED_MAX = 10_000

export class RefusedPartitions {
  /** The leader that refused each partition. Partitions that were asked about longest ago come first. */
  private readonly leaders = new Map<string, number>()

  note(partition: LedPartition): void {
    this.forget(partition)
    this.leaders.set(keyOf(partition), partition.leader)
    if (this.leaders.size <= REFUSED_MAX) return
    for (const oldest of this.leaders.keys()) {
      this.leaders.delete(oldest)
      return
    }
  }

  forget(partition: LedPartition): void {
    this.leaders.delete(keyOf(partition))
  }

  /**
   * Divides the partitions into those that their present leader refused, asked about longest ago first, and the others.
   */
  split(partitions: readonly LedPartition[]): {
    others: readonly LedPartition[]
    refused: readonly LedPartition[]
  } {
    if (this.leaders.size === 0) return { others: partitions, refused: [] }
    const others: LedPartition[] = []
    const refused = new Map<string, LedPartition>()
    for (const partition of partitions) {
      const key = keyOf(partition)
      if (this.leaders.get(key) === partition.leader) refused.set(key, partition)
      else others.push(partition)
    }
    if (refused.size === 0) return { others, refused: [] }
    return { others, refused: [...this.leaders.keys()].flatMap((key) => refused.get(key) ?? []) }
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic} ${partition}`
}
