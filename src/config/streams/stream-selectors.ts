// What the options of streams come to for their topics: by what a bus is to be selected, and whether ids are sealed.
// Promise: every stream of a bus gives the same list, in every thread.

import { keepsFor } from '../../bus/record.ts'
import type { ResolvedStream, StreamOptions } from '../../options.ts'
import type { Selector } from '../../routing/selector.ts'
import { SelectionPlan } from '../../selection/selection.ts'

/** A stream's options, in which those with a default may be missing. */
type Given = Pick<StreamOptions, 'topic' | 'encoding' | 'replay' | 'key' | 'headers' | 'fields' | 'select'>

/** The selectors of all streams that share this one's bus, each once, by name. */
export function selectorsOf(stream: Given, streams: readonly Given[]): readonly Selector[] {
  const bus = busOf(stream)
  const all = streams.filter((other) => busOf(other) === bus).flatMap(ownSelectors)
  const byName = new Map(all.map((selector) => [selector.name, selector]))
  return [...byName.keys()].sort().flatMap((name) => byName.get(name) ?? [])
}

/** Streams with the same text share a bus. */
export function busOf({ topic, encoding, replay = 'latest' }: Given): string {
  return JSON.stringify([topic, encoding ?? 'text', keepsFor(replay)])
}

/** `stream` with the default of `ids`: they are sealed if the token decides what the stream gets. */
export function withIds(stream: Omit<ResolvedStream, 'ids'> & Pick<StreamOptions, 'ids'>): ResolvedStream {
  return { ...stream, ids: stream.ids ?? (new SelectionPlan(stream).isPrivate ? 'sealed' : 'plain') }
}

function ownSelectors(stream: Given): readonly Selector[] {
  return new SelectionPlan(stream).selectors
}
