// A place in a bus, and what is still to be read from there on. Replay and live are the same read: whole frames, straight
// out of their segment wherever they stand side by side, copied only where ids change or live frames are scattered.

import type { BusView } from '../bus/bus-view.ts'
import { Place, placeOf } from '../bus/place.ts'
import { covers, formatPosition, furthest, type Position, parsePosition } from '../bus/position.ts'
import { type EntryAt, NONE, type SegmentView } from '../segments/segment-view.ts'
import { LastRead } from './last-read.ts'
import { MergedPosition } from './merged-position.ts'
import { framesBetween, gather, lastBefore, lastWithin, NOTHING } from './runs.ts'
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
  /** Frames that the last read returned. */
  frames = 0
  private readonly bus: BusView
  /** The segment that the last read was of. */
  private held: SegmentView | null = null
  /** Next sequence of the bus when the cursor was made: what came before is its past, what comes after is live. */
  private madeAt: number
  /** Whether it begins with the newest value of every key. */
  private readonly isSnapshot: boolean
  /** What its client has. */
  private from: Position = NOWHERE
  private readonly place: Place
  /** Sequence at which what was asked for at the start is complete, unless compaction runs ahead of the cursor. */
  private completeAt: number
  /** Whether anything of it has been sent, or told in an id: until then nothing is lost, whatever leaves. */
  private hasTold = false
  /** Whether the stream has said that it is complete. */
  isReadyTold = false
  /** Still to be found, for one that begins at a moment in time. */
  private seek: TimeSeek | null = null
  /** The moment, in epoch ms, and what was found for it. */
  private sought: { readonly sinceMs: number; readonly position: Position } | null = null
  /** The client's own position, until the first frame is read from it on. */
  private resumed: Position | null = null
  /** From then until the bus's prefix has all that the client has: its frames are passed over, the others' ids are merged. */
  private merged: MergedPosition | null = null
  private readonly last = new LastRead()

  private constructor(bus: BusView, place: number, isSnapshot: boolean) {
    this.bus = bus
    this.place = new Place(bus, place)
    this.isSnapshot = isSnapshot
    this.madeAt = bus.nextSequence
    this.completeAt = bus.nextSequence
  }

  /** The newest value of every key as of now, or all that is kept where nothing supersedes; then every later record. */
  static fromBeginning(bus: BusView): Cursor {
    return new Cursor(bus, bus.firstSequence, true)
  }

  /** Every record from now on. */
  static fromNow(bus: BusView): Cursor {
    return new Cursor(bus, bus.nextSequence, false)
  }

  /** Every retained record after a position, whatever order the client's server read the partitions in. */
  static fromPosition(bus: BusView, position: Position): Cursor {
    const place = covers(position, bus.position()) ? undefined : placeOf(bus.segments, position)
    const cursor = new Cursor(bus, place ?? bus.nextSequence, false)
    cursor.resumed = position
    cursor.from = position
    return cursor
  }

  /** Of every partition, every retained record from the first whose timestamp is at or after `sinceMs` (epoch ms). */
  static fromTime(bus: BusView, sinceMs: number): Cursor {
    const cursor = new Cursor(bus, bus.firstSequence, false)
    cursor.seek = new TimeSeek(bus, sinceMs)
    return cursor
  }

  /** Something that this cursor had still to read has left the bus. */
  get lost(): boolean {
    const { bus, place, madeAt } = this
    if (this.seek !== null) return !bus.isWholeSince(this.seek.sinceMs)
    return bus.hasLost(place.sequence, madeAt, this.isSnapshot ? madeAt : 0, this.ownPosition ?? undefined)
  }

  get isOutdated(): boolean {
    return this.outdatedBy !== null
  }

  /** What it reads is no more: another topic has the name, or the topic is read again, since deletes of it may have been missed; null if neither. */
  get outdatedBy(): 'recreated' | 'deletes-dropped' | null {
    return this.bus.outdatedBy(this.madeAt)
  }

  /** What its client has, where that is not what this bus had; null where it is. */
  get ownPosition(): Position | null {
    return this.resumed ?? this.merged?.position ?? null
  }

  /** All that was there when the cursor was made has been read. */
  get complete(): boolean {
    const { sequence, compactedAt } = this.place
    return sequence >= Math.max(this.completeAt, compactedAt)
  }

  /**
   * Whole frames, at most `bytesMax` bytes of them or one; none where what was looked at held nothing to be read, so that a
   * turn stays short; null until the next publish: at the tail, and for one that is `lost` or `isOutdated`, since what is left
   * would be a gap that nobody is told of. The bytes stay what they are until the next read, or for whoever asks `handOver`.
   */
  read(bytesMax: number): Buffer | null {
    this.letGo()
    this.frames = 0
    if (!this.hasTold && this.lost) this.beginAgain()
    if (this.lost || this.isOutdated) return null
    if (this.seek !== null) return this.readSeeking(this.seek)
    this.held = this.place.locate() === 'here' ? this.place.hold() : null
    return this.held === null ? null : this.readHere(this.held, bytesMax)
  }

  /** The segment that the last read was of, counted in: it is the caller's to release when its bytes are done with. */
  handOver(): SegmentView | null {
    const { held } = this
    this.held = null
    return held
  }

  /** Is counted in nowhere any more. What was read last may change from now on. */
  letGo(): void {
    this.handOver()?.release()
  }

  /** Whether all is read, and the bus's position is its client's: never where that was not sent all (`lost`, `isOutdated`). */
  atTail(): boolean {
    return this.seek === null && !this.lost && !this.isOutdated && this.place.locate() === 'tail'
  }

  /** Id that stands for everything read: the tail's once nothing is left to read, else the last frame's. Asked for right after a read. */
  id(): string {
    this.hasTold = true
    return this.atTail() ? this.tailId() : (this.lastFrameId() ?? this.tailId())
  }

  /** Id of the last event that was sent, null where it is not known any more or nothing was. */
  sentId(): string | null {
    return this.last.sentId()
  }

  private lastFrameId(): string | null {
    return this.last.mergedId ?? this.merged?.text().toString('latin1') ?? this.last.id()
  }

  private tailId(): string {
    const { bus, merged, resumed } = this
    if (resumed !== null) {
      this.resumed = furthest(bus.position(), resumed) // what was told it has, wherever it goes on
      return formatPosition(this.resumed)
    }
    merged?.moveTo(bus.position())
    return merged?.text().toString('latin1') ?? bus.positionText()
  }

  /**
   * Of a snapshot, or of what came since a moment, something left before anything was told: it is made of what is retained now.
   * Not where that would lack a key's newest value, or is another topic's.
   */
  private beginAgain(): void {
    const { bus, sought } = this
    if (this.isOutdated || this.seek !== null) return
    if (this.isSnapshot && bus.isWhole) this.beginAt(bus.firstSequence)
    else if (sought !== null && bus.isWholeSince(sought.sinceMs)) this.beginAfter(sought.position)
  }

  private beginAfter(position: Position): void {
    this.resumed = position
    this.merged = null
    this.beginAt(placeOf(this.bus.segments, position) ?? this.bus.nextSequence)
  }

  /** As of now: what came until then may be compacted already, and what left by then is not missed. */
  private beginAt(sequence: number): void {
    this.madeAt = this.bus.nextSequence
    this.completeAt = this.bus.nextSequence
    this.place.goTo(sequence)
  }

  private readSeeking(seek: TimeSeek): Buffer | null {
    const position = seek.step()
    if (position === 'unknown') return null
    if (position === null) return NOTHING
    this.seek = null
    this.sought = { sinceMs: seek.sinceMs, position }
    this.beginAfter(position)
    return NOTHING
  }

  private readHere(segment: SegmentView, bytesMax: number): Buffer {
    if (this.resumed !== null) this.beginMerging(segment, this.resumed)
    if (this.merged !== null) {
      const bytes = this.readMerged(segment, this.merged, bytesMax)
      if (bytes.length > 0 || this.merged !== null || this.place.at > segment.lastPublished) return bytes
    }
    if (segment.sequence(this.place.at) < this.madeAt) return this.readPast(segment, bytesMax)
    return this.readLive(segment, bytesMax)
  }

  /** Everything published, as one slice. */
  private readLive(segment: SegmentView, bytesMax: number): Buffer {
    const first = this.place.at
    const last = segment.lastPublished
    const bound = segment.start(first) + bytesMax
    const through = segment.frameEnd(last) <= bound ? last : lastWithin(segment, first, last, bound)
    return this.readRun(segment, through, framesBetween(segment, first, through))
  }

  private readRun(segment: SegmentView, through: EntryAt, frames: number): Buffer {
    const start = segment.start(this.place.at)
    this.send(segment, through, frames)
    return segment.slice(start, segment.frameEnd(through))
  }

  /** The next frames of the past that are to be sent: a run in place when it is long, else short runs gathered. */
  private readPast(segment: SegmentView, bytesMax: number): Buffer {
    const runs: number[] = []
    const bound = Math.min(bytesMax, GATHERED_BYTES_MAX)
    const last = lastBefore(segment, this.place.at, this.madeAt)
    let bytes = 0
    while (this.skip(segment, last)) {
      const { through, frames } = this.runEnd(segment, last, bytesMax)
      const [start, end] = [segment.start(this.place.at), segment.frameEnd(through)]
      if (bytes === 0 && end - start >= RUN_BYTES_MIN) return this.readRun(segment, through, frames)
      if (bytes > 0 && (end - start >= RUN_BYTES_MIN || bytes + end - start > bound)) break
      runs.push(start, end)
      bytes += end - start
      this.send(segment, through, frames)
    }
    return gather(segment, runs, bytes)
  }

  /** Moves to the next frame up to `last` that is to be sent; false if there is none. */
  private skip(segment: SegmentView, last: EntryAt): boolean {
    let skipped: EntryAt = NONE
    let at = this.place.at
    for (; at <= last && this.isSkipped(segment, at); at = segment.next(at)) skipped = at
    if (skipped !== NONE) this.pass(segment, skipped)
    return at <= last
  }

  /**
   * A snapshot is without what was superseded before. Who resumes gets every value that is still there, in case each counts; of a
   * partition of which the client has nothing only where no tombstone is gone that may have superseded it.
   */
  private isSkipped(segment: SegmentView, at: EntryAt): boolean {
    if (!segment.supersededBefore(at, this.madeAt)) return this.bus.isSkipped(segment, at)
    if (this.isSnapshot || segment.isBuried(at)) return true
    const partition = segment.partition(at)
    const hasNothing = (this.from.get(partition) ?? 0) <= 0
    return (hasNothing && this.bus.lacksTombstones(partition)) || this.bus.isSkipped(segment, at)
  }

  /** Last frame of the run that begins here without one that is skipped, no further than a read of `bytesMax` may reach. */
  private runEnd(
    segment: SegmentView,
    last: EntryAt,
    bytesMax: number,
  ): { through: EntryAt; frames: number } {
    const bound = segment.start(this.place.at) + bytesMax
    let [through, frames] = [this.place.at, 1]
    for (let at = segment.next(through); at <= last && segment.frameEnd(at) <= bound; at = segment.next(at)) {
      if (this.isSkipped(segment, at)) break
      through = at
      frames++
    }
    return { through, frames }
  }

  private beginMerging(segment: SegmentView, client: Position): void {
    const prefix = new Map(parsePosition(segment.id(this.place.at)) ?? NOWHERE)
    prefix.set(segment.partition(this.place.at), segment.offset(this.place.at)) // before the frame, that is
    this.merged = new MergedPosition(client, prefix)
    this.resumed = null
  }

  /** Frames after the client's position, their ids merged with it, until the bus's prefix has all that it has. */
  private readMerged(segment: SegmentView, merged: MergedPosition, bytesMax: number): Buffer {
    const pieces: Buffer[] = []
    const bound = Math.min(bytesMax, GATHERED_BYTES_MAX)
    let bytes = 0
    for (let compared = 0; compared < COMPARED_MAX && this.place.at <= segment.lastPublished; compared++) {
      const { at } = this.place
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
    this.last.mergedId = merged.text().toString('latin1')
    this.merged = null
  }

  /** Ends the merging once the bus has all that the client has, also where no frame tells so. */
  private settle(segment: SegmentView, merged: MergedPosition): void {
    if (!merged.agrees && this.last.segment === segment)
      merged.moveTo(parsePosition(segment.id(this.last.at)) ?? NOWHERE)
    if (merged.agrees) this.merged = null
  }

  /** Adds the next frame with another id in place of its own; returns the bytes of it. */
  private sendRenamed(segment: SegmentView, pieces: Buffer[], id: Buffer): number {
    const { at } = this.place
    const lines = segment.bytes.subarray(segment.start(at), segment.frameEnd(at) - 2 - segment.idLength(at))
    pieces.push(lines, id, END_OF_EVENT)
    this.send(segment, at, 1)
    this.last.mergedId = id.toString('latin1')
    return lines.length + id.length + END_OF_EVENT.length
  }

  /** The frames up to `through` are sent. */
  private send(segment: SegmentView, through: EntryAt, frames: number): void {
    this.frames += frames
    this.hasTold = true
    this.last.note(segment, through, true)
    this.place.pass(segment, through)
  }

  /** The frames up to `through` are passed over. */
  private pass(segment: SegmentView, through: EntryAt): void {
    this.last.note(segment, through, false)
    this.place.pass(segment, through)
  }
}
