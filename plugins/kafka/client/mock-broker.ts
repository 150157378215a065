// The embedded broker: librdkafka's own mock cluster of one broker, speaking the real protocol to anyone on this machine.
// For trying things out. It listens on 127.0.0.1 on a port that the OS gives: librdkafka lets nobody choose one.

import rdkafka from 'node-rdkafka'
import { answerOf } from './callback.ts'

/**
 * What it does not do: nothing is compacted and nothing outlives its process; of each partition it keeps the last 5 MB or
 * so; every topic has 4 partitions and is made when it is first asked for; topics cannot be configured or deleted; the
 * records of aborted transactions are handed out.
 */
export interface MockBroker {
  /** host:port */
  readonly address: string
  close(): Promise<void>
}

const ANSWER_MS = 5_000
/** A property that librdkafka has for tests, its own and others'. */
const ONE_MOCK_BROKER: Record<string, number> = { 'test.mock.num.brokers': 1 }

/** Resolves when it serves and the topics are there. */
export async function startMockBroker(topics: readonly string[]): Promise<MockBroker> {
  const host = new rdkafka.Producer(ONE_MOCK_BROKER, {})
  const metadata = await answerOf<rdkafka.Metadata>((callback) =>
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
