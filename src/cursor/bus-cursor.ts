// What every cursor has: a place in a bus, the segment that it holds, and how it begins again if frames are lost before
// its first read.

import type { BusView } from '../bus/bus-view.ts'
import type { BusReader } from '../bus/losses.ts'
import { EMPTY_POSITION, type Position } from '../bus/position.ts'
import type { SegmentView } from '../segments/segment-view.ts'
import { Place, placeOf } from './place.ts'
import { Progress } from './progress.ts'
import { NO_BYTES } from './runs.ts'
import type { Again } from './state.ts'
import type { TimeSeek } from './time-seek.ts'
import { Visibility } from './visibility.ts'

/** How a cursor begins. */
export interface Origin {
  /** Sequence of the first frame to read. */
  readonly sequence: number
  /** What the client has, by its id. */
  readonly client?: Position
  /** Where the client has records from before. Default: `client`. */
  readonly held?: Position
  /** How to begin again if a frame is lost before the first read. */
  readonly again?: Again
}

export abstract class BusCursor implements BusReader {
  beganAt: Position
  /** Set by the stream once it has sent `:ready`. */
  isReadySent = false
  protected readonly bus: BusView
  protected readonly progress: Progress
  protected readonly visibility: Visibility
  /**
   * How to begin again if a frame is lost. null once a frame was read or an id was asked for: from then on it is a
   * loss.
   */
  protected again: Again | null
  /** The segment of the last read. This cursor holds it. */
  protected held: SegmentView | null = null

  protected constructor(bus: BusView, { sequence, client = EMPTY_POSITION, held = client, again }: Origin) {
    this.bus = bus
    this.progress = new Progress(new Place(bus, sequence))
    this.beganAt = client
    this.visibility = new Visibility(bus, again === 'snapshot', held)
    this.again = again ?? null
  }

  /** How many frames the last read returned. */
  get frames(): number {
    return this.progress.frames
  }

  /** How many of these frames replace a record that was too large. */
  get tooLarge(): number {
    return this.progress.tooLarge
  }

  get firstTimestampMs(): number {
    return this.progress.firstTimestampMs
  }

  abstract get sequence(): number

  abstract get readTo(): number

  get madeAt(): number {
    return this.visibility.madeAt
  }

  get liveFrom(): number {
    return this.visibility.isSnapshot ? this.madeAt : 0
  }

  /** The position of the client, as long as it may differ from what this bus had. Otherwise null. */
  abstract get ownPosition(): Position | null

  get isOutdated(): boolean {
    return this.outdatedBy !== null
  }

  /**
   * `recreated`: the topic was recreated after the cursor was made. `deletes-dropped`: the bus has read it again,
   * because it may have missed deletes. null: neither.
   */
  get outdatedBy(): 'recreated' | 'deletes-dropped' | null {
    return this.bus.outdatedBy(this.madeAt)
  }

  /** Releases the segment of the last read. Its bytes may be overwritten from now on. */
  release(): void {
    this.held?.release()
    this.held = null
  }

  /** Id of the last event that was sent. null if none was, or if its segment has been reused. */
  sentId(): string | null {
    return this.progress.last.sentId()
  }

  /** Begins again with the retained frames, unless these are incomplete or outdated: then the loss stays. */
  protected beginAgain(again: Again): void {
    const { bus } = this
    if (this.isOutdated) return
    if (again === 'snapshot') {
      if (bus.isWhole) this.goTo(bus.firstSequence, null)
    } else if (again.seek.isWhole) this.resumeAt(again.position)
  }

  /** One step of a search. The cursor goes to the position that it ends with. */
  protected seekOn(seek: TimeSeek): Buffer | null {
    const position = seek.step()
    if (position === 'unknown') return null
    if (position === null) return NO_BYTES
    this.again = { seek, position }
    this.resumeAt(position)
    return NO_BYTES
  }

  /** It was moved. `client`: the position from which it resumes; null: it gets everything from its place on. */
  protected abstract moved(client: Position | null): void

  private resumeAt(position: Position): void {
    const { bus } = this
    this.goTo(placeOf(bus.segments, position) ?? bus.nextSequence, position)
  }

  /** Moves to a sequence as of now: frames that were lost or superseded before now are not owed to the client. */
  private goTo(sequence: number, client: Position | null): void {
    this.visibility.madeAt = this.bus.nextSequence
    this.progress.place.goTo(sequence)
    this.beganAt = client ?? EMPTY_POSITION
    this.moved(client)
  }
}
