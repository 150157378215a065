// A place in a bus, and what is still to be read from there on. Replay and live are the same read: whole frames, straight
// out of their segment wherever they stand side by side, copied only where ids change or live frames are scattered.

import type { Bus } from './bus.ts'
import { covers, formatPosition, furthest, type Position, parsePosition } from './position.ts'
import { type EntryAt, NONE, type Segment } from './segment.ts'

/** Runs of live frames shorter than this, in bytes, are gathered into one write by a copy. */
const RUN_BYTES_MIN = 4 * 1024
/** Bytes that one gathering copies at the most. */
const GATHERED_BYTES_MAX = 64 * 1024
const NOTHING = Buffer.alloc(0)

export class Cursor {
  /** Frames that the last read returned, and the segment that its bytes stand in: null for a copy. */
  frames = 0
  segment: Segment | null = null
  private readonly bus: Bus
  /** Sequence of the next frame to be read: all that the place is; the rest only saves looking it up. */
  private place: number
  private at: EntryAt = 0
  private inside: Segment | null = null
  private generation = 0
  /** Frames superseded before this sequence are skipped: the snapshot is as of it. 0 for one that resumes: it gets all. */
  private readonly snapshotAsOf: number
  /** Sequence at which what was asked for at the start is complete; later where compaction ran ahead of the cursor. */
  private completeAt: number
  /** The client's own position, as long as the bus's prefix has not covered it: frames before it are passed over, ids merged. */
  private resumed: Position | null
  /** The entry that was read last, and its id where that was merged. */
  private lastIn: Segment | null = null
  private lastAt: EntryAt = NONE
  private mergedId: string | null = null

  private constructor(bus: Bus, place: number, snapshotAsOf: number, resumed: Position | null) {
    this.bus = bus
    this.place = place
    this.snapshotAsOf = snapshotAsOf
    this.completeAt = bus.nextSequence
    this.resumed = resumed
  }

  /** The newest value of every key as of now, then every later record. */
  static fromBeginning(bus: Bus): Cursor {
    return new Cursor(bus, bus.segments[0]?.firstSequence ?? bus.nextSequence, bus.nextSequence, null)
  }

  /** Every record from now on. */
  static fromNow(bus: Bus): Cursor {
    return new Cursor(bus, bus.nextSequence, 0, null)
  }

  /** Every retained record after a position, whatever order the client's server read the partitions in. */
  static fromPosition(bus: Bus, position: Position): Cursor {
    return new Cursor(bus, placeOf(bus, position), 0, position)
  }

  /** Frames that this cursor had still to read have left the bus although nothing superseded them. */
  get lost(): boolean {
    return this.place < this.bus.lostBefore
  }

  /** All that was there when the cursor was made has been read. */
  get complete(): boolean {
    return this.place >= this.completeAt
  }

  /**
   * Whole frames, at most `bytesMax` bytes of them or one; none where a whole segment held nothing to be read, so that a
   * turn stays short; null at the tail, and for one that is `lost`: what is left would be a gap that nobody is told of.
   * The caller counts itself into `segment` for as long as it refers to the bytes.
   */
  read(bytesMax: number): Buffer | null {
    this.segment = null
    this.frames = 0
    if (this.lost) return null
    return this.locate() && this.inside !== null ? this.readHere(this.inside, bytesMax) : null
  }

  /** Whether everything published has been read. */
  atTail(): boolean {
    return !this.locate()
  }

  /** Id that stands for everything read: the tail's once nothing is left to read, else the last frame's. Asked for right after a read. */
  id(): string {
    return this.atTail() ? this.tailId() : (this.lastFrameId() ?? this.tailId())
  }

  /** Id of the frame that was read last, null before the first. */
  lastFrameId(): string | null {
    return this.mergedId ?? this.lastIn?.id(this.lastAt) ?? null
  }

  private tailId(): string {
    if (this.resumed === null) return this.bus.positionText()
    return formatPosition(furthest(this.bus.position(), this.resumed))
  }

  /** Finds the next frame's entry; false at the tail. A segment that was used anew since is looked up by sequence again. */
  private locate(): boolean {
    const { segments } = this.bus
    for (;;) {
      const { inside } = this
      const isSame = inside !== null && inside.generation === this.generation
      if (isSame && this.at <= inside.lastPublished) return true
      if (isSame && inside === segments.at(-1)) return false
      const segment = segments[indexOfSequence(segments, this.place)]
      if (segment === undefined) return false
      this.enter(segment)
      if (this.at <= segment.lastPublished) return true
      if (segment === segments.at(-1)) return false
      this.place = segment.lastSequence + 1 // the rest of it was compacted away
    }
  }

  private enter(segment: Segment): void {
    this.inside = segment
    this.generation = segment.generation
    this.at = 0
    while (this.at <= segment.lastPublished && segment.sequence(this.at) < this.place)
      this.at = segment.next(this.at)
    if (!this.complete) this.completeAt = Math.max(this.completeAt, this.compactedAt(segment))
  }

  /** Frames superseded up to this sequence may be missing here: compaction rewrote the segment, or dropped one before it. */
  private compactedAt(segment: Segment): number {
    return segment.firstSequence > this.place ? this.bus.nextSequence : segment.rewrittenAt
  }

  private readHere(segment: Segment, bytesMax: number): Buffer {
    if (this.resumed !== null) return this.readResumed(segment, this.resumed, bytesMax)
    if (segment.sequence(this.at) < this.snapshotAsOf) return this.readSnapshot(segment, bytesMax)
    return this.readRun(segment, segment.lastPublished, bytesMax)
  }

  /** Everything up to `last`, as one slice. */
  private readRun(segment: Segment, last: EntryAt, bytesMax: number): Buffer {
    const first = this.at
    const start = segment.start(first)
    const through =
      segment.frameEnd(last) - start <= bytesMax ? last : lastWithin(segment, first, last, start + bytesMax)
    this.frames = framesBetween(segment, first, through)
    this.pass(segment, through)
    this.segment = segment
    return segment.slice(start, segment.frameEnd(through))
  }

  /** The next frames that are live as of the snapshot: a run in place when it is long, else short runs gathered. */
  private readSnapshot(segment: Segment, bytesMax: number): Buffer {
    const gathered: Buffer[] = []
    const bound = Math.min(bytesMax, GATHERED_BYTES_MAX)
    let bytes = 0
    while (this.skipDead(segment)) {
      const last = this.liveRunEnd(segment, bytesMax)
      const runBytes = segment.frameEnd(last) - segment.start(this.at)
      if (bytes === 0 && runBytes >= RUN_BYTES_MIN) return this.readRun(segment, last, bytesMax)
      if (bytes > 0 && (runBytes >= RUN_BYTES_MIN || bytes + runBytes > bound)) break
      gathered.push(segment.bytes.subarray(segment.start(this.at), segment.frameEnd(last)))
      bytes += runBytes
      this.frames += framesBetween(segment, this.at, last)
      this.pass(segment, last)
    }
    return bytes === 0 ? NOTHING : Buffer.concat(gathered, bytes)
  }

  /** Moves to the next frame that the snapshot holds; false at the segment's end, or at the snapshot's. */
  private skipDead(segment: Segment): boolean {
    while (this.at <= segment.lastPublished && segment.sequence(this.at) < this.snapshotAsOf) {
      if (!segment.supersededBefore(this.at, this.snapshotAsOf)) return true
      this.pass(segment, this.at)
    }
    return false
  }

  /** Last frame of the run of live ones that begins here, no further than a read of `bytesMax` may reach. */
  private liveRunEnd(segment: Segment, bytesMax: number): EntryAt {
    const { snapshotAsOf } = this
    const bound = segment.start(this.at) + bytesMax
    let end = this.at
    for (let at = segment.next(end); at <= segment.lastPublished; at = segment.next(at)) {
      if (segment.frameEnd(at) > bound || segment.sequence(at) >= snapshotAsOf) break
      if (segment.supersededBefore(at, snapshotAsOf)) break
      end = at
    }
    return end
  }

  /** Frames after the client's position, their ids merged with it, until the bus's prefix has all that it has. */
  private readResumed(segment: Segment, resumed: Position, bytesMax: number): Buffer {
    const pieces: Buffer[] = []
    const bound = Math.min(bytesMax, GATHERED_BYTES_MAX)
    let bytes = 0
    while (this.resumed !== null && this.at <= segment.lastPublished) {
      const { at } = this
      if (bytes > 0 && bytes + segment.length(at) > bound) break
      const prefix = parsePosition(segment.id(at)) ?? NOWHERE
      if (segment.offset(at) >= (resumed.get(segment.partition(at)) ?? 0)) {
        this.mergedId = formatPosition(furthest(prefix, resumed))
        bytes += pushRenamed(pieces, segment, at, this.mergedId)
        this.frames++
      }
      this.advance(segment, at)
      if (covers(prefix, resumed)) this.resumed = null
    }
    return bytes === 0 ? NOTHING : Buffer.concat(pieces, bytes)
  }

  private pass(segment: Segment, through: EntryAt): void {
    this.mergedId = null
    this.advance(segment, through)
  }

  private advance(segment: Segment, through: EntryAt): void {
    this.lastIn = segment
    this.lastAt = through
    this.place = segment.sequence(through) + 1
    this.at = segment.next(through)
  }
}

const NOWHERE: Position = new Map()

/** First segment that stands for `sequence` or for a later one. */
function indexOfSequence(segments: readonly Segment[], sequence: number): number {
  return firstIndex(segments, (segment) => segment.lastSequence >= sequence)
}

/** Where one begins to read who has everything before `position`: the first segment that holds something after it. */
function placeOf(bus: Bus, position: Position): number {
  const { segments } = bus
  const index = firstIndex(segments, (segment) => {
    const last = segment.lastPublished
    return last === NONE || !covers(position, parsePosition(segment.id(last)) ?? NOWHERE)
  })
  return segments[index]?.firstSequence ?? bus.nextSequence
}

/** Index of the first segment for which `holds`, given that it holds for all behind it; their number if for none. */
function firstIndex(segments: readonly Segment[], holds: (segment: Segment) => boolean): number {
  let [low, high] = [0, segments.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const segment = segments[middle]
    if (segment !== undefined && holds(segment)) high = middle
    else low = middle + 1
  }
  return low
}

/** The furthest frame up to `last` that ends at `bound` or before; the first one, however long it is. */
function lastWithin(segment: Segment, first: EntryAt, last: EntryAt, bound: number): EntryAt {
  let within = first
  for (let at = segment.next(first); at <= last && segment.frameEnd(at) <= bound; at = segment.next(at))
    within = at
  return within
}

/** Frames of a run: counted by sequence where none is missing, else one by one. */
function framesBetween(segment: Segment, first: EntryAt, last: EntryAt): number {
  if (segment.rewrittenAt === 0) return segment.sequence(last) - segment.sequence(first) + 1
  let frames = 1
  for (let at = first; at < last; at = segment.next(at)) frames++
  return frames
}

/** Adds a frame with another id in place of its own; returns the bytes of it. */
function pushRenamed(pieces: Buffer[], segment: Segment, at: EntryAt, id: string): number {
  const lines = segment.bytes.subarray(segment.start(at), segment.frameEnd(at) - 2 - segment.idLength(at))
  const renamed = Buffer.from(`${id}\n\n`, 'latin1')
  pieces.push(lines, renamed)
  return lines.length + renamed.length
}
