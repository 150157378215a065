// What a check asks of Kafka besides a consumer's questions: which brokers there are, and whether a topic may be
// written to. Promise: each answer comes within some seconds, with Kafka's own reason if it is a bad one. Nothing is
// written.

import type { DeliveryReport, KafkaConsumer, LibrdKafkaError, Metadata, Producer } from 'node-rdkafka'
import { errorWords } from '../../../src/errors.ts'
import type { KafkaOptions } from '../../../src/options.ts'
import { answerOf } from './callback.ts'
import { writeFailure } from './kafka-error.ts'
import { failureOf, type LogLine, tellsFailure } from './log-line.ts'
import { newConsumer, newProducer } from './new-client.ts'
import { consumerProperties, redacting, redactor, writeProbeProperties } from './properties.ts'
import { wholeReason } from './start-failure.ts'
import { tokenSupply } from './token-supply.ts'

/** A broker as the cluster advertises it. */
export interface AdvertisedBroker {
  readonly id: number
  readonly host: string
  readonly port: number
}

const CONNECT_MS = 5_000
const POLL_MS = 20
/** Reasons that are kept. */
const REASONS_MAX = 10

/** Rejects with a line for each reason that librdkafka gave. Throws a ConfigError for a property that it refuses. */
export async function advertisedBrokers(options: KafkaOptions): Promise<AdvertisedBroker[]> {
  const redact = redactor(options)
  const properties = consumerProperties(options)
  const client = redacting(redact, () => newConsumer(properties))
  const reasons = new Set<string>()
  client.on('event.log', (line: LogLine) => {
    if (tellsFailure(line) && reasons.size < REASONS_MAX) reasons.add(failureOf(redact(line.message)))
  })
  const tokens = tokenSupply(options)
  try {
    await tokens?.give(client)
    const connect = () =>
      answerOf<Metadata>((callback) => client.connect({ allTopics: false, timeout: CONNECT_MS }, callback))
    const { brokers } = await wholeReason(client, connect, redact)
    return brokers.map(({ id, host, port }) => ({ id, host, port }))
  } catch (error) {
    throw new Error([...reasons].join('\n') || redact(errorWords(error)))
  } finally {
    tokens?.release(client)
    await disconnected(client)
  }
}

/** How Kafka refuses `acks` that it does not know. It looks at rights first. */
const ACKS_REFUSED = /required acks/i

/**
 * null if the topic may be written to; else why not. Sends a record that Kafka refuses in any case, with acks=2: an
 * answer of Kafka's to the record itself means that the right to write it is there.
 */
export async function writeRefusal(options: KafkaOptions, topicName: string): Promise<string | null> {
  const redact = redactor(options)
  const properties = writeProbeProperties(options)
  const client = redacting(redact, () => newProducer(properties))
  const tokens = tokenSupply(options)
  try {
    await tokens?.give(client)
    const connect = () =>
      answerOf<unknown>((callback) => client.connect({ allTopics: false, timeout: CONNECT_MS }, callback))
    await wholeReason(client, connect, redact)
    client.setPollInterval(POLL_MS)
    const answered = new Promise<LibrdKafkaError | null>((resolve) => {
      client.once('delivery-report', (error: LibrdKafkaError | null, _report: DeliveryReport) =>
        resolve(error),
      )
    })
    client.produce(topicName, null, null)
    const error = await answered
    if (error === null || ACKS_REFUSED.test(errorWords(error))) return null
    return writeFailure(redact(errorWords(error)), `topic ${topicName}`)
  } finally {
    tokens?.release(client)
    await disconnected(client)
  }
}

/** One that could not connect is gone already, and answers no more. */
async function disconnected(client: KafkaConsumer | Producer): Promise<void> {
  if (client.isConnected()) await answerOf<unknown>((callback) => client.disconnect(callback))
}
