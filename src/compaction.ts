// Rewriting of segments that are mostly dead: live frames of neighbours move together, ids and order unchanged.
// Runs a little at every new segment, ahead of slow cursors too: a write under way keeps the old copy until it is done.

import type { Bus } from './bus.ts'
import { SEGMENT_BYTES, type Segment } from './segment.ts'

/** Superseded bytes that are kept however few are live: who resumes within them gets every value, not only the newest. */
const DEAD_BYTES_KEPT = 16 * 1024 * 1024
/** The same as a share of what the bus may retain, for small buses. */
const DEAD_SHARE_KEPT = 0.25
/** Share of what the bus may retain above which superseded frames are kept no longer. */
const PRESSED = 0.7
/** Neighbours that one step may rewrite: bounds its time to some two milliseconds. */
const RUN_MAX = 8

/** One step: rewrites the neighbours that free the most, once most of what is retained is dead or the bus runs full. */
export function compact(bus: Bus): void {
  const closed = bus.segments // called between the old tail and the new one
  const dead = sum(closed, (segment) => segment.usedBytes - segment.liveBytes)
  if (
    dead <
    deadBytesKept(
      bus,
      sum(closed, (segment) => segment.liveBytes),
    )
  )
    return
  const run = bestRun(closed)
  if (run === null) return
  bus.replaceSegments(run.first, run.count, rewrite(bus, closed.slice(run.first, run.first + run.count)))
}

function deadBytesKept(bus: Bus, liveBytes: number): number {
  const { retainedBytesMax } = bus.options
  if (bus.retainedBytes > PRESSED * retainedBytesMax) return SEGMENT_BYTES
  return Math.max(Math.min(DEAD_BYTES_KEPT, DEAD_SHARE_KEPT * retainedBytesMax), liveBytes)
}

interface Run {
  readonly first: number
  readonly count: number
  readonly freed: number
}

/** The run of neighbours that takes up the fewest segments less, or null where none takes up fewer. */
function bestRun(closed: readonly Segment[]): Run | null {
  let best: Run | null = null
  for (let first = 0; first < closed.length; first++) {
    const run = runFrom(closed, first)
    if (run.freed > (best?.freed ?? 0)) best = run
    if (run.freed === RUN_MAX) break
  }
  return best
}

/**
 * How far the run that begins at `first` is best drawn. Large frames may not pack as closely as their bytes add up to; such a
 * run is rewritten in vain once, has no dead frame left, and is passed over until one of its frames dies.
 */
function runFrom(closed: readonly Segment[], first: number): Run {
  let best: Run = { first, count: 0, freed: 0 }
  let [live, deadFrames] = [0, 0]
  for (let count = 1; count <= RUN_MAX; count++) {
    const segment = closed[first + count - 1]
    if (segment === undefined || (segment.size > SEGMENT_BYTES && segment.liveFrames > 0)) break
    live += segment.liveBytes
    deadFrames += segment.frames - segment.liveFrames
    const freed = count - Math.ceil(live / SEGMENT_BYTES)
    if (freed > best.freed && deadFrames > 0) best = { first, count, freed }
  }
  return best
}

/** The run's live frames in as few segments as hold them; together these stand for every sequence of the run. */
function rewrite(bus: Bus, run: readonly Segment[]): Segment[] {
  const targets: Segment[] = []
  for (const segment of run) {
    for (let at = 0; at < segment.end; at = segment.next(at)) {
      if (!segment.isSuperseded(at)) moveFrame(bus, segment, at, targetFor(bus, targets, run, segment, at))
    }
  }
  const last = targets.at(-1)
  if (last !== undefined) last.lastSequence = run.at(-1)?.lastSequence ?? last.lastSequence
  for (const target of targets) {
    target.rewrittenAt = bus.nextSequence
    target.publish()
  }
  return targets
}

function targetFor(
  bus: Bus,
  targets: Segment[],
  run: readonly Segment[],
  from: Segment,
  at: number,
): Segment {
  const current = targets.at(-1)
  if (current?.fits(from.length(at), from.key(at)?.length ?? 0)) return current
  const firstSequence = current === undefined ? (run[0]?.firstSequence ?? 0) : from.sequence(at)
  if (current !== undefined) current.lastSequence = firstSequence - 1
  const target = bus.takeSegment(0, firstSequence)
  targets.push(target)
  return target
}

function moveFrame(bus: Bus, from: Segment, at: number, to: Segment): void {
  const key = from.key(at)
  const moved = to.end
  const frameBytes = from.length(at)
  const partition = from.partition(at)
  const start = to.append({
    sequence: from.sequence(at),
    frameBytes,
    idBytes: from.idLength(at),
    partition,
    offset: from.offset(at),
    key,
  })
  from.bytes.copy(to.bytes, start, from.start(at), from.start(at) + frameBytes)
  if (key !== null) bus.index.set(partition, key, to, moved)
}

function sum(segments: readonly Segment[], bytes: (segment: Segment) => number): number {
  return segments.reduce((total, segment) => total + bytes(segment), 0)
}
