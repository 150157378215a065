// Reads Kafka topics from their beginning into buses, one bus for each topic, encoding and retention. Decorates the app
// with `kafkaSseTopics`. Without a broker it opens topics all the same, and keeps trying to connect.

import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { Bus } from '../src/bus/bus.ts'
import type { Encoding, Keeps } from '../src/bus/record.ts'
import { SharedAnswer } from '../src/bus/shared-answer.ts'
import { type FedTopic, requireSelectors, type Topics } from '../src/bus/topic.ts'
import { KAFKA_SETTINGS } from '../src/config/kafka-settings.ts'
import { withDefaults } from '../src/config/setting.ts'
import type { KafkaOptions } from '../src/options.ts'
import type { Selector } from '../src/routing/selector.ts'
import { SegmentPool } from '../src/segments/segment-pool.ts'
import { warnOfMissingParts } from './kafka/client/librdkafka-build.ts'
import type { Feeding } from './kafka/following/reader.ts'
import { type OpenSource, openSource } from './kafka/following/shared-source.ts'

declare module 'fastify' {
  interface FastifyInstance {
    kafkaSseTopics: Topics
  }
}

/** The settings that bound a bus. The schema has a default for each. */
const BUS_SETTINGS = [
  'retainedBytesMax',
  'retainedRecordsMax',
  'retainedSecondsMax',
  'deleteRetentionSeconds',
] as const

async function kafka(app: FastifyInstance, options: KafkaOptions): Promise<void> {
  warnOfMissingParts(app.log)
  const topics = new KafkaTopics(app, options)
  // Before anything that may throw: the shared source must be released even if this registration fails.
  app.addHook('onClose', () => topics.close())
  app.decorate('kafkaSseTopics', topics)
}

export const kafkaSseKafka = fastifyPlugin(kafka, { fastify: '5.x', name: 'kafka-sse-kafka' })
export default kafkaSseKafka

/** What `open` is called with. */
interface Reading {
  readonly name: string
  readonly encoding: Encoding
  readonly keeps: Keeps
  readonly selectors: readonly Selector[]
}

class KafkaTopics implements Topics {
  private readonly app: FastifyInstance
  private readonly options: KafkaOptions
  private readonly pool = new SegmentPool()
  private readonly opened = new Map<string, FedTopic>()
  private readonly feedings: Feeding[] = []
  private readonly source: OpenSource

  /** Throws, naming the property, if librdkafka does not take the configuration. */
  constructor(app: FastifyInstance, options: KafkaOptions) {
    this.app = app
    this.options = options
    this.source = openSource(options, app.log)
  }

  open(name: string, encoding: Encoding, keeps: Keeps, selectors: readonly Selector[] = []): FedTopic {
    const key = `${encoding} ${keeps} ${name}`
    const topic = this.opened.get(key) ?? this.follow({ name, encoding, keeps, selectors })
    this.opened.set(key, topic)
    requireSelectors(topic, selectors)
    return topic
  }

  all(): readonly FedTopic[] {
    return [...this.opened.values()]
  }

  /** Stops feeding the buses. Resolves within 1 s. */
  async close(): Promise<void> {
    for (const feeding of this.feedings) feeding.stop()
    await this.source.release()
  }

  private follow(reading: Reading): FedTopic {
    const { name, encoding } = reading
    const bus = this.createBus(reading)
    const feeding = this.source.feed(name, bus, this.app.log)
    this.feedings.push(feeding)
    const watermarks = new SharedAnswer(() => feeding.watermarks())
    return {
      name,
      encoding,
      bus,
      watermarks: (signal) => watermarks.ask(signal),
      notReady: () => feeding.notReady(),
    }
  }

  private createBus({ name, encoding, keeps, selectors }: Reading): Bus {
    const bounds = withDefaults(this.options, KAFKA_SETTINGS, BUS_SETTINGS)
    const { retainedBytesMax, retainedRecordsMax, ...times } = bounds
    const { log } = this.app
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
