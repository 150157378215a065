// Compaction: rewrites neighbouring segments with many dead frames into fewer segments. Ids and order stay the same.
// One step rewrites a few neighbours. It waits for no cursor, because a write under way holds the old copy until it is
// done.

import type { Segment } from '../segments/segment.ts'
import type { EntryAt } from '../segments/segment-layout.ts'
import type { SegmentList } from '../segments/segment-list.ts'
import { indexOfSequence } from '../segments/segment-search.ts'

/** Most neighbours that one step rewrites. */
const RUN_MAX = 8
/** Most segments that one step considers. A bus has up to 16 times as many. */
const CANDIDATES_MAX = 1024

/** Bounds of the time that a step may take. */
export interface StepBounds {
  /** Segments to write. */
  readonly targetsMax: number
  /** Frames to read, live or not. */
  readonly framesMax: number
}

/** A few ms, with frames of any size. */
export const SHORT_STEP: StepBounds = { targetsMax: 2, framesMax: 50_000 }
/** Frees as much as one step can, in some 20 ms with the smallest frames. */
const WIDEST_STEP: StepBounds = { targetsMax: RUN_MAX - 1, framesMax: Number.POSITIVE_INFINITY }

export class Compaction {
  private readonly segments: SegmentList
  /** Sequence from which the next step considers segments. */
  private from = 0

  constructor(segments: SegmentList) {
    this.segments = segments
  }

  /**
   * Rewrites the closed neighbours that free the most segments within the bounds. Returns false if no neighbours among
   * the considered ones would free any. The next step then considers others.
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

  /**
   * Frees at least one segment, anywhere in the list, if possible in a short step.
   * Returns false if none can be freed.
   */
  free(): boolean {
    return this.stepAnywhere(SHORT_STEP) || this.stepAnywhere(WIDEST_STEP)
  }

  private stepAnywhere(bounds: StepBounds): boolean {
    for (let considered = 0; considered <= this.segments.list.length; considered += CANDIDATES_MAX) {
      if (this.step(bounds)) return true
    }
    return false
  }
}

interface Bounds extends StepBounds {
  /** The indexes to consider, up to `to`, which is excluded. */
  readonly from: number
  readonly to: number
  readonly segmentBytes: number
}

/** `count` neighbours from index `first` on. Rewriting them frees `freed` segments. */
interface Run {
  readonly first: number
  readonly count: number
  readonly freed: number
}

/** The run that frees the most segments. null if none frees any. */
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
 * The best run that begins at `first`. Large frames may need more segments than their bytes add up to. Such a run is
 * rewritten once without gain. It then has no dead frame, and is passed over until it has one again.
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
    if (segment.liveFrames > 0) frames += segment.frames // a segment without live frames is not read
    const targets = Math.ceil(live / segmentBytes)
    const freed = count - targets
    if (targets > targetsMax || frames > framesMax) break
    if (freed > best.freed && deadFrames > 0) best = { first, count, freed }
  }
  return best
}

/** Copies the run's live frames into as few segments as possible. Together these cover every sequence of the run. */
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
      target.close(segments.seed)
    }
    return targets
  }

  private targetFor(from: Segment, at: EntryAt): Segment {
    const current = this.targets.at(-1)
    if (current?.fits(from.length(at), from.besideBytes(at))) return current
    const firstSequence = current === undefined ? (this.run[0]?.firstSequence ?? 0) : from.sequence(at)
    if (current !== undefined) current.lastSequence = firstSequence - 1
    const target = this.segments.take(0, firstSequence)
    this.targets.push(target)
    return target
  }
}
