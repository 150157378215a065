// What stands between Kafka and the streams: a topic's bus, and the two questions that only Kafka can answer.
// plugins/kafka implements it; plugins/sse and the routes use it; neither imports the other.

import type { Bus } from './bus.ts'
import type { BusView } from './bus-view.ts'
import type { Encoding, Keeps, PartitionWatermarks } from './record.ts'

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
