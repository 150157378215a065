// Where a stream begins: at the id it brings, at what its URL asks for, or with the newest value of every key.
// An id that cannot be honoured means the beginning, said with a reason: never an error, since a browser sends it by itself.

import { parseEventId } from '../bus/event-id.ts'
import { EMPTY_POSITION, FROM_BEGINNING, FROM_NOW, type Position } from '../bus/position.ts'
import type { PartitionWatermarks } from '../bus/record.ts'
import type { SharedAnswer, Waiter } from '../bus/shared-answer.ts'
import type { Topic } from '../bus/topic.ts'
import { Cursor } from '../cursor/cursor.ts'
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
  readonly requested: RequestedBeginning
  /** Kafka's answers to all streams of the topic. */
  readonly answers: SharedAnswer<PartitionWatermarks>
  /** Told when Kafka has answered: `look` has something new to see. */
  readonly waiter: Waiter
  /** Monotonic ms, and ms since 1970: read when the request comes. */
  readonly clock: { nowMs(): number; epochMs(): number }
}

/** A text: what it waits for, as the pump has it. */
export type Outcome = Begun | End | 'turn' | 'publish' | 'catch-up' | 'call'

/**
 * How long a partition of which Kafka does not tell the end holds up a stream, from the request on: it has begun before 10 s are
 * over, also where the loop is busy.
 */
const HELD_UP_MS = 9_500
/** What Kafka has to answer at the most, where the bus caught up later than that. */
const ANSWER_MS = 2_000

/** The beginning of one stream, which is looked at until it is known. */
export class Beginning {
  private readonly parts: BeginningParts
  /** From then on what Kafka has left open is taken at its word. */
  private readonly heldUpUntilMs: number
  /** By then, whether Kafka has answered or not. */
  private beginsByMs: number
  /** The id's position, from the request to the first look; beyond that only where it says "from now", which was then. */
  private position: Position | null = null
  private saysFromNow = false
  private ahead: AheadOffsets | null = null
  /** A cursor at the end as of the request, for one that begins there and came after the bus had caught up. */
  private fromEnd: Cursor | null = null
  /** How far the bus was then, for one that named a moment: what came since comes, whatever its timestamp. */
  private asOf: Position | undefined
  /** Finds out where the partitions ended as of the request, for one that came before. */
  private endsAtRequest: EndsAtRequest | null = null
  /** What it has found, null until then. A partition that is not in it is read from its beginning. */
  private ends: Position | null = null
  /** What Kafka has told it, which settles whether an id is beyond the end. */
  private told: Position | null = null
  /** It asked for what comes from now on before the bus had caught up. */
  private readonly beginsNow: boolean
  /** The moment from which on it gets every record, if it asked for one. */
  private readonly sinceMs: number | null
  /** `recreatedAt` of the bus that the above belongs to. */
  private recreatedAt: number

  /** "Now" is when the request came, not when `look` is called first. */
  constructor(parts: BeginningParts) {
    const { requested, topic } = parts
    const { bus } = topic
    this.parts = parts
    this.heldUpUntilMs = parts.clock.nowMs() + HELD_UP_MS
    this.beginsByMs = this.heldUpUntilMs
    this.recreatedAt = bus.recreatedAt
    const requestMs = parts.clock.epochMs()
    this.beginsNow = !bus.caughtUp && saysFromNow(requested, requestMs)
    this.sinceMs = bus.caughtUp ? requested.sinceMs : sinceOf(requested, requestMs)
    if (this.beginsNow)
      this.endsAtRequest = new EndsAtRequest({ known: bus.ends(), polling: this.polling(), requestMs })
    else if (!bus.caughtUp) return
    else if (requested.id !== null) this.position = this.read(requested.id)
    else if (requested.sinceMs !== null) this.asOf = bus.position()
    else if (isFromNow(requested))
      this.fromEnd = bus.isBehindEnds ? Cursor.fromPosition(bus, bus.ends()) : Cursor.fromNow(bus)
  }

  /** Whether it is known by now where to begin: bounded work, and next to none where nothing has changed since the last look. */
  look(nowMs: number): Outcome {
    const { requested, topic } = this.parts
    const { bus } = topic
    if (this.fromEnd !== null) return { cursor: this.fromEnd, reason: null, doubt: null }
    if (bus.recreatedAt !== this.recreatedAt) this.forget()
    const waits = this.endsAtRequest === null ? null : this.findEnds(this.endsAtRequest, nowMs)
    if (waits !== null) return waits
    if (!bus.caughtUp) return 'catch-up'
    if (requested.id !== null) return this.fromId(requested.id, nowMs)
    if (this.beginsNow) return fromEnds(bus, this.ends ?? EMPTY_POSITION)
    if (this.sinceMs !== null) return fromTime(bus, this.sinceMs, this.asOf)
    return fromBeginning(bus, null)
  }

  /** When `look` is due although no event calls for it, in monotonic ms. */
  get lookAtMs(): number {
    const polling = this.ahead ?? (this.endsAtRequest?.isPolling ? this.endsAtRequest : null)
    return polling === null ? Number.POSITIVE_INFINITY : Math.min(polling.lookAtMs, this.beginsByMs)
  }

  /** It asks nothing any more. */
  stop(): void {
    this.ahead?.stop()
    this.endsAtRequest?.stop()
    this.ahead = null
    this.endsAtRequest = null
  }

  /** What it waits for, null once all is found. What Kafka has not told in time stays as it is. */
  private findEnds(endsAtRequest: EndsAtRequest, nowMs: number): Exclude<Outcome, Begun> | null {
    const { bus } = this.parts.topic
    const finding = endsAtRequest.look(nowMs)
    if (finding === 'closed') return { end: 'shutdown' }
    if (finding === 'open' && nowMs < this.beginsByMs) return 'call'
    endsAtRequest.stop()
    if (!bus.caughtUp) return 'catch-up'
    const ends = endsAtRequest.find(bus)
    if (typeof ends === 'string') return ends
    this.told = endsAtRequest.told
    this.ends = ends
    this.endsAtRequest = null
    return null
  }

  private fromId(id: string, nowMs: number): Outcome {
    const { bus } = this.parts.topic
    if (this.ahead !== null) return this.fromAhead(id, this.ahead, nowMs)
    const position = this.position ?? this.read(id)
    if (position === null) return fromBeginning(bus, 'undecodable')
    if (position.size === 0) return fromBeginning(bus, null)
    const offsets = offsetsAhead(bus, position)
    for (const [partition, end] of this.told ?? bus.logs.ends)
      if (end >= (offsets.get(partition) ?? Number.POSITIVE_INFINITY)) offsets.delete(partition) // Kafka has told
    if (offsets.size === 0) return this.resume(id, position, null)
    this.position = this.saysFromNow ? position : null
    this.ahead = new AheadOffsets(bus, offsets, this.polling())
    this.beginsByMs = Math.max(this.beginsByMs, nowMs + ANSWER_MS)
    return this.fromAhead(id, this.ahead, nowMs)
  }

  private fromAhead(id: string, ahead: AheadOffsets, nowMs: number): Outcome {
    const { bus } = this.parts.topic
    const finding = ahead.look(nowMs)
    if (finding === 'beyond') return fromBeginning(bus, bus.wasRecreated ? 'recreated' : 'beyond-end')
    if (finding === 'too-old') return fromBeginning(bus, finding)
    if (finding === 'closed') return { end: 'shutdown' }
    if (ahead.hasAnswer) this.beginsByMs = this.heldUpUntilMs
    if (finding === 'open' && nowMs < this.beginsByMs) return 'publish'
    const position = ahead.completed(this.position ?? parseEventId(id) ?? EMPTY_POSITION)
    const beginning = this.resume(id, position, finding === 'open' ? ahead : null)
    if (!('doubt' in beginning) || beginning.doubt === null) ahead.stop()
    return beginning
  }

  private resume(id: string, position: Position, doubt: AheadOffsets | null): Begun | End {
    const { bus } = this.parts.topic
    const reason = this.saysFromNow ? this.gapFromNow(id, position) : bus.gapFor(position)
    if (reason !== null) return fromBeginning(bus, reason)
    return { cursor: Cursor.fromPosition(bus, position), reason, doubt }
  }

  /** What an id is told counts for its other partitions; those "from now" miss what is gone since, and nothing else. */
  private gapFromNow(id: string, position: Position): BeginningReason | null {
    const { bus } = this.parts.topic
    const [others, ends] = [new Map(position), new Map<number, number>()]
    for (const [partition, offset] of parseEventId(id) ?? EMPTY_POSITION) {
      if (offset !== FROM_NOW) continue
      ends.set(partition, position.get(partition) ?? FROM_BEGINNING)
      others.set(partition, Number.MAX_SAFE_INTEGER)
    }
    return bus.gapFor(others) ?? bus.gapAfter(ends)
  }

  /** Offsets of -1 read as the end as of the request: where the bus was, or what was found since. */
  private read(id: string): Position | null {
    const position = parseEventId(id)
    if (position === null || !hasFromNow(position)) return position
    this.saysFromNow = true
    const read = new Map(position)
    for (const [partition, offset] of position)
      if (offset === FROM_NOW) read.set(partition, this.end(partition))
    return read
  }

  /** -1 for a partition that the bus did not know at the request. */
  private end(partition: number): number {
    if (this.ends !== null) return this.ends.get(partition) ?? FROM_BEGINNING
    const { bus } = this.parts.topic
    const read = bus.nextOffset(partition) ?? FROM_NOW
    return Math.max(read, bus.logs.ends.get(partition) ?? read)
  }

  /** The topic has become another one. All of it came after the request, and what was found out so far was of the former. */
  private forget(): void {
    this.stop()
    this.recreatedAt = this.parts.topic.bus.recreatedAt
    this.position = null
    this.ends = EMPTY_POSITION
    this.told = EMPTY_POSITION
    this.asOf = EMPTY_POSITION
  }

  private polling(): WatermarkPolling {
    return new WatermarkPolling(this.parts.answers, this.parts.waiter)
  }
}
