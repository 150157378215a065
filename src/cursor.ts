// A place in a bus, and what is still to be read from there on. Replay and live are the same read: whole frames, straight
// out of their segment wherever they stand side by side, copied only where ids change or live frames are scattered.

import type { Bus } from './bus.ts'
import { MergedPosition } from './merged-position.ts'
import { indexOfSequence, placeOf } from './places.ts'
import { formatPosition, furthest, type Position, parsePosition } from './position.ts'
import { framesBetween, gather, lastWithin, NOTHING } from './runs.ts'
import { type EntryAt, NONE, type Segment } from './segment.ts'
import { TimeSeek } from './time-seek.ts'

/** Runs of live frames shorter than this, in bytes, are gathered into one write by a copy. */
const RUN_BYTES_MIN = 4 * 1024
/** Bytes that one gathering copies at the most. */
const GATHERED_BYTES_MAX = 64 * 1024
/** Frames that one read looks at to tell which of them the client has: bounds a turn. */
const COMPARED_MAX = 2_000
const END_OF_EVENT = Buffer.from('\n\n')
const NOWHERE: Position = new Map()

export class Cursor {
  /** Frames that the last read returned, and the segment that its bytes stand in: null for a copy. */
  frames = 0
  segment: Segment | null = null
  private readonly bus: Bus
  /** Next sequence of the bus when the cursor was made: what came before is its past, what comes after is live. */
  private madeAt: number
  /** Whether it begins with the newest value of every key. */
  private readonly isSnapshot: boolean
  /** What its client has. */
  private from: Position = NOWHERE
  /** Sequence of the next frame to be read: all that the place is; the rest only saves looking it up. */
  private place: number
  private at: EntryAt = 0
  private inside: Segment | null = null
  private generation = 0
  /** Sequence at which what was asked for at the start is complete; later where compaction ran ahead of the cursor. */
  private completeAt: number
  private hasBegun = false
  /** Whether the stream has said that it is complete: from then on a compaction ahead of it changes nothing. */
  isReadyTold = false
  /** Still to be found, for one that begins at a moment in time. */
  private seek: TimeSeek | null = null
  /** The client's own position, until the first frame is read from it on. */
  private resumed: Position | null = null
  /** From then until the bus's prefix has all that the client has: its frames are passed over, the others' ids are merged. */
  private merged: MergedPosition | null = null
  /** The entry that was read last, whether it was sent, and its id where that was merged. */
  private lastIn: Segment | null = null
  private lastAt: EntryAt = NONE
  private lastGeneration = 0
  private lastWasSent = false
  private mergedId: string | null = null

  private constructor(bus: Bus, place: number, isSnapshot: boolean) {
    this.bus = bus
    this.place = place
    this.isSnapshot = isSnapshot
    this.madeAt = bus.nextSequence
    this.completeAt = bus.nextSequence
  }

  /** The newest value of every key as of now, or all that is kept where nothing supersedes; then every later record. */
  static fromBeginning(bus: Bus): Cursor {
    return new Cursor(bus, bus.segments[0]?.firstSequence ?? bus.nextSequence, true)
  }

  /** Every record from now on. */
  static fromNow(bus: Bus): Cursor {
    return new Cursor(bus, bus.nextSequence, false)
  }

  /** Every retained record after a position, whatever order the client's server read the partitions in. */
  static fromPosition(bus: Bus, position: Position): Cursor {
    const cursor = new Cursor(bus, placeOf(bus.segments, position) ?? bus.nextSequence, false)
    cursor.resumed = position
    cursor.from = position
    return cursor
  }

  /** Of every partition, every retained record from the first whose timestamp is at or after `sinceMs` (epoch ms). */
  static fromTime(bus: Bus, sinceMs: number): Cursor {
    const cursor = new Cursor(bus, bus.segments[0]?.firstSequence ?? bus.nextSequence, false)
    cursor.seek = new TimeSeek(bus, sinceMs)
    return cursor
  }

  /** Something that this cursor had still to read has left the bus. */
  get lost(): boolean {
    const { place, madeAt } = this
    return this.bus.hasLost({ place, madeAt, liveFrom: this.isSnapshot ? madeAt : 0 })
  }

  /** The topic that it reads is no more: another one has its name. */
  get isOutdated(): boolean {
    return this.bus.isFromBefore(this.madeAt)
  }

  /** All that was there when the cursor was made has been read. */
  get complete(): boolean {
    return this.place >= this.completeAt
  }

  /**
   * Whole frames, at most `bytesMax` bytes of them or one; none where what was looked at held nothing to be read, so that a
   * turn stays short; null at the tail, and for one that is `lost` or `isOutdated`: what is left would be a gap that nobody
   * is told of. The caller counts itself into `segment` for as long as it refers to the bytes.
   */
  read(bytesMax: number): Buffer | null {
    this.segment = null
    this.frames = 0
    if (!this.hasBegun) this.begin()
    if (this.lost || this.isOutdated) return null
    if (this.seek !== null) return this.readSeeking(this.seek)
    return this.locate() && this.inside !== null ? this.readHere(this.inside, bytesMax) : null
  }

  /** Whether everything published has been read. */
  atTail(): boolean {
    return this.seek === null && !this.locate()
  }

  /** Id that stands for everything read: the tail's once nothing is left to read, else the last frame's. Asked for right after a read. */
  id(): string {
    return this.atTail() ? this.tailId() : (this.lastFrameId() ?? this.tailId())
  }

  /** Id of the last event that was sent, null where it is not known any more or nothing was. */
  sentId(): string | null {
    const isThere = this.lastIn?.generation === this.lastGeneration
    return this.lastWasSent && isThere ? (this.mergedId ?? this.lastIn?.id(this.lastAt) ?? null) : null
  }

  private lastFrameId(): string | null {
    return this.mergedId ?? this.merged?.text().toString('latin1') ?? this.lastIn?.id(this.lastAt) ?? null
  }

  private tailId(): string {
    const { bus, merged, resumed } = this
    if (resumed !== null) return formatPosition(furthest(bus.position(), resumed))
    merged?.moveTo(bus.position())
    return merged?.text().toString('latin1') ?? bus.positionText()
  }

  /** A snapshot of which something left the bus before its first read is made anew: who has read nothing has lost nothing. */
  private begin(): void {
    const { bus } = this
    this.hasBegun = true
    if (!this.isSnapshot || !this.lost || this.isOutdated || !bus.isWhole) return
    this.madeAt = bus.nextSequence
    this.completeAt = bus.nextSequence
    this.place = bus.segments[0]?.firstSequence ?? bus.nextSequence
  }

  private readSeeking(seek: TimeSeek): Buffer {
    const position = seek.step()
    if (position === null) return NOTHING
    this.seek = null
    this.resumed = position
    this.completeAt = this.bus.nextSequence // what came since the cursor was made may be compacted already
    this.place = placeOf(this.bus.segments, position) ?? this.completeAt
    return NOTHING
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
    if (!this.isReadyTold) this.completeAt = Math.max(this.completeAt, this.compactedAt(segment))
  }

  /** Frames superseded up to this sequence may be missing here: compaction rewrote the segment, or dropped one before it. */
  private compactedAt(segment: Segment): number {
    return segment.firstSequence > this.place ? this.bus.nextSequence : segment.rewrittenAt
  }

  private readHere(segment: Segment, bytesMax: number): Buffer {
    if (this.resumed !== null) this.beginMerging(segment, this.resumed)
    if (this.merged !== null) {
      const bytes = this.readMerged(segment, this.merged, bytesMax)
      if (bytes.length > 0 || this.merged !== null || this.at > segment.lastPublished) return bytes
    }
    if (segment.sequence(this.at) < this.madeAt) return this.readPast(segment, bytesMax)
    return this.readRun(segment, segment.lastPublished, bytesMax)
  }

  /** Everything up to `last`, as one slice. */
  private readRun(segment: Segment, last: EntryAt, bytesMax: number): Buffer {
    const first = this.at
    const start = segment.start(first)
    const through =
      segment.frameEnd(last) - start <= bytesMax ? last : lastWithin(segment, first, last, start + bytesMax)
    this.send(segment, through)
    this.segment = segment
    return segment.slice(start, segment.frameEnd(through))
  }

  /** The next frames of the past that are to be sent: a run in place when it is long, else short runs gathered. */
  private readPast(segment: Segment, bytesMax: number): Buffer {
    const runs: number[] = []
    const bound = Math.min(bytesMax, GATHERED_BYTES_MAX)
    const last = this.lastOfPast(segment)
    let bytes = 0
    while (this.skip(segment, last)) {
      const through = this.runEnd(segment, last, bytesMax)
      const [start, end] = [segment.start(this.at), segment.frameEnd(through)]
      if (bytes === 0 && end - start >= RUN_BYTES_MIN) return this.readRun(segment, through, bytesMax)
      if (bytes > 0 && (end - start >= RUN_BYTES_MIN || bytes + end - start > bound)) break
      runs.push(start, end)
      bytes += end - start
      this.send(segment, through)
    }
    return gather(segment, runs, bytes)
  }

  /** Moves to the next frame up to `last` that is to be sent; false if there is none. */
  private skip(segment: Segment, last: EntryAt): boolean {
    let skipped: EntryAt = NONE
    let at = this.at
    for (; at <= last && this.isSkipped(segment, at); at = segment.next(at)) skipped = at
    if (skipped !== NONE) this.pass(segment, skipped)
    return at <= last
  }

  /** Last published frame that was there when the cursor was made; it stands from the cursor's place on, or NONE does. */
  private lastOfPast(segment: Segment): EntryAt {
    const last = segment.lastPublished
    if (segment.lastSequence < this.madeAt) return last
    let past: EntryAt = NONE
    for (let at = this.at; at <= last && segment.sequence(at) < this.madeAt; at = segment.next(at)) past = at
    return past
  }

  /**
   * A snapshot is without what was superseded before. Who resumes gets every value that is still there, in case each counts; of a
   * partition of which the client has nothing only where no tombstone is gone that may have superseded it.
   */
  private isSkipped(segment: Segment, at: EntryAt): boolean {
    if (!segment.supersededBefore(at, this.madeAt)) return false
    if (this.isSnapshot || segment.isBuried(at)) return true
    const partition = segment.partition(at)
    return (this.from.get(partition) ?? 0) <= 0 && this.bus.lacksTombstones(partition)
  }

  /** Last frame of the run that begins here without one that is skipped, no further than a read of `bytesMax` may reach. */
  private runEnd(segment: Segment, last: EntryAt, bytesMax: number): EntryAt {
    const bound = segment.start(this.at) + bytesMax
    let end = this.at
    for (let at = segment.next(end); at <= last && segment.frameEnd(at) <= bound; at = segment.next(at)) {
      if (this.isSkipped(segment, at)) break
      end = at
    }
    return end
  }

  private beginMerging(segment: Segment, client: Position): void {
    const prefix = new Map(parsePosition(segment.id(this.at)) ?? NOWHERE)
    prefix.set(segment.partition(this.at), segment.offset(this.at)) // before the frame, that is
    this.merged = new MergedPosition(client, prefix)
    this.resumed = null
  }

  /** Frames after the client's position, their ids merged with it, until the bus's prefix has all that it has. */
  private readMerged(segment: Segment, merged: MergedPosition, bytesMax: number): Buffer {
    const pieces: Buffer[] = []
    const bound = Math.min(bytesMax, GATHERED_BYTES_MAX)
    let bytes = 0
    for (let compared = 0; compared < COMPARED_MAX && this.at <= segment.lastPublished; compared++) {
      const { at } = this
      const [partition, offset] = [segment.partition(at), segment.offset(at)]
      const isSent = !merged.has(partition, offset) && !this.isSkipped(segment, at)
      if (isSent && bytes > 0 && bytes + segment.length(at) > bound) break
      if (isSent && merged.agreesAfter(partition, offset)) {
        this.endMerging(merged) // the frame is sent with its own id
        break
      }
      merged.move(partition, offset)
      if (isSent) bytes += this.sendRenamed(segment, pieces, merged.text())
      else this.pass(segment, at)
      if (merged.agrees) break
    }
    if (this.merged !== null) this.settle(segment, merged)
    return bytes === 0 ? NOTHING : Buffer.concat(pieces, bytes)
  }

  /** The next frame's id stands for the client, too; until that is read, it has the one so far. */
  private endMerging(merged: MergedPosition): void {
    this.mergedId = merged.text().toString('latin1')
    this.merged = null
  }

  /** Ends the merging once the bus has all that the client has, also where no frame tells so. */
  private settle(segment: Segment, merged: MergedPosition): void {
    if (!merged.agrees && this.lastIn === segment)
      merged.moveTo(parsePosition(segment.id(this.lastAt)) ?? NOWHERE)
    if (merged.agrees) this.merged = null
  }

  /** Adds the next frame with another id in place of its own; returns the bytes of it. */
  private sendRenamed(segment: Segment, pieces: Buffer[], id: Buffer): number {
    const { at } = this
    const lines = segment.bytes.subarray(segment.start(at), segment.frameEnd(at) - 2 - segment.idLength(at))
    pieces.push(lines, id, END_OF_EVENT)
    this.send(segment, at)
    this.mergedId = id.toString('latin1')
    return lines.length + id.length + END_OF_EVENT.length
  }

  /** The frames up to `through` are sent. */
  private send(segment: Segment, through: EntryAt): void {
    this.frames += framesBetween(segment, this.at, through)
    this.advance(segment, through)
    this.lastWasSent = true
  }

  /** The frames up to `through` are passed over. */
  private pass(segment: Segment, through: EntryAt): void {
    this.advance(segment, through)
    this.lastWasSent = false
  }

  private advance(segment: Segment, through: EntryAt): void {
    this.mergedId = null
    this.lastIn = segment
    this.lastAt = through
    this.lastGeneration = this.generation
    this.place = segment.sequence(through) + 1
    this.at = segment.next(through)
  }
}
