// Every reason for which a process is not ready has its own advice in the console.

import { expect, it } from 'vitest'

interface ReadinessModule {
  adviceFor(reason: string, topics?: readonly { name: string; keeps: 'latest' | 'all' }[]): string
}

// By URL, because the page's files are plain JavaScript.
const { adviceFor } = (await import(
  new URL('../../../public/console/readiness.js', import.meta.url).href
)) as ReadinessModule

it.each([
  ['the server is draining', 'it was told to stop'],
  ['there is no room for more revocations', 'revoked tokens'],
  ['the control topic control does not exist', 'run the command'],
  ['the control topic control: no heartbeat of this process has come back for 30 s', 'brokers'],
  ['topic events does not fit: no snapshots, live records only', 'Raise the bound'],
  ['topic events does not exist, or this principal may not Describe it', 'Create the topic'],
  ['topic events: waiting for Kafka', 'Wait'],
  ['topic events: reading what Kafka holds, 2 of 3 partitions to go', 'Wait'],
  ['topic events is still being read', 'Wait'],
  ['topic events: no leader for partition 3', 'brokers of these partitions'],
  ['topic events: no answer from the leader of partitions 1, 2', 'brokers of these partitions'],
  ['no key set from https://a.test/keys yet: it answered 500', 'identity provider'],
  ['records cannot be read: topic events: Broker: Topic authorization failed', 'ACL'],
  ['topic api-keys: partition 3 cannot be read: its records are compressed with zstd', 'ACL'],
  ['Kafka is not reachable at kafka:9092: Connection refused', 'credentials'],
  ['the Kafka client does not start: no such file', 'credentials'],
])('%s', (reason, advice) => {
  expect(adviceFor(reason)).toContain(advice)
})

it.each([
  ['latest', 'compact'],
  ['all', 'delete'],
] as const)('has the command that makes a topic of which %s is kept', (keeps, policy) => {
  const reason = 'topic a.b-c_1 does not exist, or this principal may not Describe it'
  const topics = [
    { name: 'other', keeps: 'latest' },
    { name: 'a.b-c_1', keeps },
  ] as const
  const command = `--create --topic a.b-c_1 --config cleanup.policy=${policy}.`
  expect(adviceFor(reason, topics)).toContain(`: kafka-topics.sh --bootstrap-server BROKER ${command}`)
})

it('has no advice of its own for a reason that it does not know', () => {
  expect(adviceFor('something else')).toBe('The log says more.')
})
