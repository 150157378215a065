// A quota of Kafka for all clients of one id, given and taken away: AlterClientQuotas, version 0.
// https://kafka.apache.org/protocol.html#The_Messages_AlterClientQuotas

import { askBroker, type Broker, int8, int32, text } from './wire.ts'

const ALTER_CLIENT_QUOTAS = { key: 49, version: 0 }
const CONSUMED_BYTES = 'consumer_byte_rate'
/** After the time that Kafka was throttled for, and the number of results: an error begins each. */
const ERROR_OFFSET = 8

/** `bytesPerSecond`: how much each broker may send such clients; null for any. */
export async function limitConsumed(
  broker: Broker,
  clientId: string,
  bytesPerSecond: number | null,
): Promise<void> {
  const rate = Buffer.alloc(8)
  rate.writeDoubleBE(bytesPerSecond ?? 0)
  const entity = [int32(1), text('client-id'), text(clientId)]
  const change = [int32(1), text(CONSUMED_BYTES), rate, int8(bytesPerSecond === null ? 1 : 0)]
  const answer = await askBroker(broker, ALTER_CLIENT_QUOTAS, [int32(1), ...entity, ...change, int8(0)])
  const code = answer.readInt16BE(ERROR_OFFSET)
  if (code !== 0) throw new Error(`Kafka did not change the quota: error ${code}`)
}
