// Rules for streams whose path names the topic: the path has the parameter, and the topics that it may name are listed.

import type { StreamOptions } from '../../options.ts'
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
