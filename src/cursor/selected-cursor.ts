// A place in a bus for a stream that gets some of its records. Replay and live are the same read: the frames that
// match, found by the index of each segment, copied one after the other. Promise: frames of others cost a search for
// each segment, and nothing once the stream waits.

import type { BusView } from '../bus/bus-view.ts'
import { covers, type Position } from '../bus/position.ts'
import type { EntryAt } from '../segments/segment-layout.ts'
import type { SegmentView } from '../segments/segment-view.ts'
import { BusCursor, type Origin } from './bus-cursor.ts'
import { ClientIds } from './client-ids.ts'
import { placeOf } from './place.ts'
import type { Route } from './route.ts'
import { NO_BYTES } from './runs.ts'
import { SelectedFrames } from './selected-frames.ts'
import { TimeSeek } from './time-seek.ts'

/** Frames that a stream is told of while it is busy. If more come it searches for them. */
const TOLD_MAX = 64

/** What a cursor of some records reads from. */
export interface SelectedParts {
  readonly bus: BusView
  readonly route: Route
  readonly watch: FrameWatch
}

/** Looks at the frames that come, and calls `wakeAt` of the cursors that each may be for. */
export interface FrameWatch {
  /** Whether it has looked at every frame. */
  readonly isUpToDate: boolean
  /** Sequence of the next frame to look at. */
  readonly sequence: number
}

export class SelectedCursor extends BusCursor {
  private readonly watch: FrameWatch
  private readonly ids: ClientIds
  private readonly selected: SelectedFrames
  private readonly isByKey: boolean
  /** Segments that one read searches. */
  private readonly segmentsMax: number
  /** The position up to which the client had records when it came. null: it had nothing. */
  private clientHeld: Position | null
  private seek: TimeSeek | null = null
  /** Whether a frame was lost while it waited that may have been its own. */
  private hasLost = false
  /** Whether everything that matches is read, and no frame that may match was seen since: `wakeAt` ends that. */
  isWaiting = false
  /** Whether all frames that may match and came since it waited were told. Once they are read it waits again. */
  private isTold = false
  /** Where the last read or id ended. `wakeAt` moves the place only: what was never read may be lost in between. */
  override readTo: number

  private constructor({ bus, route, watch }: SelectedParts, origin: Origin) {
    super(bus, origin)
    this.isByKey = route.isByKey
    this.clientHeld = origin.held?.size ? origin.held : null
    this.segmentsMax = route.segmentsMax
    this.watch = watch
    this.readTo = origin.sequence
    this.ids = new ClientIds(origin.client ?? null)
    const { progress, visibility, ids } = this
    this.selected = new SelectedFrames({ route, progress, visibility, ids })
  }

  /** The newest value of every key that matches, or everything that the bus keeps; then every later record. */
  static fromBeginning(parts: SelectedParts): SelectedCursor {
    return new SelectedCursor(parts, { sequence: parts.bus.firstSequence, again: 'snapshot' })
  }

  /** Every record from now on. */
  static fromNow(parts: SelectedParts): SelectedCursor {
    return new SelectedCursor(parts, { sequence: parts.bus.nextSequence })
  }

  /** Every retained record after a position, for any order in which the client's server read the partitions. */
  static fromPosition(parts: SelectedParts, client: Position, held = client): SelectedCursor {
    const { bus } = parts
    const place = covers(client, bus.position()) ? undefined : placeOf(bus.segments, client)
    return new SelectedCursor(parts, { sequence: place ?? bus.nextSequence, client, held })
  }

  /** Of every partition, every retained record from the first whose timestamp is at or after `sinceMs` (epoch ms). */
  static fromTime(parts: SelectedParts, sinceMs: number, latest?: Position): SelectedCursor {
    const { bus } = parts
    const cursor = new SelectedCursor(parts, { sequence: bus.firstSequence })
    cursor.seek = new TimeSeek(bus, { sinceMs, latest, hasLeaving: true, route: parts.route })
    return cursor
  }

  /** Frames of others that leave the bus are no loss to a stream that waits, once it is known that they are. */
  override get sequence(): number {
    const { sequence } = this.progress.place
    // The watch may be behind what the cursor has read by itself.
    return this.isWaiting ? Math.max(sequence, this.watch.sequence) : sequence
  }

  /** Of no use for a client that may keep what has left its selection: it has to begin again. */
  override get ownPosition(): Position | null {
    return this.mayKeepLeft ? null : this.ids.position
  }

  override get outdatedBy(): 'recreated' | 'deletes-dropped' | null {
    return super.outdatedBy ?? (this.mayKeepLeft ? 'deletes-dropped' : null)
  }

  /** Whether the client had records when it came, so that records that come may show what it may keep. */
  get isDoubtful(): boolean {
    return this.clientHeld !== null && !this.isByKey
  }

  private get mayKeepLeft(): boolean {
    return !this.isByKey && this.bus.leavings.isHiddenSince(this.madeAt, this.clientHeld)
  }

  get lost(): boolean {
    if (this.hasLost) return true
    if (this.seek !== null) return !this.seek.isWhole
    return this.isByKey ? this.bus.hasLost(this) : this.bus.hasLostSelected(this)
  }

  sentTo(partition: number): number {
    return this.selected.sentTo(partition)
  }

  /** Whether all frames that match from before the cursor was made are read. */
  get complete(): boolean {
    const { compactedAt } = this.progress.place
    return this.isWaiting || this.sequence >= Math.max(this.madeAt, compactedAt)
  }

  /**
   * A frame that may match has come. Returns whether that is the first one since the stream waits. `segment` is held by
   * the caller. Frames of others between those that it is told of are not looked at.
   */
  wakeAt(segment: SegmentView, at: EntryAt): boolean {
    if (segment.sequence(at) < this.progress.place.sequence) return false
    const { candidates } = this.selected
    if (!this.isWaiting) {
      this.isTold &&= candidates.isOf(segment) && candidates.entries.length < TOLD_MAX
      if (this.isTold) candidates.tellNext(segment, at)
      return false
    }
    this.isWaiting = false
    this.isTold = true
    this.progress.place.enterAt(segment, at)
    candidates.tellFirst(segment, at)
    return true
  }

  /**
   * Frames or records are lost. Returns whether it has to hear of that. Remembers a loss, because the watch passes
   * frames that are gone.
   */
  noteLoss(): boolean {
    this.hasLost = this.lost
    return this.hasLost || this.isOutdated
  }

  /**
   * Whole events, at most `bytesMax` bytes of them or one. Empty if nothing matched in what it searched, so that turns
   * stay short. null until `wakeAt`: at the tail, and for one that is `lost` or `isOutdated`.
   */
  read(bytesMax: number): Buffer | null {
    const { progress } = this
    this.release()
    progress.frames = 0
    progress.tooLarge = 0
    if (this.again !== null && this.lost) this.beginAgain(this.again)
    if (this.isWaiting || this.lost || this.isOutdated) return null
    if (this.seek !== null) return this.seekOn(this.seek)
    for (let searched = 0; searched < this.segmentsMax; searched++) {
      if (this.isTold && this.selected.candidates.entries.length === 0) {
        this.isTold = false
        this.isWaiting = true
        return null
      }
      const where = progress.place.locate()
      this.held = where === 'here' ? progress.place.hold() : null
      if (this.held === null) {
        this.isWaiting = where === 'tail'
        return null
      }
      this.isTold &&= this.selected.candidates.isOf(this.held)
      const bytes = this.selected.read(this.held, bytesMax)
      this.readTo = progress.place.sequence
      if (progress.frames > 0) this.again = null
      if (bytes.length > 0) return bytes
      this.release()
    }
    return NO_BYTES
  }

  handOver(): SegmentView | null {
    this.release() // the bytes are copies
    return null
  }

  atTail(): boolean {
    if (this.seek !== null || this.lost || this.isOutdated) return false
    return (this.isWaiting && this.watch.isUpToDate) || this.progress.place.locate() === 'tail'
  }

  /** The id of everything that was read: the bus's position at the tail, otherwise that of the last frame. */
  id(): string {
    this.again = null
    const isAtTail = this.atTail()
    if (isAtTail) this.readTo = this.progress.place.reachTail()
    return (isAtTail ? null : this.progress.last.id()) ?? this.ids.atTail(this.bus)
  }

  protected override moved(client: Position | null): void {
    this.seek = null
    this.readTo = this.progress.place.sequence
    this.clientHeld = null
    this.hasLost = false
    this.selected.forget()
    this.isWaiting = false
    this.isTold = false
    const { again } = this
    this.ids.resume(client, typeof again === 'object' ? again?.seek.toldPosition : client)
  }
}
