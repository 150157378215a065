// One open response: a cursor on its bus, a sink for its bytes, a session that ends. It owns no queue. Everything that can
// wake it stands in `work` (a beginning, records, a write taken) and in `due` (heartbeat, challenge, expiry, a peer that stalls).

import type { Ahead } from '../beginning/ahead.ts'
import { Beginning, type Begun, FROM_EARLIEST, type Wish } from '../beginning/beginning.ts'
import type { BusView } from '../bus/bus-view.ts'
import { formatPosition } from '../bus/event-id.ts'
import type { Position } from '../bus/position.ts'
import type { PartitionWatermarks } from '../bus/record.ts'
import type { SharedAnswer, Waiter } from '../bus/shared-answer.ts'
import type { Topic } from '../bus/topic.ts'
import type { Cursor } from '../cursor/cursor.ts'
import type { Session } from '../token/session.ts'
import type { Clock } from './clock.ts'
import { type Counters, countGaps, type EndReason } from './counters.ts'
import { type DeadlineSettings, Deadlines } from './deadlines.ts'
import { InFlight } from './in-flight.ts'
import type { Linked } from './linked-list.ts'
import type { Pump } from './pump.ts'
import {
  CHALLENGE,
  end,
  type GapReason,
  gap,
  heartbeat,
  ready,
  retry,
  type ToldEndReason,
  withNamedGaps,
} from './signals.ts'
import type { Sink } from './sink.ts'
import type { Timed, TimingWheel } from './timing-wheel.ts'
import type { Pumped, WaitingList, Waits } from './waiting-list.ts'

/** What a stream is made of; all of it outlives the stream. */
export interface StreamParts {
  readonly topic: Topic
  /** Kafka's answers to all streams of the topic. */
  readonly answers: SharedAnswer<PartitionWatermarks>
  readonly sink: Sink
  readonly session: Session
  readonly pump: Pump
  readonly wheel: TimingWheel<Stream>
  readonly counters: Counters
  readonly settings: StreamSettings
  /** Whether comments come as named events, too. */
  readonly signals: boolean
  /** Called once when the stream is over. */
  readonly onClosed: (stream: Stream) => void
  readonly clock: Clock
}

export type StreamSettings = DeadlineSettings

/** What an end may wait for bytes in flight before it is forced; counted from exp, since it is over by exp + 0.5 s. */
const EXPIRED_GRACE_MS = 250
const END_GRACE_MS = 1000

export class Stream implements Pumped, Timed, Waiter {
  readonly bus: BusView
  dueAtMs = Number.POSITIVE_INFINITY
  previous: Linked | null = null
  next: Linked | null = null
  waitsIn: WaitingList | null = null
  waitsAt = -1
  isQueued = false
  writtenBytes = 0
  private readonly parts: StreamParts
  /** null once it is known where to begin. */
  private beginning: Beginning | null
  /** null as long as that is not known. */
  private cursor: Cursor | null = null
  /** What of the client's id was taken at its word, until Kafka has confirmed it. */
  private doubt: Ahead | null = null
  /** Why it ends, once it does; nothing but the end is written from then on. */
  private ending: EndReason | null = null
  private isClosed = false
  private readonly inFlight = new InFlight()
  private readonly deadlines: Deadlines
  private forcedAtMs = Number.POSITIVE_INFINITY
  /** Position that the client is known to have heard, and that of the bus then, as of the last heartbeat. */
  private toldId = ''
  private toldAsOf = ''

  /** `wish`, which may be long, is kept until it has begun. */
  constructor(parts: StreamParts, wish: Wish) {
    this.parts = parts
    this.bus = parts.topic.bus
    this.deadlines = new Deadlines(parts.session, parts.settings, this.inFlight, parts.clock)
    this.beginning = this.beginningOf(wish)
  }

  /** Who holds it open; a renewal puts a later one in its place. */
  get session(): Session {
    return this.deadlines.session
  }

  /** First bytes, before anything is known of the topic; heartbeats, challenges and the end come from now on. */
  open(retryMs: number): void {
    this.parts.counters.streamsOpen++
    this.parts.counters.streamsOpened++
    // Counted before it can be over: a client that has left by now closes it in this very call.
    this.parts.sink.onClose(() => this.close())
    if (!this.isOpen) return
    this.tell(retry(retryMs))
    this.due(this.parts.clock.nowMs())
    this.parts.pump.enqueue(this)
  }

  /** Kafka has said something that it waits for. */
  answered(): void {
    if (this.isOpen) this.parts.pump.enqueue(this)
  }

  /** A later end for whoever answered the challenge. Never an earlier one. */
  renew(session: Session): void {
    if (this.ending === null && this.deadlines.renew(session)) this.due(this.parts.clock.nowMs())
  }

  get isOpen(): boolean {
    return this.ending === null && !this.isClosed
  }

  /** Ends cleanly; what is in flight has a moment to arrive. */
  end(reason: ToldEndReason): void {
    this.endWithin(reason, this.parts.clock.nowMs() + END_GRACE_MS)
  }

  /** One write of what there is to read, within what the peer has shown to take; or a look at where to begin. */
  work(): Waits {
    this.writtenBytes = 0
    if (!this.isOpen) return 'call'
    if (this.doubt !== null) this.lookIntoDoubt(this.doubt)
    if (this.beginning !== null) return this.lookForBeginning(this.beginning)
    if (this.cursor === null || this.inFlight.isWriting) return 'call'
    const bytes = this.cursor.read(this.inFlight.bytesMax)
    if (bytes === null) return this.rest(this.cursor)
    if (bytes.length === 0) return 'turn'
    this.write(bytes, this.cursor)
    this.tellReady(this.cursor)
    return 'call'
  }

  /** Does what is due, and sets the next deadline. */
  due(nowMs: number): void {
    if (this.isClosed) return
    const { deadlines } = this
    deadlines.lookAtClocks(nowMs)
    if (this.ending !== null) this.force(nowMs)
    else if (nowMs >= deadlines.expiresAtMs)
      this.endWithin('expired', deadlines.expiresAtMs + EXPIRED_GRACE_MS)
    else if (nowMs >= deadlines.stalledAtMs) this.giveUp()
    else this.keepAlive(nowMs)
  }

  private endWithin(reason: ToldEndReason, forcedAtMs: number): void {
    if (!this.isOpen) return
    this.ending = reason
    this.forcedAtMs = forcedAtMs
    this.parts.sink.end(end(reason, this.parts.signals))
    this.scheduleAt(forcedAtMs)
  }

  private keepAlive(nowMs: number): void {
    if (nowMs >= this.deadlines.challengeAtMs) this.challenge()
    if (nowMs >= this.deadlines.heartbeatAtMs) this.tell(heartbeat(this.movedId(), this.parts.signals))
    if (nowMs >= this.lookAtMs) this.parts.pump.enqueue(this)
    this.scheduleAt(Math.min(this.deadlines.nextMs(nowMs), this.lookAtMs))
  }

  private scheduleAt(dueAtMs: number): void {
    if (this.isClosed) return
    this.dueAtMs = dueAtMs
    this.parts.wheel.schedule(this)
  }

  /** When to look again at what Kafka has yet to say. */
  private get lookAtMs(): number {
    return (this.beginning ?? this.doubt)?.lookAtMs ?? Number.POSITIVE_INFINITY
  }

  private challenge(): void {
    this.deadlines.noteChallenge()
    this.parts.counters.challenges++
    this.tell(CHALLENGE)
  }

  private tellGap(reason: GapReason, isOpen: boolean): void {
    countGaps(this.parts.counters, reason, 1)
    this.tell(gap(reason, { signals: this.parts.signals, isOpen }))
  }

  /** The position as an id if it moved since the client last heard of it; only at the tail does it stand for everything. */
  private movedId(): string | null {
    const { cursor } = this
    if (cursor === null || !cursor.atTail()) return null
    // At the tail an id is one of the bus's position and the client's own: to make it may take long, so it is not made twice.
    const asOf = this.bus.positionText()
    if (asOf === this.toldAsOf) return null
    this.toldAsOf = asOf
    const id = cursor.id()
    const isTold = id === this.toldId || id === cursor.sentId()
    this.toldId = id
    return isTold ? null : id
  }

  private beginningOf(wish: Wish): Beginning {
    const { topic, answers, clock } = this.parts
    return new Beginning({ topic, answers, wish, waiter: this, nowMs: clock.nowMs() })
  }

  private lookForBeginning(beginning: Beginning): Waits {
    const outcome = beginning.look(this.parts.clock.nowMs())
    if (typeof outcome === 'object') {
      this.beginning = null
      if ('end' in outcome) this.end(outcome.end)
      else this.begin(outcome)
      return 'end' in outcome ? 'call' : 'turn'
    }
    this.lookInTime()
    return outcome
  }

  /** Begins to read, after a word on why that is not where the client left off. */
  private begin({ cursor, reason, doubt }: Begun): void {
    if (reason !== null) this.tellGap(reason, false)
    this.cursor = cursor
    this.doubt = doubt
    this.lookInTime()
  }

  /** What was taken at its word is looked at whenever there may be news of it. */
  private lookIntoDoubt(doubt: Ahead): void {
    if (this.cursor?.isOutdated) return // all of it was another topic's
    const finding = doubt.look(this.parts.clock.nowMs())
    if (finding === 'beyond') this.restart('beyond-end')
    else if (finding === 'too-old') this.restart(finding)
    else if (finding === 'settled') this.doubt = null
    else this.lookInTime()
  }

  /** Sees to it that the deadline is no later than the next look. */
  private lookInTime(): void {
    if (this.lookAtMs < this.dueAtMs) this.scheduleAt(this.lookAtMs)
  }

  private rest(cursor: Cursor): Waits {
    const { outdatedBy } = cursor
    if (outdatedBy !== null) {
      this.goOnAnew(outdatedBy, cursor.ownPosition)
      return 'turn'
    }
    if (cursor.lost) {
      this.end('too-old')
      return 'call'
    }
    if (cursor.atTail()) this.tellReady(cursor)
    return 'publish'
  }

  /** A client that came from another server may have what this one has missed: its position is looked at like an id. */
  private goOnAnew(reason: 'recreated' | 'deletes-dropped', ownPosition: Position | null): void {
    if (reason === 'recreated' || ownPosition === null) this.restart(reason)
    else {
      this.stopReading()
      this.beginning = this.beginningOf({ ...FROM_EARLIEST, id: formatPosition(ownPosition) })
    }
  }

  /** What the client has is worth nothing. What is said from here on begins with the beginning, its `ready` included. */
  private restart(reason: GapReason): void {
    this.stopReading()
    this.tellGap(reason, true)
    this.beginning = this.beginningOf(FROM_EARLIEST)
  }

  private stopReading(): void {
    this.cursor?.letGo()
    this.cursor = null
    this.doubt?.stop()
    this.doubt = null
  }

  private tellReady(cursor: Cursor): void {
    if (cursor.isReadyTold || !(cursor.complete || cursor.atTail())) return
    cursor.isReadyTold = true
    this.tell(ready(cursor.id(), this.parts.signals))
  }

  private write(read: Buffer, cursor: Cursor): void {
    const { counters, signals } = this.parts
    const bytes = signals && cursor.tooLarge > 0 ? withNamedGaps(read) : read
    this.writtenBytes = bytes.length
    const nowMs = this.parts.clock.nowMs()
    this.deadlines.lastByteAtMs = nowMs
    this.inFlight.begin(bytes.length, cursor.handOver(), nowMs)
    counters.writes++
    counters.bytesDelivered += bytes.length
    counters.recordsDelivered += cursor.frames
    if (cursor.tooLarge > 0) countGaps(counters, 'too-large', cursor.tooLarge)
    this.parts.sink.write(bytes, this.taken)
  }

  /** Made once for each stream: the end of a write is the most frequent thing that happens to it. */
  private readonly taken = (): void => {
    if (this.isClosed) return
    this.inFlight.taken(this.parts.clock.nowMs())
    this.parts.pump.enqueue(this)
  }

  /** Writes bytes of its own behind whatever is in flight. They are few: see `heartbeatAtMs` and `challengeAtMs`. */
  private tell(bytes: Uint8Array): void {
    const nowMs = this.parts.clock.nowMs()
    this.deadlines.lastByteAtMs = nowMs
    this.inFlight.addWord(nowMs)
    this.parts.sink.write(bytes, this.told)
  }

  private readonly told = (): void => this.inFlight.wordTaken()

  private giveUp(): void {
    this.ending = 'slow'
    this.parts.sink.cancel()
  }

  private force(nowMs: number): void {
    if (nowMs >= this.forcedAtMs) this.parts.sink.cancel()
    else this.scheduleAt(this.forcedAtMs)
  }

  private close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.cursor?.letGo()
    this.parts.sink.releaseUntaken(this.inFlight.abandon())
    this.beginning?.stop()
    this.doubt?.stop()
    this.parts.pump.remove(this)
    this.parts.wheel.cancel(this)
    const reason = this.ending ?? 'client'
    this.parts.counters.streamsOpen--
    this.parts.counters.streamsEnded[reason]++
    this.parts.onClosed(this)
  }
}
