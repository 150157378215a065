// How the writer and the workers of `shape` tell a place in the memory that they share: segment number and offset in one
// aligned word, which is also what a worker waits for. It lasts for 2 GiB of frames, some hundred times a run.

const SEGMENT_BITS = 20

export const SEGMENT_BYTES = 1 << SEGMENT_BITS
export const SEGMENTS = 64

/** The only word of the control block. */
export const TAIL = 0

export const placeOf = (segment, offset) => (segment << SEGMENT_BITS) | offset
export const segmentOf = (place) => place >> SEGMENT_BITS
export const offsetOf = (place) => place & (SEGMENT_BYTES - 1)
