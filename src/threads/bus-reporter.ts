// Describes what changed in a bus since the last call, for a mirror of it in another thread. A slow mirror gets fewer
// updates, each with all changes since the last one. An update with more than `ADDED_MAX` new segments comes in parts.

import type { Bus } from '../bus/bus.ts'
import type { LossesState } from '../bus/losses.ts'
import type { PartitionLogs } from '../bus/partitions.ts'
import { changedStretches, type Stretch } from '../segments/list-changes.ts'
import type { Segment } from '../segments/segment.ts'
import type { EntryAt } from '../segments/segment-layout.ts'

/** Most segments that one update adds. Each costs some 4 µs here, and as much in the worker. */
export const ADDED_MAX = 1_000

/** A segment as a mirror needs it. Its buffer is shared. */
export interface SharedSegment extends Extent {
  readonly shared: SharedArrayBuffer
  readonly generation: number
  readonly firstSequence: number
  readonly rewrittenAt: number
}

/** The values that change while a segment is the tail. */
export interface Extent {
  readonly lastSequence: number
  readonly lastPublished: EntryAt
  readonly newestTimestampMs: number
  readonly endId: string | null
}

/** A run of segments: `count` of the mirror's present list from index `from` on, or new ones. */
export type Piece =
  | { readonly from: number; readonly count: number }
  | { readonly added: readonly SharedSegment[] }

interface ListUpdate {
  /** The runs that make up the list now; null if it has not changed. */
  readonly pieces: readonly Piece[] | null
}

/** The beginning of a list that is too long for one update. Readers must not see it before the rest has come. */
export interface PartialUpdate extends ListUpdate {
  readonly isWhole: false
}

export interface WholeUpdate extends ListUpdate {
  readonly isWhole: true
  /** Present values of the segment that was the tail; null if it is no longer in the list. */
  readonly tail: Extent | null
  readonly nextSequence: number
  readonly routeSeed: number
  readonly position: string
  readonly caughtUp: boolean
  readonly wasRecreated: boolean
  readonly recreatedAt: number
  readonly startedOverAt: number
  /** What Kafka reported about the logs, and which frames were lost. Each is null if it has not changed. */
  readonly logs: PartitionLogs | null
  readonly losses: LossesState | null
  /** Log starts below which every record counts as lost; null if they have not changed. */
  readonly skipped: ReadonlyMap<number, number> | null
}

export type BusUpdate = PartialUpdate | WholeUpdate

/** The list as of the last update. */
interface Sent {
  readonly version: number
  /** Length of that version's list, and how many of its first segments were sent. */
  readonly length: number
  readonly count: number
  /** The last segment that was sent, and its generation then. If it was the tail, it grows. */
  readonly last: Segment | undefined
  readonly generation: number
}

const NOTHING_SENT: Sent = { version: 0, length: 0, count: 0, last: undefined, generation: 0 }

export class BusReporter {
  private readonly bus: Bus
  private sent = NOTHING_SENT
  private logsVersion = -1
  private lossesVersion = -1
  private skippedVersion = -1

  constructor(bus: Bus) {
    this.bus = bus
  }

  /** The changes since the last call, with at most `addedMax` new segments. The next call continues a partial one. */
  takeUpdate(addedMax = ADDED_MAX): BusUpdate {
    const { bus } = this
    const tail = this.tail()
    const pieces = this.pieces(addedMax)
    if (this.sent.count < this.sent.length) return { isWhole: false, pieces }
    return {
      isWhole: true,
      pieces,
      tail,
      nextSequence: bus.nextSequence,
      routeSeed: bus.routeSeed,
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
    const { last, generation } = this.sent
    return last?.generation === generation ? extent(last) : null
  }

  private pieces(addedMax: number): Piece[] | null {
    const { sent } = this
    const { list, changes } = this.bus.kept
    if (sent.version === changes.version && sent.count === list.length) return null
    const stretches = this.stretches(sent.count)
    const added = stretches.reduce((sum, { from, count }) => sum + (from === null ? count : 0), 0)
    if (added <= addedMax) return this.takePieces(stretches, addedMax)
    // The last segment may have grown, which readers must not see before the update is whole. So it is sent as new.
    return this.takePieces(this.stretches(Math.max(0, sent.count - 1)), addedMax)
  }

  /** The runs that make up the list, if the mirror has its first `known` segments. */
  private stretches(known: number): readonly Stretch[] {
    const { sent } = this
    const { list, changes } = this.bus.kept
    const since = changes.since(sent.version)
    if (since === null) return [{ from: null, count: list.length }]
    const before = [
      { from: 0, count: known },
      { from: null, count: sent.length - known },
    ]
    return changedStretches(before, since)
  }

  private takePieces(stretches: readonly Stretch[], addedMax: number): Piece[] {
    const { list, changes } = this.bus.kept
    const pieces: Piece[] = []
    let [place, left] = [0, addedMax]
    for (const { from, count } of stretches) {
      if (from === null && left === 0) break
      const sent = from === null ? Math.min(count, left) : count
      if (from !== null) pieces.push({ from, count })
      else pieces.push({ added: list.slice(place, place + sent).map(sharedSegment) })
      place += sent
      if (from === null) left -= sent
      if (sent < count) break
    }
    const last = list[place - 1]
    const generation = last?.generation ?? 0
    this.sent = { version: changes.version, length: list.length, count: place, last, generation }
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
    const { state, version } = this.bus.losses
    if (version === this.lossesVersion) return null
    this.lossesVersion = version
    return state
  }
}

/** Number of segments that an update adds. */
export function addedIn({ pieces }: BusUpdate): number {
  return (pieces ?? []).reduce((sum, piece) => sum + ('added' in piece ? piece.added.length : 0), 0)
}

function sharedSegment(segment: Segment): SharedSegment {
  const { shared, generation, firstSequence, rewrittenAt } = segment
  return { shared, generation, firstSequence, rewrittenAt, ...extent(segment) }
}

function extent({ lastSequence, lastPublished, newestTimestampMs, endId }: Segment): Extent {
  return { lastSequence, lastPublished, newestTimestampMs, endId }
}
