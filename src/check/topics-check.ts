// Checks the topics of the streams and the control topic: whether they exist, have leaders, may be read and written,
// and are kept as their `replay` needs them. Promise: nothing is written to a topic.

import { BUILT_FEATURES } from '../../plugins/kafka/client/librdkafka-build.ts'
import { isMockCluster } from '../../plugins/kafka/client/mock-broker.ts'
import { writeRefusal } from '../../plugins/kafka/client/probe.ts'
import { clusterId } from '../../plugins/kafka/wire/cluster-id.ts'
import { topicSettings } from '../../plugins/kafka/wire/topic-settings.ts'
import { keepsFor } from '../bus/record.ts'
import { KAFKA_SETTINGS } from '../config/kafka-settings.ts'
import { withDefaults } from '../config/setting.ts'
import { errorWords } from '../errors.ts'
import type { KafkaOptions, ResolvedStream } from '../options.ts'
import type { CheckReport } from './check-report.ts'
import type { HostAndPort } from './reachable-address.ts'
import { controlDoubts, doubtsOf, type NamedTopic, type ServerPolicy } from './topic-policy.ts'
import { sampleTopic, type TopicSample } from './topic-sample.ts'

const CHECK = 'topic'
const CONTROL_CHECK = 'control topic'
/** Topics that are looked at, and partitions that one line names. */
const TOPICS_MAX = 50
const NAMED_MAX = 5
const SEE_LEADERS = 'see the brokers that lead them'
const MISSING = 'create it, or grant Read on it, which includes Describe'

export interface CheckedKafka {
  readonly kafka: KafkaOptions
  /** A broker that takes connections. */
  readonly broker: HostAndPort
}

export async function checkTopics(
  report: CheckReport,
  checked: CheckedKafka,
  streams: readonly ResolvedStream[],
): Promise<void> {
  const topics = namedTopics(streams)
  for (const topic of topics.slice(0, TOPICS_MAX)) await checkTopic(report, checked, topic)
  if (topics.length > TOPICS_MAX)
    report.warn(CHECK, `${topics.length - TOPICS_MAX} more topics were not looked at`)
}

/** Nothing is asked where there is no control topic. */
export async function checkControlTopic(report: CheckReport, checked: CheckedKafka): Promise<void> {
  const { kafka, broker } = checked
  const { controlTopic: name = null } = kafka
  if (name === null) return
  const sample = await sampled(report, CONTROL_CHECK, kafka, name)
  if (sample === null) return
  const settings = await topicSettings(kafka, broker, name)
  for (const { verdict, words, advice } of controlDoubts(settings))
    report[verdict](CONTROL_CHECK, `${name}: ${words}`, advice)
  // The embedded broker, which has no rights, would take the record.
  const isMock = isMockCluster(await clusterId(kafka, broker))
  const refusal = isMock ? null : await writeRefusal(kafka, name).catch(errorWords)
  if (refusal !== null) report.fail(CONTROL_CHECK, refusal, `grant Read and Write on topic ${name}`)
  else report.ok(CONTROL_CHECK, `${name}: ${extentOf(sample)}; it may be read and written`)
}

function namedTopics(streams: readonly ResolvedStream[]): NamedTopic[] {
  const byName = new Map<string, NamedTopic>()
  for (const { topic, topics, replay } of streams) {
    for (const name of topics ?? [topic]) {
      const isLatest = keepsFor(replay) === 'latest'
      const { isLatest: hasLatest = false, isWhole = false, isByPath = true } = byName.get(name) ?? {}
      byName.set(name, {
        name,
        isLatest: hasLatest || isLatest,
        isWhole: isWhole || !isLatest,
        isByPath: isByPath && topics !== undefined,
      })
    }
  }
  return [...byName.values()]
}

async function checkTopic(
  report: CheckReport,
  { kafka, broker }: CheckedKafka,
  topic: NamedTopic,
): Promise<void> {
  const sample = await sampled(report, CHECK, kafka, topic.name, topic.isByPath)
  if (sample === null) return
  const settings = await topicSettings(kafka, broker, topic.name)
  const doubts = doubtsOf(sample, settings, topic, serverPolicy(kafka))
  for (const { verdict, words, advice } of doubts) report[verdict](CHECK, `${topic.name}: ${words}`, advice)
  const policy = settings?.get('cleanup.policy')
  const told =
    policy === undefined ? 'Kafka does not tell its cleanup.policy' : `its cleanup.policy is ${policy}`
  if (doubts.length === 0) report.ok(CHECK, `${topic.name}: ${extentOf(sample)}; it may be read; ${told}`)
}

function serverPolicy(kafka: KafkaOptions): ServerPolicy {
  const { deleteRetentionSeconds } = withDefaults(kafka, KAFKA_SETTINGS, ['deleteRetentionSeconds'])
  return { deleteRetentionSeconds, codecs: BUILT_FEATURES }
}

/** null: it cannot be used, and the report says so. */
async function sampled(
  report: CheckReport,
  check: string,
  kafka: KafkaOptions,
  name: string,
  isOptional = false,
): Promise<TopicSample | null> {
  const sample = await sampleTopic(kafka, name).catch((error: unknown) => errorWords(error))
  if (typeof sample === 'string') report.fail(check, `Kafka does not list topic ${name}: ${sample}`)
  else if (sample.partitions.length === 0)
    report[isOptional ? 'warn' : 'fail'](
      check,
      `there is no topic ${name}, or this principal may not Describe it`,
      isOptional ? 'until there is, its streams are answered with 404' : MISSING,
    )
  else if (sample.bounds.length < sample.partitions.length)
    report.fail(check, `${name}: no answer of ${namedPartitions(sample, unbound(sample))}`, SEE_LEADERS)
  else if (sample.failure !== null) report.fail(check, `${name} cannot be read: ${sample.failure}`)
  else if (sample.silent.length > 0)
    report.fail(
      check,
      `${name}: nothing could be read of ${namedPartitions(sample, sample.silent)}`,
      SEE_LEADERS,
    )
  else return sample
  return null
}

/** Partitions whose leader did not say where their log begins and ends. */
function unbound({ partitions, bounds }: TopicSample): number[] {
  const answered = new Set(bounds.map(({ partition }) => partition))
  return partitions.map(({ partition }) => partition).filter((partition) => !answered.has(partition))
}

function namedPartitions({ partitions }: TopicSample, silent: readonly number[]): string {
  const leaders = new Map(partitions.map(({ partition, leader }) => [partition, leader]))
  const named = silent.slice(0, NAMED_MAX).map((partition) => {
    const leader = leaders.get(partition) ?? null
    return `${partition} (${leader === null ? 'no leader' : `led by broker ${leader}`})`
  })
  const more = silent.length > NAMED_MAX ? `, and of ${silent.length - NAMED_MAX} more` : ''
  return `partition ${named.join(', ')}${more}`
}

function extentOf({ partitions, bounds }: TopicSample): string {
  const offsets = bounds.reduce((total, { start, end }) => total + end - start, 0)
  return `${partitions.length} partition${partitions.length === 1 ? '' : 's'}, ${offsets} offsets`
}
