// Where a stream begins: at the id it brings, at what its URL asks for, or with the newest value of every key.
// An id that cannot be honoured means the beginning, said with a reason: never an error, since a browser sends it by itself.

import { Ahead, hasFromNow, offsetsAhead } from './ahead.ts'
import { Asking } from './asking.ts'
import type { BusView } from './bus-view.ts'
import { Cursor } from './cursor.ts'
import { EndsNow } from './ends-now.ts'
import type { LatestAnswers, Waiter } from './latest-answers.ts'
import { FROM_NOW, type Position, parsePosition } from './position.ts'
import type { GapReason } from './signals.ts'
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

export interface StartParts {
  readonly topic: Topic
  readonly wish: Wish
  /** Kafka's answers to all streams of the topic. */
  readonly answers: LatestAnswers<PartitionWatermarks>
  /** Told when Kafka has answered: `look` has something new to see. */
  readonly waiter: Waiter
  /** When the request came, in monotonic ms. */
  readonly nowMs: number
}

/** A cursor, a word on why it is not where the client left off, and what of the client's id was taken at its word. */
export interface Begun {
  readonly cursor: Cursor
  readonly reason: GapReason | null
  readonly doubt: Ahead | null
}

/** Why this stream cannot be. */
export interface End {
  readonly end: 'busy' | 'shutdown'
}

/** A text: what it waits for, as the pump has it. */
export type Beginning = Begun | End | 'publish' | 'catch-up' | 'call'

/**
 * How long a partition of which Kafka does not tell the end holds up a stream, from the request on: it has begun before 10 s are
 * over, also where the loop is busy.
 */
const HELD_UP_MS = 9_500
/** What Kafka has to answer at the most, where the bus caught up later than that. */
const ANSWER_MS = 2_000

const NOTHING: Position = new Map()

/** The beginning of one stream, which is looked at until it is known. */
export class Start {
  private readonly parts: StartParts
  /** From then on what Kafka has left open is taken at its word. */
  private readonly heldUpUntilMs: number
  /** By then, whether Kafka has answered or not. */
  private beginsByMs: number
  /** The id's position, from the request to the first look; beyond that only where it says "from now", which was then. */
  private position: Position | null = null
  private saysFromNow = false
  private ahead: Ahead | null = null
  /** For one that begins with the end: a cursor there, or what is to be found out of it. */
  private fromEnd: Cursor | null = null
  private endsNow: EndsNow | null = null
  /** `recreatedAt` of the bus that the above belongs to. */
  private recreatedAt: number

  /** "Now" is when the request came, not when `look` is called first. */
  constructor(parts: StartParts) {
    const { wish, topic } = parts
    const { bus } = topic
    this.parts = parts
    this.heldUpUntilMs = parts.nowMs + HELD_UP_MS
    this.beginsByMs = this.heldUpUntilMs
    this.recreatedAt = bus.recreatedAt
    if (wish.id !== null) this.position = bus.caughtUp ? this.read(wish.id) : null
    else if (!isFromNow(wish)) return
    else if (bus.caughtUp) this.fromEnd = Cursor.fromNow(bus)
    else this.endsNow = new EndsNow(bus.position(), this.asking())
  }

  /** Whether it is known by now where to begin: bounded work, and next to none where nothing has changed since the last look. */
  look(nowMs: number): Beginning {
    const { wish, topic } = this.parts
    const { bus } = topic
    if (isFromNow(wish)) return this.fromNow(nowMs)
    if (!bus.caughtUp || bus.recreatedAt !== this.recreatedAt) this.forget()
    if (!bus.caughtUp) return 'catch-up'
    if (wish.id !== null) return this.fromId(wish.id, nowMs)
    if (wish.sinceMs !== null) return fromTime(bus, wish.sinceMs)
    return fromBeginning(bus, null)
  }

  /** When to look again although nobody has called, in monotonic ms. */
  get lookAtMs(): number {
    const againAtMs = (this.ahead ?? this.endsNow)?.lookAtMs
    return againAtMs === undefined ? Number.POSITIVE_INFINITY : Math.min(againAtMs, this.beginsByMs)
  }

  /** It asks nothing any more. */
  stop(): void {
    this.ahead?.stop()
    this.endsNow?.stop()
    this.ahead = null
    this.endsNow = null
  }

  /** The end as of the request, also where the bus is still behind it. */
  private fromNow(nowMs: number): Beginning {
    const { bus } = this.parts.topic
    if (this.fromEnd !== null) return { cursor: this.fromEnd, reason: null, doubt: null }
    if (this.position === null && !this.hasEnds(nowMs)) return 'call'
    if (this.endsNow?.isClosed) return { end: 'shutdown' }
    this.position ??= this.endsNow?.position() ?? null
    this.stop()
    if (!bus.caughtUp) return 'catch-up'
    // All of another topic came after the request.
    const position = bus.recreatedAt === this.recreatedAt ? this.position : null
    return { cursor: Cursor.fromPosition(bus, position ?? new Map()), reason: null, doubt: null }
  }

  private hasEnds(nowMs: number): boolean {
    return this.endsNow?.look(nowMs) !== 'open' || nowMs >= this.beginsByMs
  }

  private fromId(id: string, nowMs: number): Beginning {
    const { bus } = this.parts.topic
    if (this.ahead !== null) return this.fromAhead(id, this.ahead, nowMs)
    const position = this.position ?? this.read(id)
    if (position === null) return fromBeginning(bus, 'undecodable')
    if (position.size === 0) return fromBeginning(bus, null)
    const offsets = offsetsAhead(bus, position)
    if (offsets.size === 0) return resume(bus, position, null)
    this.position = this.saysFromNow ? position : null
    this.ahead = new Ahead(bus, offsets, this.asking())
    this.beginsByMs = Math.max(this.beginsByMs, nowMs + ANSWER_MS)
    return this.fromAhead(id, this.ahead, nowMs)
  }

  private fromAhead(id: string, ahead: Ahead, nowMs: number): Beginning {
    const { bus } = this.parts.topic
    const finding = ahead.look(nowMs)
    if (finding === 'beyond') return fromBeginning(bus, bus.wasRecreated ? 'recreated' : 'beyond-end')
    if (finding === 'too-old') return fromBeginning(bus, finding)
    if (finding === 'closed') return { end: 'shutdown' }
    if (ahead.hasAnswer) this.beginsByMs = this.heldUpUntilMs
    if (finding === 'open' && nowMs < this.beginsByMs) return 'publish'
    const position = ahead.completed(this.position ?? parsePosition(id) ?? NOTHING)
    const beginning = resume(bus, position, finding === 'open' ? ahead : null)
    if (!('doubt' in beginning) || beginning.doubt === null) ahead.stop()
    return beginning
  }

  /** Offsets of -1 read as where the bus is: "from now" is as of the request. */
  private read(id: string): Position | null {
    const { bus } = this.parts.topic
    const position = parsePosition(id)
    if (position === null || !hasFromNow(position)) return position
    this.saysFromNow = true
    const now = ([partition, offset]: [number, number]): [number, number] => [
      partition,
      offset === FROM_NOW ? (bus.nextOffset(partition) ?? offset) : offset,
    ]
    return new Map([...position].map(now))
  }

  /** The topic has become another one, or is about to: what was found out so far was of the former. */
  private forget(): void {
    this.stop()
    this.recreatedAt = this.parts.topic.bus.recreatedAt
  }

  private asking(): Asking {
    return new Asking(this.parts.answers, this.parts.waiter)
  }
}

function isFromNow({ id, sinceMs, from }: Wish): boolean {
  return id === null && sinceMs === null && from === 'latest'
}

function fromBeginning(bus: BusView, reason: GapReason | null): Begun | End {
  // A bus that had to drop what nothing superseded has no whole snapshot to give; replicas with more room may.
  return bus.isWhole ? { cursor: Cursor.fromBeginning(bus), reason, doubt: null } : { end: 'busy' }
}

function fromTime(bus: BusView, sinceMs: number): Beginning {
  const isWhole = bus.isWholeSince(sinceMs)
  return isWhole ? { cursor: Cursor.fromTime(bus, sinceMs), reason: null, doubt: null } : { end: 'busy' }
}

function resume(bus: BusView, position: Position, doubt: Ahead | null): Begun | End {
  const reason = bus.gapFor(position)
  return reason === null
    ? { cursor: Cursor.fromPosition(bus, position), reason, doubt }
    : fromBeginning(bus, reason)
}
