// What changes in a bus, told to another thread: the list of segments by what left and what came, and the few words besides.
// A reporter remembers what it told last and nothing else, so news that nobody fetched become fewer, not more.

import type { Bus } from '../bus.ts'
import type { LossesState } from '../losses.ts'
import type { EntryAt, Segment } from '../segment.ts'

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

export interface BusNews {
  /** How many segments stay at the front of the list, how many leave behind them, and what comes in their place. */
  readonly kept: number
  readonly removed: number
  readonly added: readonly SegmentNews[]
  /** What has become of the segment that was the tail, where it stays. */
  readonly tail: Extent | null
  readonly nextSequence: number
  readonly position: string
  readonly caughtUp: boolean
  readonly wasRecreated: boolean
  readonly recreatedAt: number
  /** Log starts by partition, and what is gone, where that changed. */
  readonly starts: ReadonlyMap<number, number> | null
  readonly losses: LossesState | null
}

interface Told {
  readonly segment: Segment
  readonly generation: number
}

export class BusReporter {
  private readonly bus: Bus
  private told: readonly Told[] = []
  private startsVersion = -1
  private lossesVersion = -1

  constructor(bus: Bus) {
    this.bus = bus
  }

  /** What changed since the last call, as of a publish. */
  news(): BusNews {
    const { bus } = this
    return {
      ...this.change(),
      nextSequence: bus.nextSequence,
      position: bus.positionText(),
      caughtUp: bus.caughtUp,
      wasRecreated: bus.wasRecreated,
      recreatedAt: bus.recreatedAt,
      starts: this.starts(),
      losses: this.losses(),
    }
  }

  private change(): Pick<BusNews, 'kept' | 'removed' | 'added' | 'tail'> {
    const { told } = this
    const { segments } = this.bus
    let kept = 0
    while (isSame(told[kept], segments[kept])) kept++
    let same = 0
    const sameMax = Math.min(told.length, segments.length) - kept
    while (same < sameMax && isSame(told.at(-1 - same), segments.at(-1 - same))) same++
    const wasTail = told.at(-1)
    const isTailKept = wasTail !== undefined && (same > 0 || kept === told.length)
    this.told = segments.map((segment) => ({ segment, generation: segment.generation }))
    return {
      kept,
      removed: told.length - kept - same,
      added: segments.slice(kept, segments.length - same).map(segmentNews),
      tail: isTailKept ? extent(wasTail.segment) : null,
    }
  }

  private starts(): ReadonlyMap<number, number> | null {
    const { version, starts } = this.bus.known
    if (version === this.startsVersion) return null
    this.startsVersion = version
    return starts
  }

  private losses(): LossesState | null {
    const { state } = this.bus.losses
    if (state.version === this.lossesVersion) return null
    this.lossesVersion = state.version
    return state
  }
}

function isSame(told: Told | undefined, segment: Segment | undefined): boolean {
  return told !== undefined && told.segment === segment && told.generation === segment.generation
}

function segmentNews(segment: Segment): SegmentNews {
  const { shared, generation, firstSequence, rewrittenAt } = segment
  return { shared, generation, firstSequence, rewrittenAt, ...extent(segment) }
}

function extent({ lastSequence, lastPublished, newestTimestampMs, endId }: Segment): Extent {
  return { lastSequence, lastPublished, newestTimestampMs, endId }
}
