// Whether a topic is kept by Kafka as its streams need it: by its settings where Kafka tells them, else by what some of
// its records look like. Plain functions.

import type { TopicSettings } from '../../plugins/kafka/wire/topic-settings.ts'
import { lasting } from './durations.ts'
import type { TopicSample } from './topic-sample.ts'

/** How a topic is kept by the streams that name it. */
export interface NamedTopic {
  readonly name: string
  readonly isLatest: boolean
  readonly isWhole: boolean
  /** Opened when a client asks for it, so that it may be missing. */
  readonly isByPath: boolean
}

export interface Doubt {
  readonly verdict: 'warn' | 'fail'
  readonly words: string
  readonly advice: string
}

/** What the server and its build can do. */
export interface ServerPolicy {
  readonly deleteRetentionSeconds: number
  /** Compressions that librdkafka was built with. */
  readonly codecs: readonly string[]
}

/** A value of compression.type that names no compression of its own. */
const NO_CODEC = new Set(['producer', 'uncompressed', ''])
/** A larger record makes no event. */
const FRAME_BYTES_MAX = 16_777_216
const CONTROL_RETENTION_MS_MIN = 2 * 86_400_000
/** Commit markers are single offsets. */
const MARKER = 1
const NO_COMPACTION =
  'replay latest needs cleanup.policy=compact, so that no key is lost; replay all is for a log'
const COMPACTED = 'a compacted topic is for replay latest'

export function doubtsOf(
  sample: TopicSample,
  settings: TopicSettings | null,
  topic: NamedTopic,
  server: ServerPolicy,
): Doubt[] {
  const policy = settings === null ? guessed(sample, topic) : told(settings, topic, server)
  return [...keyless(sample, topic), ...policy]
}

function keyless({ records, withoutKey }: TopicSample, { isLatest }: NamedTopic): Doubt[] {
  if (!isLatest || withoutKey === 0) return []
  return [
    warning(
      `${withoutKey} of ${records} records have no key`,
      'with replay latest they are kept only while there is room; replay all is for a log',
    ),
  ]
}

function told(settings: TopicSettings, { isLatest, isWhole }: NamedTopic, server: ServerPolicy): Doubt[] {
  const doubts: Doubt[] = []
  const policy = settings.get('cleanup.policy') ?? ''
  const isCompacted = policy.includes('compact')
  const codec = settings.get('compression.type') ?? ''
  const tombstoneMs = Number(settings.get('delete.retention.ms'))
  if (isLatest && !isCompacted) doubts.push(warning(`its cleanup.policy is ${policy}`, NO_COMPACTION))
  if (isLatest && isCompacted && policy.includes('delete')) doubts.push(...lostKeys(policy, settings))
  if (isLatest && isCompacted && tombstoneMs >= 0 && tombstoneMs !== server.deleteRetentionSeconds * 1000)
    doubts.push(tombstoneDoubt(tombstoneMs, server.deleteRetentionSeconds))
  if (isWhole && isCompacted) doubts.push(warning(`its cleanup.policy is ${policy}`, COMPACTED))
  if (!NO_CODEC.has(codec) && !server.codecs.includes(codec))
    doubts.push({
      verdict: 'fail',
      words: `its compression.type is ${codec}, which this build of librdkafka cannot read`,
      advice: 'see the check codecs',
    })
  if (Number(settings.get('max.message.bytes')) > FRAME_BYTES_MAX)
    doubts.push(
      warning(
        `its max.message.bytes is ${settings.get('max.message.bytes')}`,
        `records over ${FRAME_BYTES_MAX} bytes are passed over, and clients are told of a gap`,
      ),
    )
  return doubts
}

/** A topic that is compacted and deleted from loses keys by their age, or by the size of a partition. */
function lostKeys(policy: string, settings: TopicSettings): Doubt[] {
  const [ageMs, bytes] = ['retention.ms', 'retention.bytes'].map((name) => Number(settings.get(name) ?? -1))
  const lost = []
  if (ageMs !== undefined && ageMs >= 0) lost.push(`keys that do not change for ${lasting(ageMs)} are lost`)
  if (bytes !== undefined && bytes >= 0)
    lost.push(`the oldest keys of a partition over ${bytes} bytes are lost`)
  if (lost.length === 0) return []
  return [warning(`its cleanup.policy is ${policy}, so ${lost.join(', and ')}`, NO_COMPACTION)]
}

/** Of the control topic: docs/control-topic.md, "Setting it up". */
export function controlDoubts(settings: TopicSettings | null): Doubt[] {
  const policy = settings?.get('cleanup.policy') ?? ''
  const retentionMs = Number(settings?.get('retention.ms') ?? -1)
  const bytes = Number(settings?.get('retention.bytes') ?? -1)
  const doubts: Doubt[] = []
  if (policy.includes('compact'))
    doubts.push({
      verdict: 'fail',
      words: `its cleanup.policy is ${policy}`,
      advice: 'set it to delete: Kafka refuses heartbeats, and revocations could be taken away',
    })
  if (retentionMs >= 0 && retentionMs < CONTROL_RETENTION_MS_MIN)
    doubts.push(
      warning(
        `its retention.ms is ${retentionMs}, and revocations are written again after 12 hours`,
        'set it to 604800000, which is 7 days; 2 days are the least',
      ),
    )
  if (bytes >= 0)
    doubts.push(
      warning(
        `its retention.bytes is ${bytes}`,
        'set it to -1, so that no producer can push revocations out',
      ),
    )
  return doubts
}

function tombstoneDoubt(tombstoneMs: number, seconds: number): Doubt {
  const words = `its delete.retention.ms is ${tombstoneMs}, and KAFKA_DELETE_RETENTION_SECONDS is ${seconds}`
  return warning(words, `set KAFKA_DELETE_RETENTION_SECONDS=${Math.ceil(tombstoneMs / 1000)}`)
}

/** From records: a beginning that was deleted, and offsets that are missing, say it in part. */
function guessed({ bounds, longestHole }: TopicSample, { isLatest, isWhole }: NamedTopic): Doubt[] {
  const doubts: Doubt[] = []
  const trimmed = bounds.find(({ start }) => start > 0)
  if (isLatest && trimmed !== undefined)
    doubts.push(
      warning(
        `partition ${trimmed.partition} begins at offset ${trimmed.start}, so records were deleted by age or size`,
        NO_COMPACTION,
      ),
    )
  if (isWhole && longestHole > MARKER)
    doubts.push(
      warning(
        `${longestHole} offsets in a row are missing, so it is compacted, or transactions were aborted`,
        COMPACTED,
      ),
    )
  return doubts
}

function warning(words: string, advice: string): Doubt {
  return { verdict: 'warn', words, advice }
}
