// Tells streams that select of the frames that came. Promise: a frame costs the same for ten streams as for a hundred
// thousand, but for those that it may be for.

import type { BusView } from '../bus/bus-view.ts'
import { isAhead } from '../bus/lost-frames.ts'
import { hashRoute } from '../segments/route-index.ts'
import type { EntryAt } from '../segments/segment-layout.ts'
import type { SegmentView } from '../segments/segment-view.ts'
import { Place } from './place.ts'
import type { Route } from './route.ts'
import type { FrameWatch } from './selected-cursor.ts'

/** A stream that selects. */
export interface RouteSubscriber {
  readonly route: Route
  /** A frame came that may match. */
  frameCame(segment: SegmentView, at: EntryAt): void
  /** The bus was emptied: what its cursor reads is outdated. */
  busEmptied(): void
  /** Records are gone that the bus never read and may have been for it, or its client may keep keys that have left. */
  recordsLost(): void
}

/** Frames that one step looks at, some 0.2 µs for each value. */
const FRAMES_MAX = 1_000
/** Subscribers that one step tells of lost records, or of frames, some 0.07 µs for each. It tells all of one frame. */
const TOLD_MAX = 1_000

/** Sequences of the bus. Each grows with what is lost. */
interface ToldLosses {
  readonly unreadAt: number
  readonly hiddenAt: number
  readonly hiddenGoneAt: number
  /** Next sequence of the bus then. */
  readonly asOf: number
}

/** The subscribers of one bus, in one thread. */
export class RouteSubscriptions implements FrameWatch {
  private readonly bus: BusView
  private readonly byHash = new Map<number, Set<RouteSubscriber>>()
  private readonly subscribers = new Set<RouteSubscriber>()
  /** The next frame to look at. */
  private readonly place: Place
  private emptiedAt: number
  /** Those whose clients came with records of another process. */
  private readonly doubtful = new Set<RouteSubscriber>()
  /** The losses that subscribers were told of last, and those that are yet to be told. */
  private told: ToldLosses
  private untold: Iterator<RouteSubscriber> | null = null

  constructor(bus: BusView) {
    this.bus = bus
    this.place = new Place(bus, bus.nextSequence)
    this.emptiedAt = emptiedAt(bus)
    this.told = lossesOf(bus)
  }

  get isUpToDate(): boolean {
    if (this.subscribers.size === 0) return true
    // Frames that are gone count as not looked at until all are told of them. Asked first: `locate` passes such frames.
    return this.untold === null && !this.hasLostSince(this.told.asOf) && this.place.locate() === 'tail'
  }

  get sequence(): number {
    return this.isUpToDate ? this.bus.nextSequence : this.place.sequence
  }

  /** Frames from the next one to be looked at on are told. */
  add(subscriber: RouteSubscriber): void {
    if (this.subscribers.size === 0) this.place.goTo(this.bus.nextSequence)
    this.subscribers.add(subscriber)
    for (const hash of subscriber.route.hashes) {
      const known = this.byHash.get(hash)
      if (known === undefined) this.byHash.set(hash, new Set([subscriber]))
      else known.add(subscriber)
    }
  }

  /** Whether the subscriber's client may keep what it had when it came. */
  doubt(subscriber: RouteSubscriber, isDoubtful: boolean): void {
    if (isDoubtful) this.doubtful.add(subscriber)
    else this.doubtful.delete(subscriber)
  }

  remove(subscriber: RouteSubscriber): void {
    this.subscribers.delete(subscriber)
    this.doubtful.delete(subscriber)
    for (const hash of subscriber.route.hashes) {
      const known = this.byHash.get(hash)
      known?.delete(subscriber)
      if (known?.size === 0) this.byHash.delete(hash)
    }
  }

  /** Looks at some frames that came. Returns false if none are left. Call it after every publish. */
  step(): boolean {
    if (this.subscribers.size === 0) return false
    if (this.emptiedAt !== emptiedAt(this.bus)) return this.tellEmptied()
    // All are told before the place passes what is gone: a frame that was not looked at may have been for any of them.
    return !this.tellLost() || this.lookAtFrames()
  }

  private lookAtFrames(): boolean {
    let [frames, told] = [0, 0]
    while (frames < FRAMES_MAX && told < TOLD_MAX) {
      const segment = this.place.locate() === 'here' ? this.place.hold() : null
      if (segment === null) return false
      for (; frames < FRAMES_MAX && told < TOLD_MAX && this.place.at <= segment.lastPublished; frames++) {
        const { at } = this.place
        this.place.pass(segment, at)
        told += this.tell(segment, at)
      }
      segment.release()
    }
    return true
  }

  /** Tells some subscribers of records that are lost to them. Returns whether all are told. */
  private tellLost(): boolean {
    this.untold ??= this.concerned()
    for (let told = 0; this.untold !== null && told < TOLD_MAX; told++) {
      const { value, done } = this.untold.next()
      if (done) this.untold = null
      else value.recordsLost()
    }
    if (this.untold !== null) return false
    this.untold = this.concerned()
    return this.untold === null
  }

  /** Those that may have lost something since subscribers were last told. null if nothing was lost since. */
  private concerned(): Iterator<RouteSubscriber> | null {
    const { told, bus } = this
    const losses = lossesOf(bus)
    const hasLost = this.hasLostSince(told.asOf)
    if (!hasLost && losses.unreadAt === told.unreadAt && losses.hiddenAt === told.hiddenAt) return null
    this.told = losses
    const isForAll = hasLost || losses.unreadAt !== told.unreadAt || losses.hiddenGoneAt !== told.hiddenGoneAt
    return (isForAll ? this.subscribers : this.doubtful).values()
  }

  /** Whether frames have left the bus that were not looked at. */
  private hasLostSince(asOf: number): boolean {
    const { bus, place } = this
    const { losses, leavings } = bus
    return [losses, leavings].some(({ state }) => isAhead(state.frames, asOf, place.sequence))
  }

  /** Returns how many it has told. */
  private tell(segment: SegmentView, at: EntryAt): number {
    const { byHash, bus } = this
    let told = 0
    segment.forEachRoute(at, (selector, start, length) => {
      const subscribers = byHash.get(hashRoute(bus.routeSeed, selector, segment.bytes, start, length))
      if (subscribers === undefined) return
      for (const one of subscribers) one.frameCame(segment, at)
      told += subscribers.size
    })
    return told
  }

  private tellEmptied(): boolean {
    this.emptiedAt = emptiedAt(this.bus)
    this.place.goTo(this.emptiedAt) // not the first that is left: frames that came since may be gone again
    for (const subscriber of this.subscribers) subscriber.busEmptied()
    return true
  }
}

/** Grows when all that the bus had is given up. */
function emptiedAt({ recreatedAt, startedOverAt }: BusView): number {
  return Math.max(recreatedAt, startedOverAt)
}

function lossesOf({ losses, leavings, nextSequence }: BusView): ToldLosses {
  const { hiddenAt, hiddenGoneAt } = leavings.state
  return { unreadAt: losses.unreadAt, hiddenAt, hiddenGoneAt, asOf: nextSequence }
}
