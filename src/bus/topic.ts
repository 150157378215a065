// Interfaces between Kafka and the streams: a topic's bus, its watermarks, its readiness. plugins/kafka implements
// them; plugins/sse and the routes use them. Neither imports the other.

import type { Selector } from '../routing/selector.ts'
import type { SegmentPool } from '../segments/segment-pool.ts'
import type { Bus } from './bus.ts'
import type { BusView } from './bus-view.ts'
import type { Encoding, Keeps, PartitionWatermarks } from './record.ts'

export interface Topic {
  readonly name: string
  readonly encoding: Encoding
  readonly bus: BusView
  /**
   * Asks Kafka for every partition's watermarks. One query is in flight at most; all later callers share the next
   * one. Resolves when each leader has answered or was given up. Waits as long as Kafka does not list the topic.
   * Rejects only if `signal` aborts or the topic closes.
   */
  watermarks(signal: AbortSignal): Promise<PartitionWatermarks>
}

/** A topic in the thread that reads it from Kafka. */
export interface FedTopic extends Topic {
  readonly bus: Bus
  /** Why this topic is not ready, in words for an operator. null if it is ready. Never contains a credential. */
  notReady(): string | null
}

/** One use of a topic that was opened for a stream. The topic stays open until all uses of it are released. */
export interface TopicLease {
  readonly topic: Topic
  /** Ends this use. Further calls do nothing. */
  release(): void
}

/**
 * Why a topic is not opened for a stream. `missing`: Kafka has no such topic. `unknown`: Kafka has not said so in time.
 * `full`: there is no room for one more open topic.
 */
export type TopicRefusal = 'missing' | 'unknown' | 'full'

export interface TopicSource {
  /**
   * The topic with this encoding and retention. All callers share one bus; the first call begins to read the topic, and
   * says by what streams may be selected from it: by nothing, unless it names selectors. Throws for a selector that
   * the first call has not named.
   */
  open(name: string, encoding: Encoding, keeps: Keeps, selectors?: readonly Selector[]): Topic
  /**
   * The topic, which is opened if it is not open, and closed some time after its last use. Asks Kafka first whether it
   * has the topic, and waits for the answer for 5 s at most. Never rejects because of Kafka; `selectors` as in `open`.
   */
  acquire(
    name: string,
    encoding: Encoding,
    keeps: Keeps,
    selectors?: readonly Selector[],
  ): Promise<TopicLease | TopicRefusal>
  /** Calls `listener` with each topic of `acquire` that is closed. No stream uses it any more. */
  onClosed(listener: (topic: Topic) => void): void
}

/** The decorator of plugins/kafka: `app.kafkaSseTopics`. */
export interface Topics extends TopicSource {
  open(name: string, encoding: Encoding, keeps: Keeps, selectors?: readonly Selector[]): FedTopic
  acquire(
    name: string,
    encoding: Encoding,
    keeps: Keeps,
    selectors?: readonly Selector[],
  ): Promise<FedTopicLease | TopicRefusal>
  /** Every topic of `open`: those that are configured by name. */
  all(): readonly FedTopic[]
  /** The topics of `acquire`. */
  readonly byPath: TopicsByPathFigures
  /** What reads Kafka. */
  readonly library: KafkaLibrary
  /** Partitions, of all topics together, that metrics may show one by one. */
  readonly partitionsShownMax: number
  /** Releases all holds of a thread that has ended, in every bus. */
  releaseThread(thread: number): void
}

/** The build of librdkafka. */
export interface KafkaLibrary {
  readonly version: string
  /** Codecs that it can read, such as `gzip`. */
  readonly codecs: readonly string[]
}

export interface FedTopicLease extends TopicLease {
  readonly topic: FedTopic
}

export interface TopicsByPathFigures {
  /** Those that are open, in the order in which they were opened. */
  readonly open: readonly FedTopic[]
  /** The memory of all buses, by path or not. */
  readonly pool: Pick<SegmentPool, 'allocatedBytes' | 'partedBytes'>
  /** Bound of the bytes that they may hold together. */
  readonly bytesMax: number
  /** How many were opened and closed so far, and what the closed ones had counted. */
  readonly opened: number
  readonly closed: { readonly idle: number; readonly room: number }
  readonly closedCounts: { readonly recordsAppended: number; readonly recordsTooLarge: number }
}

/** Throws an error that names the topic and the selector if the topic's bus was not opened with it. */
export function requireSelectors({ name, bus }: Topic, selectors: readonly Selector[]): void {
  const missing = selectors.find((selector) => bus.routeReader.numberOf(selector) === -1)
  if (missing !== undefined)
    throw new Error(`topic ${name} is open already, and not to be selected by ${missing.name}`)
}
