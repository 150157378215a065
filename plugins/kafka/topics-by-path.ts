// Topics that streams name in their path: opened when the first stream asks, closed some time after the last one left.
// Promise: Kafka is asked first, so that no bus is opened for a topic that it lacks.

import type { Encoding, Keeps } from '../../src/bus/record.ts'
import {
  type FedTopic,
  type FedTopicLease,
  requireSelectors,
  type TopicRefusal,
  type TopicsByPathFigures,
} from '../../src/bus/topic.ts'
import type { Selector } from '../../src/routing/selector.ts'
import type { SegmentPool } from '../../src/segments/segment-pool.ts'
import { type LeaseBounds, type TopicCloseReason, TopicLeases } from '../../src/topics/topic-leases.ts'
import type { OpenSource } from './following/shared-source.ts'

/** What makes a bus: streams of the same share it. */
export interface TopicReading {
  readonly name: string
  readonly encoding: Encoding
  readonly keeps: Keeps
  /** By what streams are selected. Streams that share a bus name the same. */
  readonly selectors: readonly Selector[]
}

/** A topic that is read from Kafka, until it is stopped. */
export interface ReadTopic extends FedTopic {
  /** Stops feeding the bus. */
  stop(): void
}

export interface TopicsByPathParts extends LeaseBounds {
  readonly source: Pick<OpenSource, 'has' | 'hasFound'>
  /** The topic if it is configured by name, and so is always open. */
  readonly named: (reading: TopicReading) => FedTopic | undefined
  readonly open: (reading: TopicReading) => ReadTopic
  readonly pool: SegmentPool
  readonly log: { info(about: object, words: string): void }
  /** Monotonic. */
  readonly nowMs: () => number
}

/** How long a stream waits for Kafka to say whether it has the topic. */
const ANSWER_MS = 5_000
/** How often it is looked whether topics are to be closed. */
const SWEEP_MS = 1_000

export class TopicsByPath implements TopicsByPathFigures {
  readonly pool: SegmentPool
  readonly bytesMax: number
  opened = 0
  readonly closed: Record<TopicCloseReason, number> = { idle: 0, room: 0 }
  readonly closedCounts = { recordsAppended: 0, recordsTooLarge: 0 }
  private readonly parts: TopicsByPathParts
  private readonly leases: TopicLeases<ReadTopic>
  /** Questions to Kafka that are open, one for each topic however many streams wait for it. */
  private readonly asked = new Map<string, Promise<boolean | null>>()
  private readonly listeners = new Set<(topic: FedTopic) => void>()
  /** Aborts the questions that are open. Not AbortSignal.any, which holds bytes of each for as long as this lives. */
  private readonly waiting = new Set<AbortController>()
  private isClosed = false
  private readonly timer: NodeJS.Timeout

  constructor(parts: TopicsByPathParts) {
    this.parts = parts
    this.pool = parts.pool
    this.bytesMax = parts.bytesMax
    this.leases = new TopicLeases({
      ...parts,
      bytesOf: ({ bus }) => bus.retainedBytes,
      isOver: ({ name, bus }) => bus.caughtUp && !parts.source.hasFound(name),
      close: (topic, reason) => this.end(topic, reason),
    })
    this.timer = setInterval(() => this.leases.sweep(), SWEEP_MS)
    this.timer.unref()
  }

  get open(): readonly FedTopic[] {
    return this.leases.topics
  }

  async acquire(reading: TopicReading): Promise<FedTopicLease | TopicRefusal> {
    if (this.isClosed) return 'unknown'
    const { source, named, open, log } = this.parts
    if (!source.hasFound(reading.name)) {
      const isThere = await this.has(reading.name)
      if (isThere === null) return 'unknown'
      if (!isThere) return 'missing'
    }
    const topic = named(reading)
    if (topic !== undefined) return checked({ topic, release: () => {} }, reading)
    const opening = () => {
      log.info({ topic: reading.name }, 'topic opened, because a stream asks for it')
      this.opened++
      return open(reading)
    }
    const lease = this.leases.take(keyOf(reading), opening)
    return lease === null ? 'full' : checked(lease, reading)
  }

  onClosed(listener: (topic: FedTopic) => void): void {
    this.listeners.add(listener)
  }

  /** Closes every topic. Streams that wait for Kafka are refused. */
  close(): void {
    clearInterval(this.timer)
    this.isClosed = true
    for (const late of this.waiting) late.abort()
    this.leases.close()
  }

  /** Whether Kafka has the topic; null if it does not say so in time. */
  private has(name: string): Promise<boolean | null> {
    const known = this.asked.get(name)
    if (known !== undefined) return known
    const asked = this.ask(name).finally(() => this.asked.delete(name))
    this.asked.set(name, asked)
    return asked
  }

  private async ask(name: string): Promise<boolean | null> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), ANSWER_MS)
    this.waiting.add(late)
    try {
      return await this.parts.source.has(name, late.signal)
    } catch (error) {
      if (late.signal.aborted) return null
      throw error
    } finally {
      this.waiting.delete(late)
      clearTimeout(timer)
    }
  }

  private end(topic: ReadTopic, reason: TopicCloseReason): void {
    const { name, bus } = topic
    this.closed[reason]++
    this.closedCounts.recordsAppended += bus.recordsAppended
    this.closedCounts.recordsTooLarge += bus.recordsTooLarge
    topic.stop()
    for (const listener of this.listeners) listener(topic)
    bus.close()
    if (this.isClosed) return
    this.parts.log.info({ topic: name, reason }, 'topic closed, because no stream uses it')
  }
}

/** Streams that share a bus name the same selectors, so an error here is one of the configuration. */
function checked(lease: FedTopicLease, { selectors }: TopicReading): FedTopicLease {
  try {
    requireSelectors(lease.topic, selectors)
    return lease
  } catch (error) {
    lease.release()
    throw error
  }
}

export function keyOf({ name, encoding, keeps }: Omit<TopicReading, 'selectors'>): string {
  return `${encoding} ${keeps} ${name}`
}
