// The id of a cluster: Metadata, version 2, without topics. librdkafka's binding does not tell it.
// https://kafka.apache.org/protocol.html#The_Messages_Metadata

import type { KafkaOptions } from '../../../src/options.ts'
import { type BrokerAddress, BrokerConnection, canConnect } from './broker-connection.ts'
import { listField } from './fields.ts'

const METADATA = { key: 3, version: 2 }

/** null where Kafka cannot be asked, for the same reasons as for a topic's settings. Never rejects. */
export async function clusterId(options: KafkaOptions, address: BrokerAddress): Promise<string | null> {
  if (!canConnect(options)) return null
  try {
    const connection = await BrokerConnection.open(options, address)
    try {
      const answer = await connection.ask(METADATA, listField([]))
      answer.list(() => [answer.int32(), answer.text(), answer.int32(), answer.nullableText()])
      return answer.nullableText()
    } finally {
      connection.close()
    }
  } catch {
    // What is wrong with the connection is found by librdkafka, in its own words.
    return null
  }
}
