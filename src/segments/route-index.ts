// The route index of a closed segment: finds the frames that have a value by which streams are selected. Its places are
// pairs of words, sorted: the value's hash and the frame's entry. A search takes some 0.2 µs, and a value 8 bytes.

import { hashBytes } from './hash.ts'
import type { SegmentEntries } from './segment-entries.ts'
import {
  type EntryAt,
  padded,
  type RouteValue,
  routeBytes,
  SELECTOR_SHIFT,
  WORD_BYTES,
} from './segment-layout.ts'

/**
 * More than the values of a segment: an ordinary one has 1 MiB, and a larger one has a single record. While they are
 * sorted, a hash and a number below this stand in one safe integer. An entry is not below it: a record may have values
 * of many MiB, and the entry of the frame that deletes its key elsewhere is behind them.
 */
const VALUES_MAX = 2 ** 20

/** The hash of a value. `seed` is secret, so that no producer can choose values that collide. */
export function hashRoute(
  seed: number,
  selector: number,
  bytes: Uint8Array,
  start = 0,
  length = bytes.length,
): number {
  return hashBytes(seed, selector, bytes, start, length)
}

/** Fills `index`, which has room for two words for each value of each frame. */
export function writeRouteIndex(
  entries: SegmentEntries & { readonly end: EntryAt },
  index: Uint32Array,
  seed: number,
): void {
  const places = new Float64Array(index.length / 2)
  const ats = new Uint32Array(places.length)
  let count = 0
  for (let at = 0; at < entries.end; at = entries.next(at)) {
    entries.forEachRoute(at, (selector, start, length) => {
      places[count] = hashRoute(seed, selector, entries.bytes, start, length) * VALUES_MAX + count
      ats[count++] = at
    })
  }
  places.sort()
  for (let place = 0; place < count; place++) {
    const both = places[place] ?? 0
    index[2 * place] = Math.floor(both / VALUES_MAX)
    index[2 * place + 1] = ats[both % VALUES_MAX] ?? 0
  }
}

/** Writes the values of a frame below its key, whose first byte is `end`. `words` and `bytes` are of one buffer. */
export function writeRouteValues(
  { bytes }: SegmentEntries,
  words: Uint32Array,
  end: number,
  routes: readonly RouteValue[],
): void {
  const size = routeBytes(routes)
  let start = end - size
  for (const { selector, bytes: value } of routes) {
    words[start >> 2] = (selector << SELECTOR_SHIFT) | value.length
    bytes.set(value, start + WORD_BYTES)
    start += WORD_BYTES + padded(value.length)
  }
  words[start >> 2] = size
}
