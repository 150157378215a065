// Decides where a stream begins: at its last event ID, at a moment, at the end, or with the newest value of every key.
// An id that cannot be honoured is no error, because a browser sends it by itself. The stream then begins from the
// beginning, and the client is told the reason.

import { parseEventId } from '../bus/event-id.ts'
import { EMPTY_POSITION, FROM_BEGINNING, FROM_NOW, type Position } from '../bus/position.ts'
import type { PartitionWatermarks } from '../bus/record.ts'
import type { SharedAnswer, Waiter } from '../bus/shared-answer.ts'
import type { Topic } from '../bus/topic.ts'
import type { Cursors, StreamCursor } from '../cursor/cursors.ts'
import { AheadOffsets, hasFromNow, offsetsAhead } from './ahead-offsets.ts'
import { EndsAtRequest } from './ends-at-request.ts'
import {
  type BeginningReason,
  type Begun,
  type End,
  fromBeginning,
  fromEnds,
  fromTime,
  isFromNow,
  type RequestedBeginning,
  saysFromNow,
  sinceOf,
} from './requested-beginning.ts'
import { WatermarkPolling } from './watermark-polling.ts'

export interface BeginningParts {
  readonly topic: Topic
  /** Makes the stream's cursors on the topic's bus. */
  readonly cursors: Cursors
  readonly requested: RequestedBeginning
  /** Kafka's watermarks, shared by all streams of the topic. */
  readonly answers: SharedAnswer<PartitionWatermarks>
  /** Called when Kafka has answered. Call `look` then. */
  readonly waiter: Waiter
  /** Monotonic ms and epoch ms. */
  readonly clock: { nowMs(): number; epochMs(): number }
}

/** The result, or what `look` waits for, as a word of the pump. */
export type Outcome = Begun | End | 'turn' | 'publish' | 'catch-up' | 'call'

/**
 * How long a stream waits for a partition's end, from its request on. Leaves room below the promised 10 s for a busy
 * loop.
 */
const WAIT_MS_MAX = 9_500
/** Time that Kafka gets to answer, even if the bus catches up after WAIT_MS_MAX. */
const ANSWER_MS = 2_000

/** The beginning of one stream. Call `look` until it returns a result. */
export class Beginning {
  private readonly parts: BeginningParts
  /** After this, in monotonic ms, offsets that Kafka has not confirmed are accepted. */
  private readonly waitsUntilMs: number
  /** By this time, in monotonic ms, the stream begins even without an answer of Kafka. */
  private beginsByMs: number
  /**
   * The id's position, read at the request. Kept after the first look only if it has "from now", which means the
   * request's time.
   */
  private position: Position | null = null
  /** Whether the id has "from now" (-1) for a partition. */
  private saysFromNow = false
  /** The id's offsets that are ahead of the bus and not settled. */
  private ahead: AheadOffsets | null = null
  /**
   * The cursor at the end as of the request. For a request from now on that came after the bus had caught up; otherwise
   * null.
   */
  private fromEnd: StreamCursor | null = null
  /** The bus's position at a request from a moment on. Records after it are sent, even with an earlier timestamp. */
  private asOf: Position | undefined
  /** Finds the ends as of the request, if that came before the bus had caught up. */
  private endsAtRequest: EndsAtRequest | null = null
  /**
   * The ends that `endsAtRequest` found; null before. A partition that is not among them is read from its beginning.
   */
  private ends: Position | null = null
  /** The ends that Kafka reported to `endsAtRequest`. They prove that an id is not beyond the end. */
  private reportedEnds: Position | null = null
  /** Whether the request is from now on, and came before the bus had caught up. */
  private readonly beginsNow: boolean
  /** The moment from which to read, in epoch ms. null if the request names none. */
  private readonly sinceMs: number | null
  /** `recreatedAt` of the bus to which the fields above belong. */
  private recreatedAt: number

  /** Construct it when the request comes, because "now" is that moment. */
  constructor(parts: BeginningParts) {
    const { requested, topic } = parts
    const { bus } = topic
    this.parts = parts
    this.waitsUntilMs = parts.clock.nowMs() + WAIT_MS_MAX
    this.beginsByMs = this.waitsUntilMs
    this.recreatedAt = bus.recreatedAt
    const requestMs = parts.clock.epochMs()
    this.beginsNow = !bus.caughtUp && saysFromNow(requested, requestMs)
    this.sinceMs = bus.caughtUp ? requested.sinceMs : sinceOf(requested, requestMs)
    if (this.beginsNow)
      this.endsAtRequest = new EndsAtRequest({ known: bus.ends(), polling: this.newPolling(), requestMs })
    else if (!bus.caughtUp) return
    else if (requested.id !== null) this.position = this.read(requested.id)
    else if (requested.sinceMs !== null) this.asOf = bus.position()
    else if (isFromNow(requested))
      this.fromEnd = bus.isBehindEnds
        ? parts.cursors.fromPosition(bus.ends(), EMPTY_POSITION)
        : parts.cursors.fromNow()
  }

  /** Returns the result, or what to wait for before the next call. Bounded work, and little if nothing has changed. */
  look(nowMs: number): Outcome {
    const { requested, topic, cursors } = this.parts
    const { bus } = topic
    if (this.fromEnd !== null) return { cursor: this.fromEnd, reason: null, unconfirmed: null }
    if (bus.recreatedAt !== this.recreatedAt) this.forget()
    const waits = this.endsAtRequest === null ? null : this.findEnds(this.endsAtRequest, nowMs)
    if (waits !== null) return waits
    if (!bus.caughtUp) return 'catch-up'
    if (requested.id !== null) return this.fromId(requested.id, nowMs)
    if (this.beginsNow) return fromEnds(bus, cursors, this.ends ?? EMPTY_POSITION)
    if (this.sinceMs !== null) return fromTime(bus, cursors, this.sinceMs, this.asOf)
    return fromBeginning(bus, cursors, null)
  }

  /** When to call `look` even without an event, in monotonic ms. */
  get lookAtMs(): number {
    const waiting = this.ahead ?? (this.endsAtRequest?.isPolling ? this.endsAtRequest : null)
    return waiting === null ? Number.POSITIVE_INFINITY : Math.min(waiting.lookAtMs, this.beginsByMs)
  }

  /** Stops asking Kafka. */
  stop(): void {
    this.ahead?.stop()
    this.endsAtRequest?.stop()
    this.ahead = null
    this.endsAtRequest = null
  }

  /**
   * Returns what to wait for; null once the ends are found. After `beginsByMs` it no longer waits for Kafka's answers.
   */
  private findEnds(endsAtRequest: EndsAtRequest, nowMs: number): Exclude<Outcome, Begun> | null {
    const { bus } = this.parts.topic
    const finding = endsAtRequest.look(nowMs)
    if (finding === 'closed') return { end: 'shutdown' }
    if (finding === 'open' && nowMs < this.beginsByMs) return 'call'
    endsAtRequest.stop()
    if (!bus.caughtUp) return 'catch-up'
    const ends = endsAtRequest.find(bus)
    if (typeof ends === 'string') return ends
    this.reportedEnds = endsAtRequest.reported
    this.ends = ends
    this.endsAtRequest = null
    return null
  }

  private fromId(id: string, nowMs: number): Outcome {
    const { cursors, topic } = this.parts
    const { bus } = topic
    if (this.ahead !== null) return this.fromAhead(id, this.ahead, nowMs)
    const position = this.position ?? this.read(id)
    if (position === null) return fromBeginning(bus, cursors, 'undecodable')
    if (position.size === 0) return fromBeginning(bus, cursors, null)
    const offsets = offsetsAhead(bus, position)
    for (const [partition, end] of this.reportedEnds ?? bus.logs.ends)
      if (end >= (offsets.get(partition) ?? Number.POSITIVE_INFINITY)) offsets.delete(partition) // confirmed by Kafka
    if (offsets.size === 0) return this.resume(id, position, null)
    this.position = this.saysFromNow ? position : null
    this.ahead = new AheadOffsets(bus, offsets, this.newPolling())
    this.beginsByMs = Math.max(this.beginsByMs, nowMs + ANSWER_MS)
    return this.fromAhead(id, this.ahead, nowMs)
  }

  private fromAhead(id: string, ahead: AheadOffsets, nowMs: number): Outcome {
    const { cursors, topic } = this.parts
    const { bus } = topic
    const finding = ahead.look(nowMs)
    if (finding === 'beyond')
      return fromBeginning(bus, cursors, bus.wasRecreated ? 'recreated' : 'beyond-end')
    if (finding === 'too-old') return fromBeginning(bus, cursors, finding)
    if (finding === 'closed') return { end: 'shutdown' }
    if (ahead.hasAnswer) this.beginsByMs = this.waitsUntilMs
    if (finding === 'open' && nowMs < this.beginsByMs) return 'publish'
    const position = ahead.completed(this.position ?? parseEventId(id) ?? EMPTY_POSITION)
    const beginning = this.resume(id, position, finding === 'open' ? ahead : null)
    if (!('unconfirmed' in beginning) || beginning.unconfirmed === null) ahead.stop()
    return beginning
  }

  private resume(id: string, position: Position, unconfirmed: AheadOffsets | null): Begun | End {
    const { cursors, topic } = this.parts
    const { bus } = topic
    const reason = this.saysFromNow ? this.gapFromNow(id, position) : cursors.gapFor(position)
    if (reason !== null) return fromBeginning(bus, cursors, reason)
    const held = this.saysFromNow ? withoutNow(id) : position
    return { cursor: cursors.fromPosition(position, held), reason, unconfirmed }
  }

  /** As `gapFor`. But if the id reads a partition "from now", only losses since the request count. */
  private gapFromNow(id: string, position: Position): BeginningReason | null {
    const { cursors, topic } = this.parts
    const { bus } = topic
    const [others, ends] = [new Map(position), new Map<number, number>()]
    for (const [partition, offset] of parseEventId(id) ?? EMPTY_POSITION) {
      if (offset !== FROM_NOW) continue
      ends.set(partition, position.get(partition) ?? FROM_BEGINNING)
      others.set(partition, Number.MAX_SAFE_INTEGER)
    }
    return cursors.gapFor(others) ?? bus.gapAfter(ends)
  }

  /** The id's position, with offsets of -1 replaced by the end as of the request. null if the id cannot be decoded. */
  private read(id: string): Position | null {
    const position = parseEventId(id)
    if (position === null || !hasFromNow(position)) return position
    this.saysFromNow = true
    const read = new Map(position)
    for (const [partition, offset] of position)
      if (offset === FROM_NOW) read.set(partition, this.end(partition))
    return read
  }

  /** The end as of the request. -1 for a partition that the bus did not know then. */
  private end(partition: number): number {
    if (this.ends !== null) return this.ends.get(partition) ?? FROM_BEGINNING
    const { bus } = this.parts.topic
    const read = bus.nextOffset(partition) ?? FROM_NOW
    return Math.max(read, bus.logs.ends.get(partition) ?? read)
  }

  /** Forgets the results so far: the topic was recreated, so all of its records came after the request. */
  private forget(): void {
    this.stop()
    this.recreatedAt = this.parts.topic.bus.recreatedAt
    this.position = null
    this.ends = EMPTY_POSITION
    this.reportedEnds = EMPTY_POSITION
    this.asOf = EMPTY_POSITION
  }

  private newPolling(): WatermarkPolling {
    return new WatermarkPolling(this.parts.answers, this.parts.waiter)
  }
}

/** Where the client of this id has records: not in partitions that it wants from now on. */
function withoutNow(id: string): Position {
  return new Map([...(parseEventId(id) ?? EMPTY_POSITION)].filter(([, offset]) => offset !== FROM_NOW))
}
