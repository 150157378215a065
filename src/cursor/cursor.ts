// A place in a bus, from which one stream reads. Replay, resume and live are the same read: whole frames, as a slice of
// their segment. Frames are copied only if their ids change, or if hidden frames lie between them.

import type { BusView } from '../bus/bus-view.ts'
import { formatEventId } from '../bus/event-id.ts'
import { covers, furthest, type Position } from '../bus/position.ts'
import type { SegmentView } from '../segments/segment-view.ts'
import { BusCursor, type Origin } from './bus-cursor.ts'
import { readLive } from './live.ts'
import { Merging } from './merging.ts'
import { readPast } from './past.ts'
import { placeOf } from './place.ts'
import { LIVE, PAST, type State } from './state.ts'
import { TimeSeek } from './time-seek.ts'

export class Cursor extends BusCursor {
  private state: State

  private constructor(bus: BusView, state: State, origin: Origin) {
    super(bus, origin)
    this.state = state
  }

  /**
   * The newest value of every key as of now, or every retained record if the bus keeps all; then every later record.
   */
  static fromBeginning(bus: BusView): Cursor {
    return new Cursor(bus, PAST, { sequence: bus.firstSequence, again: 'snapshot' })
  }

  /** Every record from now on. */
  static fromNow(bus: BusView): Cursor {
    return new Cursor(bus, LIVE, { sequence: bus.nextSequence })
  }

  /** Every retained record after a position, also if another server read the partitions in another order. */
  static fromPosition(bus: BusView, position: Position): Cursor {
    const place = covers(position, bus.position()) ? undefined : placeOf(bus.segments, position)
    const origin = { sequence: place ?? bus.nextSequence, client: position }
    return new Cursor(bus, { name: 'resumed', position }, origin)
  }

  /**
   * For each partition, every retained record from the first whose timestamp is at or after `sinceMs` (epoch ms).
   * `latest`: where each partition begins at the latest. Default: the bus's position.
   */
  static fromTime(bus: BusView, sinceMs: number, latest?: Position): Cursor {
    const seek = new TimeSeek(bus, { sinceMs, latest, hasLeaving: false })
    return new Cursor(bus, { name: 'seeking', seek }, { sequence: bus.firstSequence })
  }

  override get sequence(): number {
    return this.progress.place.sequence
  }

  override get readTo(): number {
    return this.sequence
  }

  override get ownPosition(): Position | null {
    const { state } = this
    if (state.name === 'resumed') return state.position
    return state.name === 'merging' ? state.merged.position : null
  }

  /** Whether the bus has lost a frame that this cursor had still to read. */
  get lost(): boolean {
    const { bus, state } = this
    return state.name === 'seeking' ? !state.seek.isWhole : bus.hasLost(this)
  }

  /**
   * Whether the cursor has read all that the bus had when the cursor was made. If compaction ran ahead of the cursor:
   * all that the bus had at that compaction.
   */
  get complete(): boolean {
    const { sequence, compactedAt } = this.progress.place
    return sequence >= Math.max(this.madeAt, compactedAt)
  }

  /**
   * Reads whole frames: at most `bytesMax` bytes, or one frame. Empty if it only passed frames over, so that a turn
   * stays short: read again. null at the tail: there is nothing until the next publish. Also null if `lost` or
   * `isOutdated`, because more frames would hide the gap. The bytes do not change until the next read; after
   * `handOver`, until the segment is released.
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

  /** Hands over the held segment of the last read. The caller must release it when it is done with the bytes. */
  handOver(): SegmentView | null {
    const { held } = this
    this.held = null
    return held
  }

  /** Whether all is read, so that the client has the bus's position. Never true if `lost` or `isOutdated`. */
  atTail(): boolean {
    const isSeeking = this.state.name === 'seeking'
    return !isSeeking && !this.lost && !this.isOutdated && this.progress.place.locate() === 'tail'
  }

  /**
   * The id of everything that was read: the bus's id at the tail, otherwise the last frame's. Call it directly after a
   * read.
   */
  id(): string {
    this.again = null
    if (!this.atTail()) return this.lastFrameId() ?? this.tailId()
    this.progress.place.reachTail()
    return this.tailId()
  }

  private lastFrameId(): string | null {
    const { last } = this.progress
    return last.mergedId ?? (this.state.name === 'merging' ? this.state.id() : last.id())
  }

  private tailId(): string {
    const { bus, state } = this
    if (state.name === 'resumed') {
      const position = furthest(bus.position(), state.position)
      this.state = { name: 'resumed', position } // the client has this id from now on
      return formatEventId(position)
    }
    if (state.name !== 'merging') return bus.positionText()
    state.merged.moveTo(bus.position())
    return state.id()
  }

  protected override moved(client: Position | null): void {
    this.state = client === null ? PAST : { name: 'resumed', position: client }
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
    if (this.state.name === 'live') return readLive(progress, visibility, segment, bytesMax)
    return readPast(progress, visibility, segment, bytesMax)
  }
}
