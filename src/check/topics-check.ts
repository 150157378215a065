// Checks the topics of the streams and the control topic: whether they exist, have leaders, may be read and written,
// and look as their `replay` needs them. Promise: nothing is written to a topic.

import { writeRefusal } from '../../plugins/kafka/client/probe.ts'
import { keepsFor } from '../bus/record.ts'
import { errorWords } from '../errors.ts'
import type { KafkaOptions, ResolvedStream } from '../options.ts'
import type { CheckReport } from './check-report.ts'
import { sampleTopic, type TopicSample } from './topic-sample.ts'

const CHECK = 'topic'
const CONTROL_CHECK = 'control topic'
/** Topics that are looked at, and partitions that one line names. */
const TOPICS_MAX = 50
const NAMED_MAX = 5
/** Commit markers are single offsets. */
const MARKER = 1

/** How a topic is kept by the streams that name it. */
interface NamedTopic {
  readonly name: string
  readonly isLatest: boolean
  readonly isWhole: boolean
}

export async function checkTopics(
  report: CheckReport,
  kafka: KafkaOptions,
  streams: readonly ResolvedStream[],
): Promise<void> {
  const topics = namedTopics(streams)
  for (const topic of topics.slice(0, TOPICS_MAX)) await checkTopic(report, kafka, topic)
  if (topics.length > TOPICS_MAX)
    report.warn(CHECK, `${topics.length - TOPICS_MAX} more topics were not looked at`)
}

/** Nothing is asked where there is no control topic. */
export async function checkControlTopic(report: CheckReport, kafka: KafkaOptions): Promise<void> {
  const { controlTopic: name = null } = kafka
  if (name === null) return
  const sample = await sampled(report, CONTROL_CHECK, kafka, name)
  if (sample === null) return
  if (sample.longestHole > MARKER)
    report.warn(CONTROL_CHECK, `${name} lacks offsets between its records`, 'it must not be compacted')
  const refusal = await writeRefusal(kafka, name).catch(errorWords)
  if (refusal !== null) report.fail(CONTROL_CHECK, refusal, `grant Read and Write on topic ${name}`)
  else report.ok(CONTROL_CHECK, `${name}: ${extentOf(sample)}; it may be read and written`)
}

function namedTopics(streams: readonly ResolvedStream[]): NamedTopic[] {
  const byName = new Map<string, NamedTopic>()
  for (const { topic, topics, replay } of streams) {
    for (const name of topics ?? [topic]) {
      const isLatest = keepsFor(replay) === 'latest'
      const { isLatest: hasLatest = false, isWhole = false } = byName.get(name) ?? {}
      byName.set(name, { name, isLatest: hasLatest || isLatest, isWhole: isWhole || !isLatest })
    }
  }
  return [...byName.values()]
}

async function checkTopic(report: CheckReport, kafka: KafkaOptions, topic: NamedTopic): Promise<void> {
  const sample = await sampled(report, CHECK, kafka, topic.name)
  if (sample === null) return
  const doubts = doubtsOf(sample, topic)
  for (const [words, advice] of doubts) report.warn(CHECK, `${topic.name}: ${words}`, advice)
  const policy = topic.isLatest
    ? '; Kafka tells no client of this kind whether it is compacted, as it must be'
    : ''
  if (doubts.length === 0) report.ok(CHECK, `${topic.name}: ${extentOf(sample)}; it may be read${policy}`)
}

/** null: it cannot be used, and the report says so. */
async function sampled(
  report: CheckReport,
  check: string,
  kafka: KafkaOptions,
  name: string,
): Promise<TopicSample | null> {
  const sample = await sampleTopic(kafka, name).catch((error: unknown) => errorWords(error))
  if (typeof sample === 'string') report.fail(check, `Kafka does not list topic ${name}: ${sample}`)
  else if (sample.partitions.length === 0)
    report.fail(
      check,
      `there is no topic ${name}, or this principal may not Describe it`,
      'create it, or grant Read on it, which includes Describe',
    )
  else if (sample.bounds.length < sample.partitions.length)
    report.fail(check, `${name}: ${silentWords(sample)}`, 'see the brokers that lead them')
  else if (sample.failure !== null) report.fail(check, `${name} cannot be read: ${sample.failure}`)
  else return sample
  return null
}

function silentWords({ partitions, bounds }: TopicSample): string {
  const answered = new Set(bounds.map(({ partition }) => partition))
  const silent = partitions.filter(({ partition }) => !answered.has(partition))
  const named = silent.slice(0, NAMED_MAX).map(({ partition, leader }) => {
    return `${partition} (${leader === null ? 'no leader' : `led by broker ${leader}`})`
  })
  const more = silent.length > NAMED_MAX ? `, and of ${silent.length - NAMED_MAX} more` : ''
  return `no answer of partition ${named.join(', ')}${more}`
}

/** What does not fit the `replay` of the streams, each with what to do. */
function doubtsOf(sample: TopicSample, { isLatest, isWhole }: NamedTopic): [words: string, advice: string][] {
  const { records, withoutKey, longestHole, bounds } = sample
  const doubts: [string, string][] = []
  const trimmed = bounds.find(({ start }) => start > 0)
  if (isLatest && withoutKey > 0)
    doubts.push([
      `${withoutKey} of ${records} records have no key`,
      'with replay latest they are kept only while there is room; replay all is for a log',
    ])
  if (isLatest && trimmed !== undefined)
    doubts.push([
      `partition ${trimmed.partition} begins at offset ${trimmed.start}, so records were deleted by age or size`,
      'replay latest needs cleanup.policy=compact, so that no key is lost; replay all is for a log',
    ])
  if (isWhole && longestHole > MARKER)
    doubts.push([
      `${longestHole} offsets in a row are missing, so it is compacted, or transactions were aborted`,
      'a compacted topic is for replay latest',
    ])
  return doubts
}

function extentOf({ partitions, bounds }: TopicSample): string {
  const offsets = bounds.reduce((total, { start, end }) => total + end - start, 0)
  return `${partitions.length} partition${partitions.length === 1 ? '' : 's'}, ${offsets} offsets`
}
