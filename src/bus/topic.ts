// What stands between Kafka and the streams: a topic's bus, and the two questions that only Kafka can answer.
// plugins/kafka implements it; plugins/sse and the routes use it; neither imports the other.

import type { Replay } from '../options.ts'
import type { Bus } from './bus.ts'
import type { BusView } from './bus-view.ts'

/** A record as it came from Kafka. Offsets and timestamps are safe integers; timestamps are epoch ms, -1 if none. */
export interface KafkaRecord {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: Uint8Array | null
  /** null is a tombstone; empty is an empty value. */
  readonly value: Uint8Array | null
  readonly headers: readonly RecordHeader[]
}

export interface RecordHeader {
  readonly name: string
  readonly value: Uint8Array | null
}

/** First retained offset and next offset to be written (the high watermark) of one partition. */
export interface Watermarks {
  readonly start: number
  readonly end: number
}

/**
 * The watermarks of every partition that Kafka lists, by partition. null: its leader did not answer in time, so nothing is known
 * of it yet.
 */
export type PartitionWatermarks = ReadonlyMap<number, Watermarks | null>

export type Encoding = 'text' | 'base64' | 'envelope'

/** What a bus keeps: the newest record of every key, or every record, the oldest going first. */
export type Keeps = 'latest' | 'all'

/** What a stream's replay asks of its bus. */
export function keepsFor(replay: Replay): Keeps {
  return replay === 'latest' ? 'latest' : 'all'
}

export interface Topic {
  readonly name: string
  readonly encoding: Encoding
  readonly bus: BusView
  /**
   * Every partition's watermarks, asked of Kafka after this call: one query in flight, one queued for all callers. Resolves
   * when each leader has answered or was given up; waits for as long as Kafka does not list the topic; rejects only when
   * `signal` aborts or the topic closes.
   */
  watermarks(signal: AbortSignal): Promise<PartitionWatermarks>
}

/** A topic in the thread that reads it from Kafka. */
export interface FedTopic extends Topic {
  readonly bus: Bus
  /** Why this topic is not ready, in words for an operator; null when it is. Never holds a credential. */
  notReady(): string | null
}

/** Where streams get their topics. */
export interface TopicSource {
  /** The bus of (topic, encoding, what is kept), one for all who ask; its consumption begins with the first. */
  open(name: string, encoding: Encoding, keeps: Keeps): Topic
}

/** What plugins/kafka decorates the app with, as `app.kafkaSseTopics`. */
export interface Topics extends TopicSource {
  open(name: string, encoding: Encoding, keeps: Keeps): FedTopic
  /** Every topic that was opened. */
  all(): readonly FedTopic[]
}
