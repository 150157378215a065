// Rules of topics. Where the path names a stream's topic, the path has the parameter, and the topics that it may name
// are listed. A control topic is no stream's, and needs a secret key.

import type { KafkaOptions, SseOptions, StreamOptions } from '../../options.ts'
import type { Document } from '../document.ts'
import type { Fault, SettingPlace } from '../validation.ts'
import { pathParameters } from './path-parameters.ts'
import { STREAM_SETTINGS } from './single-stream-settings.ts'

/** NAME of `{params.NAME}`; null for a topic's name. */
export function topicParameter(topic: string): string | null {
  return /^\{params\.([^}]*)\}$/.exec(topic)?.[1] ?? null
}

/** The names of all topics that a stream may have. */
export function topicNames({ topic, topics }: Pick<StreamOptions, 'topic' | 'topics'>): readonly string[] {
  return topics ?? [topic]
}

/** The faults of streams whose shape the schema may not accept: what it reports is passed over here. */
export function topicFaults(streams: readonly unknown[]): Fault[] {
  return streams.flatMap((stream, at) => faultsAt(Object(stream), ['streams', `${at}`]))
}

const CONTROL_NEEDS_KEY =
  "is missing: a control topic needs it, the same on every replica (openssl rand -base64 32 | tr '+/' '-_')"
const CONTROL_IS_STREAMED = 'is the topic of a stream, too: its clients would get what is for replicas alone'

/** A control topic needs a secret key, because an ACL alone would let every producer keep streams open. */
export function controlFaults({ kafka, sse, streams }: Document): Fault[] {
  const { controlTopic = null }: Partial<KafkaOptions> = Object(kafka)
  if (controlTopic === null) return []
  const { secretKey = null }: Partial<SseOptions> = Object(sse)
  const faults: Fault[] = []
  if (secretKey === null)
    faults.push({ place: ['sse', 'secretKey'], kind: 'missing', words: CONTROL_NEEDS_KEY })
  const listed: StreamOptions[] = Array.isArray(streams) ? streams.map(Object) : []
  if (listed.some((stream) => topicNames(stream).includes(controlTopic)))
    faults.push({ place: ['kafka', 'controlTopic'], kind: 'wrong', words: CONTROL_IS_STREAMED })
  return faults
}

function faultsAt(
  { path, topic, topics }: Readonly<Record<string, unknown>>,
  place: SettingPlace,
): readonly Fault[] {
  if (typeof topic !== 'string') return []
  const name = topicParameter(topic)
  if (name === null) {
    if (topics === undefined) return []
    return [
      {
        place: [...place, 'topics'],
        kind: 'wrong',
        words: 'needs a topic of {params.NAME}, which names one of them',
      },
    ]
  }
  const faults: Fault[] = []
  if (typeof path === 'string' && !pathParameters(path).includes(name)) {
    const words = `names {params.${name}}, which the path does not have as :${name}`
    faults.push({ place: [...place, 'topic'], kind: 'wrong', words })
  }
  if (topics === undefined) {
    const words = `is missing: ${STREAM_SETTINGS.topics.expects}`
    faults.push({ place: [...place, 'topics'], kind: 'missing', words })
  }
  return faults
}
