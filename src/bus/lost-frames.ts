// A bounded list of lost frames. It keeps the furthest frame that was lost, and a nearer one only if that was lost
// later.

export interface LostFrame {
  /** Next sequence of the bus when the frame was lost. */
  lostAt: number
  sequence: number
  offset: number
}

/**
 * Frames in a list. Beyond that the two oldest are merged, so a stream whose cursor was made between them may end
 * needlessly.
 */
const FRAMES_MAX = 32

/**
 * Adds a frame, and drops those that are no further on, because they were lost sooner. So `lostAt` grows along the
 * list, and sequences fall; within a partition, offsets fall, too. Reuses the object of a dropped frame: thousands may
 * be lost at once.
 */
export function addLostFrame(frames: LostFrame[], { lostAt, sequence, offset }: LostFrame): void {
  let frame: LostFrame | undefined
  while ((frames.at(-1)?.sequence ?? Number.POSITIVE_INFINITY) <= sequence) frame = frames.pop()
  frame ??= { lostAt, sequence, offset }
  frame.lostAt = lostAt
  frame.sequence = sequence
  frame.offset = offset
  frames.push(frame)
  const [oldest, second] = frames
  if (frames.length <= FRAMES_MAX || oldest === undefined || second === undefined) return
  frames.splice(0, 2, { ...oldest, lostAt: second.lostAt })
}

/** The furthest of the frames that were lost at `madeAt` (a sequence) or later. */
export function furthestSince(frames: readonly LostFrame[], madeAt: number): LostFrame | undefined {
  let furthest: LostFrame | undefined
  for (let index = frames.length - 1; index >= 0; index--) {
    const frame = frames[index]
    if (frame === undefined || frame.lostAt < madeAt) break
    furthest = frame
  }
  return furthest
}
