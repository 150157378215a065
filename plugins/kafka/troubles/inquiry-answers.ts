// What librdkafka says of partitions that are asked for: its debug lines name what cannot be read, and records and ends
// show what can.

import { isExplainedByRefresh, readFailure, refusedRead } from '../client/kafka-error.ts'
import type { AssignedPartition } from '../client/record-source.ts'

/** By topic and partition: why it cannot be read; null if it can. A partition that told nothing is left out. */
export type UnreadReasons = ReadonlyMap<string, ReadonlyMap<number, string | null>>

const FETCH_FAILED = /: ([\w.-]+) \[(\d+)\]: Fetch failed at .*: ([A-Z_]+)$/
const UNKNOWN_CODEC =
  /: ([\w.-]+) \[(\d+)\]: Message at offset (\d+) with unsupported compression codec 0x(\w+)/
/**
 * The end of a partition, so that it can be read. node-rdkafka drops an end that a read finds together with an error,
 * such as that of a principal without rights to the group, which comes twice a second.
 */
const AT_END = '_PARTITION_EOF'
/** librdkafka asks again by itself, and the refresh tells if that lasts. */
const HANDLED =
  /^(OFFSET_|UNKNOWN_|LEADER_|NOT_LEADER|BROKER_NOT|REPLICA_NOT|KAFKA_STORAGE|FENCED_|REQUEST_TIMED)/
/** By Kafka's number of a compression. */
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

export class InquiryAnswers {
  private readonly asked: readonly AssignedPartition[]
  private readonly known = new Map<string, string | null>()

  constructor(asked: readonly AssignedPartition[]) {
    this.asked = asked
  }

  get isComplete(): boolean {
    return this.asked.every((each) => this.known.has(keyOf(each.topic, each.partition)))
  }

  // Properties, because the consumer calls them apart from their object.

  readonly onRecord = (topic: string, { partition }: { readonly partition: number }): void => {
    this.noteRead(topic, partition)
  }

  readonly onEnd = (topic: string, partition: number): void => {
    this.noteRead(topic, partition)
  }

  readonly onLog = (line: string): void => {
    const [, topic, partition, name = ''] = FETCH_FAILED.exec(line) ?? []
    if (topic !== undefined && name === AT_END) this.noteRead(topic, Number(partition))
    else if (topic !== undefined && !HANDLED.test(name))
      this.known.set(`${topic} ${partition}`, refusedRead(name, `topic ${topic}`))
    const [, packed, number, offset, codec = ''] = UNKNOWN_CODEC.exec(line) ?? []
    if (packed !== undefined)
      this.known.set(`${packed} ${number}`, codecWords(offset, Number.parseInt(codec, 16)))
  }

  onBatchEnd(): void {}
  onTrouble(): void {}
  onTopicId(): void {}
  onStop(): void {}

  /** `failure`: of a read, whose partition no line has named; null if there was none. */
  reasons(failure: unknown): UnreadReasons {
    const silent = this.asked.filter((each) => !this.known.has(keyOf(each.topic, each.partition)))
    const found = [...this.known.values()].some((why) => why !== null)
    if (failure !== null && !isExplainedByRefresh(failure) && !found)
      for (const { topic, partition } of silent) {
        const words = readFailure(failure, `topic ${topic}`)
        this.known.set(
          keyOf(topic, partition),
          silent.length > 1 ? `one of them has an error: ${words}` : words,
        )
      }
    const reasons = new Map<string, Map<number, string | null>>()
    for (const { topic, partition } of this.asked) {
      const why = this.known.get(keyOf(topic, partition))
      if (why === undefined) continue
      reasons.set(topic, (reasons.get(topic) ?? new Map()).set(partition, why))
    }
    return reasons
  }

  private noteRead(topic: string, partition: number): void {
    const key = keyOf(topic, partition)
    if (!this.known.has(key)) this.known.set(key, null)
  }
}

function keyOf(topic: string, partition: number): string {
  return `${topic} ${partition}`
}

function codecWords(offset: string | undefined, codec: number): string {
  const known = CODECS[codec]
  const which =
    known === undefined
      ? `a compression that librdkafka does not know (${codec})`
      : `${known}, and librdkafka was built without it (\`kafka-sse features\` has the command that adds it)`
  return `its records from offset ${offset} on are compressed with ${which}`
}
