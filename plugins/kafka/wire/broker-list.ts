// The brokers of a cluster as they call themselves: Metadata, version 1, without topics. librdkafka does not tell them
// while it cannot reach them by these names. https://kafka.apache.org/protocol.html#The_Messages_Metadata

import type { KafkaOptions } from '../../../src/options.ts'
import type { AdvertisedBroker } from '../client/probe.ts'
import { type BrokerAddress, BrokerConnection, canConnect } from './broker-connection.ts'
import { listField } from './fields.ts'

const METADATA = { key: 3, version: 1 }
/** What answers may be anything: of longer names the beginning is taken. No name in the DNS is longer. */
const HOST_LENGTH_MAX = 253

/** null where Kafka cannot be asked, for the same reasons as for a topic's settings. Never rejects. */
export async function brokerList(
  options: KafkaOptions,
  address: BrokerAddress,
): Promise<AdvertisedBroker[] | null> {
  if (!canConnect(options)) return null
  try {
    const connection = await BrokerConnection.open(options, address)
    try {
      const answer = await connection.ask(METADATA, listField([]))
      return answer.list(() => {
        const [id, host, port] = [answer.int32(), answer.text(), answer.int32()]
        answer.nullableText() // its rack
        return { id, host: host.slice(0, HOST_LENGTH_MAX), port }
      })
    } finally {
      connection.close()
    }
  } catch {
    // What is wrong with the connection is found by librdkafka, in its own words.
    return null
  }
}
