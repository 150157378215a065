// What changes in a bus, told to another thread: the list of segments by what left and what came, and the few words besides.
// A reporter remembers how far it told, so news that nobody fetched become fewer, not more. Many segments are told in parts.

import type { Bus } from '../bus/bus.ts'
import type { LossesState } from '../bus/losses.ts'
import type { PartitionLogs } from '../bus/partitions.ts'
import { changedStretches, type Stretch } from '../segments/list-changes.ts'
import type { Segment } from '../segments/segment.ts'
import type { EntryAt } from '../segments/segment-layout.ts'

/** Segments that one piece of news adds at the most: some 4 µs each here, and as much where they are taken. */
export const ADDED_MAX = 1_000

/** A segment as a reader needs it; its buffer is shared. */
export interface SegmentNews extends Extent {
  readonly shared: SharedArrayBuffer
  readonly generation: number
  readonly firstSequence: number
  readonly rewrittenAt: number
}

/** What grows while a segment is the tail. */
export interface Extent {
  readonly lastSequence: number
  readonly lastPublished: EntryAt
  readonly newestTimestampMs: number
  readonly endId: string | null
}

/** So many segments side by side: from the list that was told before, or new ones. */
export type Piece =
  | { readonly from: number; readonly count: number }
  | { readonly added: readonly SegmentNews[] }

interface ListNews {
  /** What the list consists of now; null where it is the same. */
  readonly pieces: readonly Piece[] | null
}

/** The beginning of a list that is too long for one piece of news: for the next to go on with, and not yet to be read. */
export interface PartialNews extends ListNews {
  readonly isWhole: false
}

export interface WholeNews extends ListNews {
  readonly isWhole: true
  /** What has become of the segment that was the tail, where it stays. */
  readonly tail: Extent | null
  readonly nextSequence: number
  readonly position: string
  readonly caughtUp: boolean
  readonly wasRecreated: boolean
  readonly recreatedAt: number
  readonly startedOverAt: number
  /** What Kafka told of the logs, and what is gone, where that changed. */
  readonly logs: PartitionLogs | null
  readonly losses: LossesState | null
  /** Log starts below which all counts as gone, where that changed. */
  readonly skipped: ReadonlyMap<number, number> | null
}

export type BusNews = PartialNews | WholeNews

/** How far the list was told. */
interface Told {
  readonly version: number
  /** Segments of that version's list, and how many of them, from the front, were told. */
  readonly length: number
  readonly count: number
  /** The last that was told, and what its number was: where it was the tail it grows. */
  readonly last: Segment | undefined
  readonly generation: number
}

const NOTHING_TOLD: Told = { version: 0, length: 0, count: 0, last: undefined, generation: 0 }

export class BusReporter {
  private readonly bus: Bus
  private told = NOTHING_TOLD
  private logsVersion = -1
  private lossesVersion = -1
  private skippedVersion = -1

  constructor(bus: Bus) {
    this.bus = bus
  }

  /** What changed since the last call, with at most so many segments. Not whole: the next call goes on with it. */
  news(addedMax = ADDED_MAX): BusNews {
    const { bus } = this
    const tail = this.tail()
    const pieces = this.pieces(addedMax)
    if (this.told.count < this.told.length) return { isWhole: false, pieces }
    return {
      isWhole: true,
      pieces,
      tail,
      nextSequence: bus.nextSequence,
      position: bus.positionText(),
      caughtUp: bus.caughtUp,
      wasRecreated: bus.wasRecreated,
      recreatedAt: bus.recreatedAt,
      startedOverAt: bus.startedOverAt,
      logs: this.logs(),
      losses: this.losses(),
      skipped: this.skipped(),
    }
  }

  private tail(): Extent | null {
    const { last, generation } = this.told
    return last?.generation === generation ? extent(last) : null
  }

  private pieces(addedMax: number): Piece[] | null {
    const { told } = this
    const { list, changes } = this.bus.kept
    if (told.version === changes.version && told.count === list.length) return null
    const stretches = this.stretches(told.count)
    const added = stretches.reduce((sum, { from, count }) => sum + (from === null ? count : 0), 0)
    if (added <= addedMax) return this.tell(stretches, addedMax)
    // The last one may have grown, of which nobody may see anything before the news are whole: it is told as another.
    return this.tell(this.stretches(Math.max(0, told.count - 1)), addedMax)
  }

  /** What the list is made of, where so many are known already. */
  private stretches(known: number): readonly Stretch[] {
    const { told } = this
    const { list, changes } = this.bus.kept
    const since = changes.since(told.version)
    if (since === null) return [{ from: null, count: list.length }]
    const before = [
      { from: 0, count: known },
      { from: null, count: told.length - known },
    ]
    return changedStretches(before, since)
  }

  private tell(stretches: readonly Stretch[], addedMax: number): Piece[] {
    const { list, changes } = this.bus.kept
    const pieces: Piece[] = []
    let [place, left] = [0, addedMax]
    for (const { from, count } of stretches) {
      if (from === null && left === 0) break
      const told = from === null ? Math.min(count, left) : count
      if (from !== null) pieces.push({ from, count })
      else pieces.push({ added: list.slice(place, place + told).map(segmentNews) })
      place += told
      if (from === null) left -= told
      if (told < count) break
    }
    const last = list[place - 1]
    const generation = last?.generation ?? 0
    this.told = { version: changes.version, length: list.length, count: place, last, generation }
    return pieces
  }

  private logs(): PartitionLogs | null {
    const { version, starts, readFrom, ends } = this.bus.logs
    if (version === this.logsVersion) return null
    this.logsVersion = version
    return { starts, readFrom, ends }
  }

  private skipped(): ReadonlyMap<number, number> | null {
    const { skippedVersion, skipped } = this.bus
    if (skippedVersion === this.skippedVersion) return null
    this.skippedVersion = skippedVersion
    return skipped
  }

  private losses(): LossesState | null {
    const { state } = this.bus.losses
    if (state.version === this.lossesVersion) return null
    this.lossesVersion = state.version
    return state
  }
}

/** Segments that a piece of news adds. */
export function addedIn({ pieces }: BusNews): number {
  return (pieces ?? []).reduce((sum, piece) => sum + ('added' in piece ? piece.added.length : 0), 0)
}

function segmentNews(segment: Segment): SegmentNews {
  const { shared, generation, firstSequence, rewrittenAt } = segment
  return { shared, generation, firstSequence, rewrittenAt, ...extent(segment) }
}

function extent({ lastSequence, lastPublished, newestTimestampMs, endId }: Segment): Extent {
  return { lastSequence, lastPublished, newestTimestampMs, endId }
}
