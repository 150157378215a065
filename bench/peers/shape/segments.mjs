// A place in the memory that the writer and the workers of `shape` share: segment number and offset in one aligned
// word. A worker waits for this word to change. It is enough for 2 GiB of frames, some hundred times a run.

const SEGMENT_BITS = 20

export const SEGMENT_BYTES = 1 << SEGMENT_BITS
export const SEGMENTS = 64

/** The control block has only this word. */
export const TAIL = 0

export const placeOf = (segment, offset) => (segment << SEGMENT_BITS) | offset
export const segmentOf = (place) => place >> SEGMENT_BITS
export const offsetOf = (place) => place & (SEGMENT_BYTES - 1)
