// The interface of a source of records: its questions, its reads and its events. `Consumer` implements it for Kafka.

import type { KafkaRecord } from '../../../src/bus/record.ts'
import type { StopNews, TopicIdNews } from './log-line.ts'
import type { ListedPartition, TopicOffsets, TopicPartition } from './questions.ts'

/** Every call gives up after a stated time; the caller decides whether to ask again. */
export interface RecordSource {
  /** Readies the client. It connects in the background, and reconnects for as long as it lives. */
  connect(): Promise<void>
  /** The partitions of each topic; none if there is no such topic, or none that we may see. */
  partitions(topics: readonly string[]): Promise<Map<string, ListedPartition[]>>
  /** Offset of the first retained record of each partition. A partition that could not be asked is left out. */
  starts(partitions: readonly TopicPartition[], timeoutMs: number): Promise<TopicOffsets>
  /**
   * The offset that a reader of each partition reaches: the next one to be written, or where the oldest open
   * transaction began (`read_committed`: librdkafka asks with its isolation level, Kafka answers with the last stable
   * offset).
   */
  ends(partitions: readonly TopicPartition[], timeoutMs: number): Promise<TopicOffsets>
  assign(partitions: readonly AssignedPartition[]): void
  /** Drops the records that were fetched of these partitions but not handed over, if no read is under way. */
  unassign(partitions: readonly TopicPartition[]): void
  /**
   * Hands over the records that are ready. If none is, waits up to `waitMs` for the next record, and hands over what
   * came with it.
   */
  read(waitMs?: number): Promise<void>
  /** Resolves within 1 s. */
  close(): Promise<void>
}

export interface AssignedPartition extends TopicPartition {
  readonly offset: number
}

export interface ConsumerEvents {
  onRecord(topic: string, record: KafkaRecord): void
  /** Everything below `offset`, the end of the partition, was handed over. */
  onEnd(topic: string, partition: number, offset: number): void
  /** The whole batch was handed over. Called in the same turn of the event loop, before any promise resolves. */
  onBatchEnd(): void
  /** No broker is connected, or one failed. May be called a hundred times a second. */
  onTrouble(): void
  /** A line of librdkafka's own log, without our secrets. `isFailure`: it says why a connection failed. */
  onLog(line: string, isFailure: boolean): void
  /** Why no new token could be had, so that the present one stays in use; null when one was had. */
  onTokenTrouble?(words: string | null): void
  /** A broker holds back its answers for this time, because the principal is over a quota. */
  onThrottle?(ms: number): void
  /** Called as soon as librdkafka knows it, and before librdkafka asks for a record of a topic that was recreated. */
  onTopicId(news: TopicIdNews): void
  /** The partition is not read any further until it is assigned again. Records fetched before may still come. */
  onStop(news: StopNews): void
}
