// The embedded broker, for tests and trials: librdkafka's mock cluster of one broker, which speaks the real protocol.
// It listens on 127.0.0.1, on a port that the operating system chooses; librdkafka has no option for it.

import type { Metadata } from 'node-rdkafka'
import { answerOf } from './callback.ts'
import { newProducer } from './new-client.ts'
import type { ClientProperties } from './properties.ts'

/**
 * Limits: no compaction, and nothing is kept after the process ends; about 5 MB are kept of each partition; every topic
 * has 4 partitions and is created by the first request for it; topics cannot be configured or deleted; consumers get
 * the records of aborted transactions; any number of `acks` is taken.
 */
export interface MockBroker {
  /** host:port */
  readonly address: string
  close(): Promise<void>
}

/** How librdkafka names its mock clusters. */
const MOCK_ID = /^mockCluster/
const ANSWER_MS = 5_000
/** librdkafka's property for tests. */
const ONE_MOCK_BROKER: ClientProperties = { global: { 'test.mock.num.brokers': 1 }, topic: {} }

/**
 * Whether a cluster of this id is an embedded broker. It knows no rights, and takes records that Apache Kafka refuses,
 * such as those with `acks` 2.
 */
export function isMockCluster(id: string | null): boolean {
  return id !== null && MOCK_ID.test(id)
}

/** Resolves when the broker serves and the topics exist. */
export async function startMockBroker(topics: readonly string[]): Promise<MockBroker> {
  const host = newProducer(ONE_MOCK_BROKER)
  const metadata = await answerOf<Metadata>((callback) =>
    host.connect({ allTopics: false, timeout: ANSWER_MS }, callback),
  )
  for (const topic of topics) {
    await answerOf((callback) => host.getMetadata({ topic, allTopics: false, timeout: ANSWER_MS }, callback))
  }
  const [broker] = metadata.brokers
  if (broker === undefined) throw new Error('the embedded broker did not start')
  return {
    address: `${broker.host}:${broker.port}`,
    close: async () => {
      await answerOf<unknown>((callback) => host.disconnect(callback))
    },
  }
}
