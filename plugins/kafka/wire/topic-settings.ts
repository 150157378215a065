// A topic's settings as Kafka has them, such as its cleanup.policy: DescribeConfigs, version 1, for which librdkafka's
// binding has no call. https://kafka.apache.org/protocol.html#The_Messages_DescribeConfigs

import type { KafkaOptions } from '../../../src/options.ts'
import { type BrokerAddress, BrokerConnection, canConnect } from './broker-connection.ts'
import { type FieldReader, int8Field, int32Field, listField, textField } from './fields.ts'

/** By name, with Kafka's defaults for what was not set for the topic. */
export type TopicSettings = ReadonlyMap<string, string>

const DESCRIBE_CONFIGS = { key: 32, version: 1 }
const TOPIC = int8Field(2)
const ALL_NAMES = int32Field(-1)
const NO_SYNONYMS = int8Field(0)

/**
 * null: Kafka does not tell. It asks for the right DescribeConfigs on the topic, which reading it does not need, and
 * some logins (OAUTHBEARER, Kerberos) are librdkafka's alone. Never rejects.
 */
export async function topicSettings(
  options: KafkaOptions,
  address: BrokerAddress,
  topic: string,
): Promise<TopicSettings | null> {
  if (!canConnect(options)) return null
  try {
    const connection = await BrokerConnection.open(options, address)
    try {
      const resource = Buffer.concat([TOPIC, textField(topic), ALL_NAMES])
      return settingsIn(
        await connection.ask(DESCRIBE_CONFIGS, Buffer.concat([listField([resource]), NO_SYNONYMS])),
      )
    } finally {
      connection.close()
    }
  } catch {
    // What is wrong with the connection is found by librdkafka, in its own words.
    return null
  }
}

/** null if Kafka refuses to tell. */
function settingsIn(answer: FieldReader): TopicSettings | null {
  answer.int32() // for how long the client was throttled
  const [settings = null] = answer.list(() => {
    const error = answer.int16()
    answer.nullableText()
    answer.int8()
    answer.text()
    const entries = answer.list(() => setting(answer))
    return error === 0 ? new Map(entries) : null
  })
  return settings
}

function setting(answer: FieldReader): readonly [name: string, value: string] {
  const [name, value] = [answer.text(), answer.text()]
  answer.int8() // whether it is read-only
  answer.int8() // where it was set
  answer.int8() // whether it is secret
  answer.list(() => [answer.text(), answer.nullableText(), answer.int8()])
  return [name, value]
}
