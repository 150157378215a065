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

/** An entry's place in words fits in 30 bits, so both halves of a place fit in one safe integer. */
const AT_SCALE = 2 ** 20

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
  let count = 0
  for (let at = 0; at < entries.end; at = entries.next(at)) {
    entries.forEachRoute(at, (selector, start, length) => {
      places[count++] = hashRoute(seed, selector, entries.bytes, start, length) * AT_SCALE + at / WORD_BYTES
    })
  }
  places.sort()
  for (let place = 0; place < count; place++) {
    const both = places[place] ?? 0
    index[2 * place] = Math.floor(both / AT_SCALE)
    index[2 * place + 1] = (both % AT_SCALE) * WORD_BYTES
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
