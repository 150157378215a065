// Values that a key had before its newest record came. A stream of such a value has to be told that the key has left.

import type { FrameAt } from '../segments/key-index.ts'
import { KEY_SELECTOR, type RouteValue } from '../segments/segment-layout.ts'

const NONE: readonly RouteValue[] = []

/** The values of a key's frame, without the key itself, as copies. None of a tombstone, which belongs to no stream. */
export function valuesOfFrame(frame: FrameAt | null): readonly RouteValue[] {
  if (frame === null || frame.segment.isTombstone(frame.at)) return NONE
  const { segment, at } = frame
  const values: RouteValue[] = []
  segment.forEachRoute(at, (selector, start, length) => {
    if (selector === KEY_SELECTOR) return
    // A copy: the segment may be used again before these bytes are written elsewhere.
    values.push({ selector, bytes: Uint8Array.from(segment.bytes.subarray(start, start + length)) })
  })
  return values
}

/** Whether a value of `former` is not in `present`. */
export function hasLeft(former: readonly RouteValue[], present: readonly RouteValue[]): boolean {
  return former.some(
    ({ selector, bytes }) =>
      !present.some((value) => value.selector === selector && Buffer.compare(value.bytes, bytes) === 0),
  )
}
