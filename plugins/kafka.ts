// Reads Kafka topics from their beginning into buses, one bus for each topic, encoding and retention. Decorates the app
// with `kafkaSseTopics`. Without a broker it opens topics all the same, and keeps trying to connect.

import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { Bus } from '../src/bus/bus.ts'
import type { Encoding, Keeps } from '../src/bus/record.ts'
import { SharedAnswer } from '../src/bus/shared-answer.ts'
import {
  type FedTopic,
  type FedTopicLease,
  requireSelectors,
  type TopicRefusal,
  type Topics,
} from '../src/bus/topic.ts'
import { KAFKA_SETTINGS } from '../src/config/kafka-settings.ts'
import { withDefaults } from '../src/config/setting.ts'
import type { ControlCenter } from '../src/control/control-center.ts'
import type { ControlKeys } from '../src/control/control-keys.ts'
import type { KafkaOptions } from '../src/options.ts'
import type { Selector } from '../src/routing/selector.ts'
import { SegmentPool } from '../src/segments/segment-pool.ts'
import { SYSTEM_CLOCK } from '../src/stream/clock.ts'
import type { TokenLifetimes } from '../src/token/revocation.ts'
import { BUILT_LIBRARY, tellParts } from './kafka/client/librdkafka-build.ts'
import { ControlTopic } from './kafka/control/control-topic.ts'
import { type OpenSource, openSource } from './kafka/following/shared-source.ts'
import { keyOf, type ReadTopic, type TopicReading, TopicsByPath } from './kafka/topics-by-path.ts'

declare module 'fastify' {
  interface FastifyInstance {
    kafkaSseTopics: Topics
    /** What replicas tell each other; null without a control topic. */
    kafkaSseControlCenter: ControlCenter | null
  }
}

export interface KafkaPluginOptions extends KafkaOptions {
  /** Required with `controlTopic`. */
  readonly control?: ControlSettings
  /** Gets what may concern several registrations, since they share what reads Kafka. Default: the app's logger. */
  readonly sharedLog?: FastifyBaseLogger
}

export interface ControlSettings {
  readonly keys: ControlKeys
  readonly blindMs: number
  /** Of the tokens that are accepted. A revocation is remembered for as long. Default: unknown. */
  readonly lifetimes?: TokenLifetimes
}

/** The settings of topics that are opened by path. The schema has a default for each. */
const BY_PATH_SETTINGS = ['topicsIdleSeconds', 'topicsBytesMax', 'topicsOpenMax'] as const

/** The settings that bound a bus. The schema has a default for each. */
const BUS_SETTINGS = [
  'retainedBytesMax',
  'retainedRecordsMax',
  'retainedSecondsMax',
  'deleteRetentionSeconds',
] as const

async function kafka(
  app: FastifyInstance,
  { control, sharedLog = app.log, ...options }: KafkaPluginOptions,
): Promise<void> {
  tellParts(sharedLog)
  const topics = new KafkaTopics(options, app.log, sharedLog)
  let center: ControlCenter | null = null
  // Before anything that may throw: the shared source must be released even if this registration fails. Both at once,
  // because each may take a second where Kafka does not answer.
  app.addHook('onClose', async () => {
    await Promise.all([topics.close(), center?.close()])
  })
  app.decorate('kafkaSseTopics', topics)
  center = openCenter(options, control, sharedLog)
  app.decorate('kafkaSseControlCenter', center)
}

function openCenter(
  kafka: KafkaOptions,
  control: ControlSettings | undefined,
  log: FastifyBaseLogger,
): ControlCenter | null {
  const { controlTopic: topic = null } = kafka
  if (topic === null) return null
  if (control === undefined) throw new Error('kafka.controlTopic needs keys')
  const { lifetimes = new Map() } = control
  return new ControlTopic({ ...control, lifetimes, kafka, topic, clock: SYSTEM_CLOCK, log })
}

export const kafkaPlugin = fastifyPlugin(kafka, { fastify: '5.x', name: 'kafka-sse-kafka' })
export default kafkaPlugin

class KafkaTopics implements Topics {
  private readonly options: KafkaOptions
  private readonly log: FastifyBaseLogger
  private readonly sharedLog: FastifyBaseLogger
  private readonly pool = new SegmentPool()
  private readonly opened = new Map<string, ReadTopic>()
  private readonly source: OpenSource
  readonly byPath: TopicsByPath
  readonly library = BUILT_LIBRARY
  readonly partitionsShownMax: number

  /** Throws, naming the property, if librdkafka does not take the configuration. */
  constructor(options: KafkaOptions, log: FastifyBaseLogger, sharedLog: FastifyBaseLogger) {
    this.options = options
    this.log = log
    this.sharedLog = sharedLog
    this.source = openSource(options, sharedLog, 'streams')
    this.partitionsShownMax = withDefaults(options, KAFKA_SETTINGS, [
      'metricsPartitionsMax',
    ]).metricsPartitionsMax
    const bounds = withDefaults(options, KAFKA_SETTINGS, BY_PATH_SETTINGS)
    this.byPath = new TopicsByPath({
      source: this.source,
      named: (reading) => this.opened.get(keyOf(reading)),
      open: (reading) => this.follow(reading),
      pool: this.pool,
      log,
      nowMs: () => performance.now(),
      idleMs: bounds.topicsIdleSeconds * 1000,
      bytesMax: bounds.topicsBytesMax,
      openMax: bounds.topicsOpenMax,
    })
  }

  open(name: string, encoding: Encoding, keeps: Keeps, selectors: readonly Selector[] = []): FedTopic {
    const reading = { name, encoding, keeps, selectors }
    const topic = this.opened.get(keyOf(reading)) ?? this.follow(reading)
    this.opened.set(keyOf(reading), topic)
    requireSelectors(topic, selectors)
    return topic
  }

  acquire(
    name: string,
    encoding: Encoding,
    keeps: Keeps,
    selectors: readonly Selector[] = [],
  ): Promise<FedTopicLease | TopicRefusal> {
    return this.byPath.acquire({ name, encoding, keeps, selectors })
  }

  onClosed(listener: (topic: FedTopic) => void): void {
    this.byPath.onClosed(listener)
  }

  all(): readonly FedTopic[] {
    return [...this.opened.values()]
  }

  releaseThread(thread: number): void {
    for (const { bus } of [...this.opened.values(), ...this.byPath.open]) bus.releaseThread(thread)
    this.pool.releaseThread(thread)
  }

  /** Stops feeding the buses. Resolves within 1 s. */
  async close(): Promise<void> {
    for (const topic of this.opened.values()) topic.stop()
    this.byPath.close()
    await this.source.release()
  }

  private follow(reading: TopicReading): ReadTopic {
    const { name, encoding } = reading
    const bus = this.createBus(reading)
    const feeding = this.source.feed(name, bus, this.sharedLog)
    const watermarks = new SharedAnswer(() => feeding.watermarks())
    return {
      name,
      encoding,
      bus,
      watermarks: (signal) => watermarks.ask(signal),
      notReady: () => feeding.notReady(),
      stop: () => feeding.stop(),
    }
  }

  private createBus({ name, encoding, keeps, selectors }: TopicReading): Bus {
    const bounds = withDefaults(this.options, KAFKA_SETTINGS, BUS_SETTINGS)
    const { retainedBytesMax, retainedRecordsMax, ...times } = bounds
    const { log } = this
    return new Bus({
      encoding,
      keeps,
      selectors,
      retainedBytesMax,
      retainedRecordsMax,
      retainedMsMax: times.retainedSecondsMax === null ? null : times.retainedSecondsMax * 1000,
      deleteRetentionMs: times.deleteRetentionSeconds * 1000,
      pool: this.pool,
      onTooLarge: ({ partition, offset }, frameBytes) =>
        log.warn(
          { topic: name, partition, offset, frameBytes },
          'record passed over: its frame is too large',
        ),
      onPressure: (state) =>
        log.warn({ topic: name, retainedBytesMax, retainedRecordsMax }, `bus is ${state}`),
    })
  }
}
