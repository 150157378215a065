// Rewriting of segments that are mostly dead: live frames of neighbours move together, ids and order unchanged.
// One step rewrites a few neighbours, ahead of slow cursors too: a write under way keeps the old copy until it is done.

import type { Segment } from '../segments/segment.ts'
import type { EntryAt } from '../segments/segment-layout.ts'
import type { SegmentList } from '../segments/segment-list.ts'
import { indexOfSequence } from '../segments/segment-search.ts'

/** Neighbours that one step may rewrite. */
const RUN_MAX = 8
/** Segments that one step may look at, to find those: a bus has up to sixteen times as many. */
const CANDIDATES_MAX = 1024

/** What bounds the time of a step that rewrites. */
export interface StepBounds {
  /** Segments that are written. */
  readonly targetsMax: number
  /** Frames of the segments that are rewritten, live or not. */
  readonly framesMax: number
}

/** A few ms, whatever the sizes of the frames. */
export const SHORT_STEP: StepBounds = { targetsMax: 2, framesMax: 50_000 }
/** All that can be freed in one step: some 20 ms where frames are as small as they can be. */
const WIDEST_STEP: StepBounds = { targetsMax: RUN_MAX - 1, framesMax: Number.POSITIVE_INFINITY }

export class Compaction {
  private readonly segments: SegmentList
  /** Sequence at which the next look begins. */
  private from = 0

  constructor(segments: SegmentList) {
    this.segments = segments
  }

  /**
   * One step: rewrites the closed neighbours that free the most within the bounds; false where none would take up fewer segments,
   * of those that it looked at. The next step looks at others where there are more.
   */
  step(bounds = SHORT_STEP): boolean {
    const { list, pool } = this.segments
    const from = this.from > (list.at(-2)?.lastSequence ?? 0) ? 0 : indexOfSequence(list, this.from)
    const to = Math.min(from + CANDIDATES_MAX, list.length - 1) // the tail is not closed
    const run = bestRun(list, { ...bounds, from, to, segmentBytes: pool.segmentBytes })
    const isRest = to === list.length - 1
    if (run === null || run.freed < RUN_MAX) this.from = isRest ? 0 : (list[to]?.firstSequence ?? 0)
    if (run === null) return false
    const replacements = rewrite(this.segments, list.slice(run.first, run.first + run.count))
    this.segments.replace(run.first, run.count, replacements)
    return true
  }

  /** Frees a segment or more, wherever they are, in a short step if that can be; false where none can be freed. */
  free(): boolean {
    return this.stepAnywhere(SHORT_STEP) || this.stepAnywhere(WIDEST_STEP)
  }

  private stepAnywhere(bounds: StepBounds): boolean {
    for (let looks = 0; looks <= this.segments.list.length; looks += CANDIDATES_MAX) {
      if (this.step(bounds)) return true
    }
    return false
  }
}

interface Bounds extends StepBounds {
  /** Which places of the list are looked at: up to `to`, that one not. */
  readonly from: number
  readonly to: number
  readonly segmentBytes: number
}

interface Run {
  readonly first: number
  readonly count: number
  readonly freed: number
}

/** The run of neighbours that takes up the fewest segments less, or null where none takes up fewer. */
function bestRun(list: readonly Segment[], bounds: Bounds): Run | null {
  let best: Run | null = null
  for (let first = bounds.from; first < bounds.to; first++) {
    const run = runFrom(list, first, bounds)
    if (run.freed > (best?.freed ?? 0)) best = run
    if (run.freed === RUN_MAX) break
  }
  return best
}

/**
 * How far the run that begins at `first` is best drawn. Large frames may not pack as closely as their bytes add up to; such a
 * run is rewritten in vain once, has no dead frame left, and is passed over until one of its frames dies.
 */
function runFrom(list: readonly Segment[], first: number, bounds: Bounds): Run {
  const { to, segmentBytes, targetsMax, framesMax } = bounds
  let best: Run = { first, count: 0, freed: 0 }
  let [live, frames, deadFrames] = [0, 0, 0]
  for (let count = 1; count <= Math.min(RUN_MAX, to - first); count++) {
    const segment = list[first + count - 1]
    if (segment === undefined || (segment.size > segmentBytes && segment.liveFrames > 0)) break
    live += segment.liveBytes
    deadFrames += segment.frames - segment.liveFrames
    if (segment.liveFrames > 0) frames += segment.frames // of one that is all dead nothing is looked at
    const targets = Math.ceil(live / segmentBytes)
    const freed = count - targets
    if (targets > targetsMax || frames > framesMax) break
    if (freed > best.freed && deadFrames > 0) best = { first, count, freed }
  }
  return best
}

/** The run's live frames in as few segments as hold them; together these stand for every sequence of the run. */
function rewrite(segments: SegmentList, run: readonly Segment[]): Segment[] {
  const rewriting = new Rewriting(segments, run)
  for (const segment of run) {
    if (segment.liveFrames === 0) continue
    for (let at = 0; at < segment.end; at = segment.next(at)) {
      if (!segment.isSuperseded(at)) rewriting.move(segment, at)
    }
  }
  return rewriting.finish()
}

class Rewriting {
  private readonly targets: Segment[] = []
  private readonly segments: SegmentList
  private readonly run: readonly Segment[]

  constructor(segments: SegmentList, run: readonly Segment[]) {
    this.segments = segments
    this.run = run
  }

  move(from: Segment, at: EntryAt): void {
    const to = this.targetFor(from, at)
    const moved = to.appendFrom(from, at)
    if (from.hasKey(at)) this.segments.index?.move(from, at, to, moved)
  }

  finish(): Segment[] {
    const { targets, run, segments } = this
    const last = targets.at(-1)
    if (last !== undefined) last.lastSequence = run.at(-1)?.lastSequence ?? last.lastSequence
    for (const target of targets) {
      target.rewrittenAt = segments.nextSequence
      target.latestSoFarMs = run.at(-1)?.latestSoFarMs ?? 0
      target.newestArrivalMs = Math.max(...run.map(({ newestArrivalMs }) => newestArrivalMs))
      target.close()
    }
    return targets
  }

  private targetFor(from: Segment, at: EntryAt): Segment {
    const current = this.targets.at(-1)
    if (current?.fits(from.length(at), from.keyLength(at))) return current
    const firstSequence = current === undefined ? (this.run[0]?.firstSequence ?? 0) : from.sequence(at)
    if (current !== undefined) current.lastSequence = firstSequence - 1
    const target = this.segments.take(0, firstSequence)
    this.targets.push(target)
    return target
  }
}
