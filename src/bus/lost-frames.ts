// Frames and records that are lost, and a bounded list of lost frames. The list keeps the furthest frame that was lost,
// and a nearer one only if that was lost later.

export interface LostFrame {
  /** Next sequence of the bus when the frame was lost. */
  lostAt: number
  sequence: number
  offset: number
}

export interface RemovedFrame extends LostFrame {
  readonly partition: number
  /** Newest timestamp of this frame and the frames removed with it, in epoch ms. */
  readonly newestMs: number
  /** A tombstone that was kept for its full time. */
  readonly isTombstone: boolean
  /** A snapshot needs it, because no newer frame of its key exists. */
  readonly isWanted: boolean
}

/** Records of a partition, up to `offset`, that this bus never read. */
export interface Unread {
  readonly partition: number
  /** A sequence of the bus: readers that are past it are past these records. */
  readonly sequence: number
  readonly offset: number
  /** Some of the records may be tombstones that Kafka has dropped. */
  readonly mayBeTombstone: boolean
  /** Next sequence of the bus. null: no stream is open whose client may have records of the partition. */
  readonly lostAt: number | null
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
