// Kafka's ACLs on topics, given and taken away: CreateAcls and DeleteAcls, version 1 each.
// https://kafka.apache.org/protocol.html#The_Messages_CreateAcls

import { askBroker, type Broker, int8, int32, text } from './wire.ts'

export type TopicRight = 'Read' | 'Write' | 'Describe' | 'DescribeConfigs'

const CREATE_ACLS = { key: 30, version: 1 }
const DELETE_ACLS = { key: 31, version: 1 }
/** AclOperation of Kafka's protocol. */
const OPERATIONS: Record<TopicRight, number> = { Read: 3, Write: 4, Describe: 8, DescribeConfigs: 10 }
const TOPIC = int8(2)
const LITERAL = int8(3)
const ALLOW = int8(3)
const ANY_HOST = text('*')
/** In both answers: the time that Kafka was throttled for, and how many results follow. An error begins each. */
const ERROR_OFFSET = 8

/** `broker` listens without TLS, and takes its clients for a super user. */
export async function changeRight(
  broker: Broker,
  change: 'allow' | 'forbid',
  { user, right, topic }: { user: string; right: TopicRight; topic: string },
): Promise<void> {
  const who = [text(`User:${user}`), ANY_HOST, int8(OPERATIONS[right]), ALLOW]
  const request = change === 'allow' ? CREATE_ACLS : DELETE_ACLS
  const answer = await askBroker(broker, request, [int32(1), TOPIC, text(topic), LITERAL, ...who])
  const code = answer.readInt16BE(ERROR_OFFSET)
  if (code !== 0) throw new Error(`Kafka did not change the right: error ${code}`)
}
