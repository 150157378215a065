// Reads topics that are compressed with each of Kafka's codecs, as far as librdkafka was built with that codec.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasKafkaFeatures } from '../support/programs.ts'
import { bootstrapServers, Kafka } from './kafka.ts'
import { RecordedTopic } from './recorded-topic.ts'

const VALUES = Array.from({ length: 500 }, (_, number) => `record ${number} `.repeat(10))
const canRead = (codec: string) =>
  bootstrapServers !== null && hasKafkaFeatures(`topics compressed with ${codec}`, codec)

describe.skipIf(bootstrapServers === null)('A compressed topic', () => {
  let kafka: Kafka

  beforeAll(() => {
    kafka = new Kafka(bootstrapServers)
  })
  afterAll(() => kafka.close())

  for (const codec of ['gzip', 'snappy', 'lz4', 'zstd']) {
    it.skipIf(!canRead(codec))(`is read where it is ${codec}`, () => expectRead(codec))
  }

  async function expectRead(codec: string): Promise<void> {
    const topic = await kafka.createTopic({ config: { 'compression.type': codec } })
    await kafka.produce(topic, ...VALUES.map((value) => ({ value })))
    const recorded = new RecordedTopic()
    try {
      await recorded.open({ bootstrapServers: kafka.bootstrapServers }, topic)
      await recorded.caughtUp()
      expect(recorded.values()).toEqual(VALUES)
      expect(recorded.warnings()).toEqual([])
    } finally {
      await recorded.app.close()
    }
  }
})
