// Interfaces between Kafka and the streams: a topic's bus, its watermarks, its readiness. plugins/kafka implements
// them; plugins/sse and the routes use them. Neither imports the other.

import type { Selector } from '../routing/selector.ts'
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

export interface TopicSource {
  /**
   * The topic with this encoding and retention. All callers share one bus; the first call begins to read the topic, and
   * says by what streams may be selected from it: by nothing, unless it names selectors. Throws for a selector that
   * the first call has not named.
   */
  open(name: string, encoding: Encoding, keeps: Keeps, selectors?: readonly Selector[]): Topic
}

/** The decorator of plugins/kafka: `app.kafkaSseTopics`. */
export interface Topics extends TopicSource {
  open(name: string, encoding: Encoding, keeps: Keeps, selectors?: readonly Selector[]): FedTopic
  /** Every topic that was opened. */
  all(): readonly FedTopic[]
}

/** Throws an error that names the topic and the selector if the topic's bus was not opened with it. */
export function requireSelectors({ name, bus }: Topic, selectors: readonly Selector[]): void {
  const missing = selectors.find((selector) => bus.routeReader.numberOf(selector) === -1)
  if (missing !== undefined)
    throw new Error(`topic ${name} is open already, and not to be selected by ${missing.name}`)
}
