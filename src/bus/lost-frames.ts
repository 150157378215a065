// Frames and records that are lost, by partition, and a bounded list of lost frames. The list keeps the furthest frame
// that was lost, and a nearer one only if that was lost later.

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

/** What is lost of one partition. */
export interface PartitionLosses {
  /** Offset: an id below it lacks a record that is gone. 0 if none is. */
  recordsLostBelow: number
  /** Offset: an id below it lacks a tombstone that is gone. 0 if none is. */
  tombstonesLostBelow: number
  /** Newest timestamp of the lost frames, in epoch ms. Infinity if some of them were never read. */
  newestLostMs: number
  /** All lost frames. */
  readonly frames: LostFrame[]
  /** Those of `frames` that a snapshot needs, too. */
  readonly wanted: LostFrame[]
  /** Records that Kafka deleted before this bus read them. They are lost to each client that does not have them. */
  readonly skipped: LostFrame[]
  /**
   * Other records that this bus never read. They are lost only to a client that has records of the partition from
   * another server.
   */
  readonly missing: LostFrame[]
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

/** Whether one of the frames that were lost at `madeAt` or later is at this place or after it. Both are sequences. */
export function isAhead(frames: readonly LostFrame[], madeAt: number, place: number): boolean {
  return (furthestSince(frames, madeAt)?.sequence ?? 0) >= place
}

/** Whether a reader at this place (a sequence), whose client has all offsets below `next`, lacks a lost frame. */
export function isOwed(frame: LostFrame | undefined, place: number, next: number): boolean {
  return frame !== undefined && frame.sequence >= place && frame.offset >= next
}

export function noneLost(): PartitionLosses {
  return {
    recordsLostBelow: 0,
    tombstonesLostBelow: 0,
    newestLostMs: Number.NEGATIVE_INFINITY,
    frames: [],
    wanted: [],
    skipped: [],
    missing: [],
  }
}
