// A place in a bus, and what is still to be read from there on. Replay and live are the same read: whole frames, straight out
// of their segment wherever they stand side by side, copied only where ids change or visible frames are scattered.

import type { BusView } from '../bus/bus-view.ts'
import { formatEventId } from '../bus/event-id.ts'
import type { BusReader } from '../bus/losses.ts'
import { Place, placeOf } from '../bus/place.ts'
import { covers, EMPTY_POSITION, furthest, type Position } from '../bus/position.ts'
import type { SegmentView } from '../segments/segment-view.ts'
import { readLive } from './live.ts'
import { Merging } from './merging.ts'
import { readPast } from './past.ts'
import { Progress } from './progress.ts'
import { NO_BYTES } from './runs.ts'
import { type Again, LIVE, PAST, type State } from './state.ts'
import { TimeSeek } from './time-seek.ts'
import { Visibility } from './visibility.ts'

/** How a cursor begins. */
interface Origin {
  readonly place: number
  readonly state: State
  /** What the client has, by its id. */
  readonly client?: Position
  readonly again?: Again
}

export class Cursor implements BusReader {
  /** Whether the stream has said that all is read which was there when the cursor was made. */
  isReadySent = false
  private readonly bus: BusView
  private readonly progress: Progress
  private readonly visibility: Visibility
  private state: State
  /** null once something was sent, or told in an id: from then on what leaves is a loss. */
  private again: Again | null
  /** The segment that the last read was of. */
  private held: SegmentView | null = null

  private constructor(bus: BusView, { place, state, client = EMPTY_POSITION, again }: Origin) {
    this.bus = bus
    this.progress = new Progress(new Place(bus, place))
    this.visibility = new Visibility(bus, again === 'snapshot', client)
    this.state = state
    this.again = again ?? null
  }

  /** The newest value of every key as of now, or all that is kept where nothing supersedes; then every later record. */
  static fromBeginning(bus: BusView): Cursor {
    return new Cursor(bus, { place: bus.firstSequence, state: PAST, again: 'snapshot' })
  }

  /** Every record from now on. */
  static fromNow(bus: BusView): Cursor {
    return new Cursor(bus, { place: bus.nextSequence, state: LIVE })
  }

  /** Every retained record after a position, whatever order the client's server read the partitions in. */
  static fromPosition(bus: BusView, position: Position): Cursor {
    const place = covers(position, bus.position()) ? undefined : placeOf(bus.segments, position)
    const state: State = { name: 'resumed', position }
    return new Cursor(bus, { place: place ?? bus.nextSequence, state, client: position })
  }

  /** Of every partition, every retained record from the first whose timestamp is at or after `sinceMs` (epoch ms). */
  static fromTime(bus: BusView, sinceMs: number, latest?: Position): Cursor {
    const seek = new TimeSeek(bus, sinceMs, latest)
    return new Cursor(bus, { place: bus.firstSequence, state: { name: 'seeking', seek } })
  }

  /** Frames that the last read returned. */
  get frames(): number {
    return this.progress.frames
  }

  /** Those among them that say that a record was too large. */
  get tooLarge(): number {
    return this.progress.tooLarge
  }

  get sequence(): number {
    return this.progress.place.sequence
  }

  get madeAt(): number {
    return this.visibility.madeAt
  }

  get liveFrom(): number {
    return this.visibility.isSnapshot ? this.madeAt : 0
  }

  /** What its client has, where that is not what this bus had; null where it is. */
  get ownPosition(): Position | null {
    const { state } = this
    if (state.name === 'resumed') return state.position
    return state.name === 'merging' ? state.merged.position : null
  }

  /** Something that this cursor had still to read has left the bus. */
  get lost(): boolean {
    const { bus, state } = this
    return state.name === 'seeking' ? !state.seek.isWhole : bus.hasLost(this)
  }

  get isOutdated(): boolean {
    return this.outdatedBy !== null
  }

  /**
   * What it reads is no more: another topic has the name, or the topic is read again, since deletes of it may have been missed;
   * null if neither.
   */
  get outdatedBy(): 'recreated' | 'deletes-dropped' | null {
    return this.bus.outdatedBy(this.madeAt)
  }

  /** All that was there when the cursor was made has been read; where compaction ran ahead of it, all that was there then. */
  get complete(): boolean {
    const { sequence, compactedAt } = this.progress.place
    return sequence >= Math.max(this.madeAt, compactedAt)
  }

  /**
   * Whole frames, at most `bytesMax` bytes of them or one; none where what was looked at held nothing to be read, so that a
   * turn stays short; null until the next publish: at the tail, and for one that is `lost` or `isOutdated`, since what is left
   * would be a gap that nobody is told of. The bytes stay what they are until the next read, or until the segment that `handOver` gave is released.
   */
  read(bytesMax: number): Buffer | null {
    const { progress } = this
    this.release()
    progress.frames = 0
    progress.tooLarge = 0
    if (this.again !== null && this.lost) this.beginAgain(this.again)
    if (this.lost || this.isOutdated) return null
    if (this.state.name === 'seeking') return this.seekOn(this.state.seek)
    this.held = progress.place.locate() === 'here' ? progress.place.hold() : null
    if (this.held === null) return null
    const bytes = this.readHere(this.held, bytesMax)
    if (progress.frames > 0) this.again = null
    return bytes
  }

  /** The segment that the last read was of, counted in: it is the caller's to release when its bytes are done with. */
  handOver(): SegmentView | null {
    const { held } = this
    this.held = null
    return held
  }

  /** Releases the segment of the last read. Its bytes may be overwritten from now on. */
  release(): void {
    this.handOver()?.release()
  }

  /** Whether all is read, and the bus's position is its client's: never where that was not sent all (`lost`, `isOutdated`). */
  atTail(): boolean {
    const isSeeking = this.state.name === 'seeking'
    return !isSeeking && !this.lost && !this.isOutdated && this.progress.place.locate() === 'tail'
  }

  /**
   * Id that stands for everything read: the tail's once nothing is left to read, else the last frame's. Asked for right after a
   * read.
   */
  id(): string {
    this.again = null
    return this.atTail() ? this.tailId() : (this.lastFrameId() ?? this.tailId())
  }

  /** Id of the last event that was sent, null where it is not known any more or nothing was. */
  sentId(): string | null {
    return this.progress.last.sentId()
  }

  private lastFrameId(): string | null {
    const { last } = this.progress
    return last.mergedId ?? (this.state.name === 'merging' ? this.state.id() : last.id())
  }

  private tailId(): string {
    const { bus, state } = this
    if (state.name === 'resumed') {
      const position = furthest(bus.position(), state.position)
      this.state = { name: 'resumed', position } // the client has what it was told
      return formatEventId(position)
    }
    if (state.name !== 'merging') return bus.positionText()
    state.merged.moveTo(bus.position())
    return state.id()
  }

  /** Not where the bus would lack a key's newest value, or is another topic's by now: that is a loss. */
  private beginAgain(again: Again): void {
    const { bus } = this
    if (this.isOutdated) return
    if (again === 'snapshot') {
      if (bus.isWhole) this.goTo(bus.firstSequence, PAST)
    } else if (again.seek.isWhole) this.resumeAt(again.position)
  }

  private resumeAt(position: Position): void {
    const { bus } = this
    this.goTo(placeOf(bus.segments, position) ?? bus.nextSequence, { name: 'resumed', position })
  }

  /** As of now: what came until then may be compacted already, and what left by then is not missed. */
  private goTo(sequence: number, state: State): void {
    this.visibility.madeAt = this.bus.nextSequence
    this.progress.place.goTo(sequence)
    this.state = state
  }

  private seekOn(seek: TimeSeek): Buffer | null {
    const position = seek.step()
    if (position === 'unknown') return null
    if (position === null) return NO_BYTES
    this.again = { seek, position }
    this.resumeAt(position)
    return NO_BYTES
  }

  private readHere(segment: SegmentView, bytesMax: number): Buffer {
    const { progress, visibility } = this
    if (this.state.name === 'resumed')
      this.state = new Merging(this.state.position, segment, progress, visibility)
    if (this.state.name === 'merging') {
      const bytes = this.state.read(segment, bytesMax)
      if (!this.state.isOver) return bytes
      this.state = PAST
      if (bytes.length > 0 || progress.place.at > segment.lastPublished) return bytes
    }
    if (segment.sequence(progress.place.at) >= this.madeAt) this.state = LIVE
    if (this.state.name === 'live') return readLive(progress, segment, bytesMax)
    return readPast(progress, visibility, segment, bytesMax)
  }
}
