// Where a stream begins: at the id it brings, at what its URL asks for, or with the newest value of every key.
// An id that cannot be honoured means the beginning, said with a reason: never an error, since a browser sends it by itself.

import type { Bus } from './bus.ts'
import { Cursor } from './cursor.ts'
import { covers, FROM_NOW, type Position, parsePosition } from './position.ts'
import type { GapReason } from './signals.ts'
import type { Stream } from './stream.ts'
import type { Topic, Watermarks } from './topic.ts'

export interface Wish {
  /** The last event ID, null where there is none. It wins over `from`. */
  readonly id: string | null
  /** What to begin with where there is no id: all that is kept, or what comes from now on. */
  readonly from: 'earliest' | 'latest'
}

/** Begins a stream as soon as it is known where: at once, or when the bus has caught up, or when Kafka has answered. */
export function start(stream: Stream, topic: Topic, wish: Wish): void {
  const { bus } = topic
  if (wish.id === null && wish.from === 'latest') startFromNow(stream, topic)
  else if (!bus.caughtUp) stream.waitFor(bus.onCaughtUp(() => start(stream, topic, wish)))
  else if (wish.id === null) startFromBeginning(stream, bus, null)
  else startFromId(stream, topic, parsePosition(wish.id))
}

/** The end as of the request, also where the bus is still behind it. */
function startFromNow(stream: Stream, topic: Topic): void {
  if (topic.bus.caughtUp) stream.begin(Cursor.fromNow(topic.bus), null)
  else askWatermarks(stream, topic, (watermarks) => resumeAfterCatchUp(stream, topic.bus, ends(watermarks)))
}

function resumeAfterCatchUp(stream: Stream, bus: Bus, position: Position): void {
  const resume = () => stream.begin(Cursor.fromPosition(bus, position), null)
  if (bus.caughtUp) resume()
  else stream.waitFor(bus.onCaughtUp(resume))
}

function startFromBeginning(stream: Stream, bus: Bus, reason: GapReason | null): void {
  // A bus that had to drop what nothing superseded has no whole snapshot to give; replicas with more room may.
  if (bus.lostPosition !== null) stream.end('busy')
  else stream.begin(Cursor.fromBeginning(bus), reason)
}

function startFromId(stream: Stream, topic: Topic, position: Position | null): void {
  const { bus } = topic
  if (position === null) {
    startFromBeginning(stream, bus, 'undecodable')
    return
  }
  const reached = withNow(position, bus.position())
  if (covers(bus.position(), reached)) resume(stream, bus, reached)
  // Ahead of this process is not yet beyond the end: another replica may have read further, or know a partition sooner.
  else askWatermarks(stream, topic, (watermarks) => resumeWithin(stream, bus, reached, watermarks))
}

function resumeWithin(
  stream: Stream,
  bus: Bus,
  position: Position,
  watermarks: ReadonlyMap<number, Watermarks>,
): void {
  if (isBeyond(position, watermarks)) startFromBeginning(stream, bus, 'beyond-end')
  else resume(stream, bus, position)
}

function resume(stream: Stream, bus: Bus, position: Position): void {
  if (isTooOld(position, bus)) startFromBeginning(stream, bus, 'too-old')
  else stream.begin(Cursor.fromPosition(bus, position), null)
}

function askWatermarks(
  stream: Stream,
  topic: Topic,
  answered: (watermarks: ReadonlyMap<number, Watermarks>) => void,
): void {
  const waiting = new AbortController()
  stream.waitFor(() => waiting.abort())
  // It fails only for a stream that ended or a topic that closes: either way there is nobody left to tell.
  topic.watermarks(waiting.signal).then(answered, () => stream.end('shutdown'))
}

/** Offsets of -1 read as the bus's own: "from now" is as of the request. */
function withNow(position: Position, now: Position): Position {
  return new Map(
    [...position].map(([partition, offset]) => [
      partition,
      offset === FROM_NOW ? (now.get(partition) ?? offset) : offset,
    ]),
  )
}

function isBeyond(position: Position, watermarks: ReadonlyMap<number, Watermarks>): boolean {
  for (const [partition, offset] of position) {
    const marks = watermarks.get(partition)
    if (marks === undefined || offset > marks.end) return true
  }
  return false
}

/** Whether records after the position are gone: Kafka deleted them, or the bus had no room for them. */
function isTooOld(position: Position, bus: Bus): boolean {
  if (bus.lostPosition !== null && !covers(position, bus.lostPosition)) return true
  for (const [partition, offset] of position) {
    if (offset >= 0 && offset < (bus.start(partition) ?? 0)) return true
  }
  return false
}

function ends(watermarks: ReadonlyMap<number, Watermarks>): Position {
  return new Map([...watermarks].map(([partition, { end }]) => [partition, end]))
}
