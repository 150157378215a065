// Where a stream begins: at the id it brings, at what its URL asks for, or with the newest value of every key.
// An id that cannot be honoured means the beginning, said with a reason: never an error, since a browser sends it by itself.

import type { BusView } from './bus-view.ts'
import { Cursor } from './cursor.ts'
import { FROM_BEGINNING as BEGINNING, covers, FROM_NOW, type Position, parsePosition } from './position.ts'
import type { GapReason } from './signals.ts'
import type { Stream } from './stream.ts'
import type { PartitionWatermarks, Topic } from './topic.ts'

export interface Wish {
  /** The last event ID, null where there is none. It wins over the others. */
  readonly id: string | null
  /** A moment, in epoch ms, from which on the client wants every record; null: none is named. It wins over `from`. */
  readonly sinceMs: number | null
  /** What to begin with otherwise: what the bus keeps, or what comes from now on. */
  readonly from: 'earliest' | 'latest'
}

export const FROM_BEGINNING: Wish = { id: null, sinceMs: null, from: 'earliest' }

/** Begins a stream as soon as it is known where: at once, or when the bus has caught up, or when Kafka has answered. */
export function start(stream: Stream, topic: Topic, wish: Wish): void {
  const { bus } = topic
  if (wish.id === null && wish.sinceMs === null && wish.from === 'latest') startFromNow(stream, topic)
  else if (!bus.caughtUp) stream.waitFor(bus.onCaughtUp(() => start(stream, topic, wish)))
  else if (wish.id !== null) startFromId(stream, topic, wish.id)
  else if (wish.sinceMs !== null) startFromTime(stream, bus, wish.sinceMs)
  else startFromBeginning(stream, bus, null)
}

/** The end as of the request, also where the bus is still behind it. */
function startFromNow(stream: Stream, topic: Topic): void {
  if (topic.bus.caughtUp) stream.begin(Cursor.fromNow(topic.bus), null)
  else askWatermarks(stream, topic, (watermarks) => resumeAfterCatchUp(stream, topic.bus, ends(watermarks)))
}

function resumeAfterCatchUp(stream: Stream, bus: BusView, position: Position): void {
  const resume = () => stream.begin(Cursor.fromPosition(bus, position), null)
  if (bus.caughtUp) resume()
  else stream.waitFor(bus.onCaughtUp(resume))
}

function startFromBeginning(stream: Stream, bus: BusView, reason: GapReason | null): void {
  // A bus that had to drop what nothing superseded has no whole snapshot to give; replicas with more room may.
  if (bus.isWhole) stream.begin(Cursor.fromBeginning(bus), reason)
  else stream.end('busy')
}

function startFromTime(stream: Stream, bus: BusView, sinceMs: number): void {
  if (bus.isWholeSince(sinceMs)) stream.begin(Cursor.fromTime(bus, sinceMs), null)
  else stream.end('busy')
}

function startFromId(stream: Stream, topic: Topic, id: string): void {
  const { bus } = topic
  const position = parsePosition(id)
  if (position === null) startFromBeginning(stream, bus, 'undecodable')
  else if (position.size === 0) startFromBeginning(stream, bus, null)
  else startFromPosition(stream, topic, withNow(position, bus.position()))
}

function startFromPosition(stream: Stream, topic: Topic, position: Position): void {
  if (covers(topic.bus.position(), position)) resume(stream, topic.bus, position)
  // Ahead of this process is not yet beyond the end: another replica may have read further, or know a partition sooner.
  else askWatermarks(stream, topic, (watermarks) => resumeWithin(stream, topic, position, watermarks))
}

function resumeWithin(
  stream: Stream,
  topic: Topic,
  position: Position,
  watermarks: PartitionWatermarks,
): void {
  const { bus } = topic
  const reached = withNow(position, ends(watermarks))
  // The topic may have become another one while Kafka was asked.
  if (!bus.caughtUp) stream.waitFor(bus.onCaughtUp(() => startFromPosition(stream, topic, reached)))
  else if (isBeyond(reached, watermarks))
    startFromBeginning(stream, bus, bus.wasRecreated ? 'recreated' : 'beyond-end')
  else resume(stream, bus, reached)
}

function resume(stream: Stream, bus: BusView, position: Position): void {
  const reason = bus.gapFor(position)
  if (reason === null) stream.begin(Cursor.fromPosition(bus, position), null)
  else startFromBeginning(stream, bus, reason)
}

function askWatermarks(
  stream: Stream,
  topic: Topic,
  answered: (watermarks: PartitionWatermarks) => void,
): void {
  const waiting = new AbortController()
  stream.waitFor(() => waiting.abort())
  // It fails only for a stream that ended or a topic that closes: either way there is nobody left to tell.
  topic.watermarks(waiting.signal).then(answered, () => stream.end('shutdown'))
}

/** Offsets of -1 read as those of `now`: "from now" is as of the request. */
function withNow(position: Position, now: Position): Position {
  return new Map(
    [...position].map(([partition, offset]) => [
      partition,
      offset === FROM_NOW ? (now.get(partition) ?? offset) : offset,
    ]),
  )
}

function isBeyond(position: Position, watermarks: PartitionWatermarks): boolean {
  for (const [partition, offset] of position) {
    const marks = watermarks.get(partition)
    if (marks === undefined || (marks !== null && offset > marks.end)) return true
  }
  return false
}

/** -2 for a partition of which nothing is known. */
function ends(watermarks: PartitionWatermarks): Position {
  return new Map([...watermarks].map(([partition, marks]) => [partition, marks?.end ?? BEGINNING]))
}
