// What the options of streams come to for their topics: by what a bus is to be selected, and whether ids are sealed.
// Promise: every stream of a bus gives the same list, in every thread.

import { keepsFor } from '../../bus/record.ts'
import type { ResolvedStream, StreamOptions } from '../../options.ts'
import type { Selector } from '../../routing/selector.ts'
import { SelectionPlan } from '../../selection/selection.ts'
import { topicNames } from './topic-rules.ts'

/** A stream's options, in which those with a default may be missing. */
type Given = BusOptions & Pick<StreamOptions, 'topics' | 'key' | 'headers' | 'fields' | 'select'>

type BusOptions = Pick<StreamOptions, 'topic' | 'encoding' | 'replay'>

/** The selectors of all streams that share the bus of this topic with `stream`, each once, by name. */
export function selectorsOf(
  stream: BusOptions,
  streams: readonly Given[],
  topic = stream.topic,
): readonly Selector[] {
  const bus = busOf({ ...stream, topic })
  const isShared = (other: Given) => topicNames(other).includes(topic) && busOf({ ...other, topic }) === bus
  const all = streams.filter(isShared).flatMap(ownSelectors)
  const byName = new Map(all.map((selector) => [selector.name, selector]))
  return [...byName.keys()].sort().flatMap((name) => byName.get(name) ?? [])
}

/** Streams with the same text share a bus. */
export function busOf({ topic, encoding, replay = 'latest' }: BusOptions): string {
  return JSON.stringify([topic, encoding ?? 'text', keepsFor(replay)])
}

/** `stream` with the default of `ids`: they are sealed if the token decides what the stream gets. */
export function withIds(stream: Omit<ResolvedStream, 'ids'> & Pick<StreamOptions, 'ids'>): ResolvedStream {
  return { ...stream, ids: stream.ids ?? (new SelectionPlan(stream).isPrivate ? 'sealed' : 'plain') }
}

function ownSelectors(stream: Given): readonly Selector[] {
  return new SelectionPlan(stream).selectors
}
