// One open response: a cursor on its bus, a sink for its bytes, a session that ends. It owns no queue. Every reason to
// act is in `work` (beginning, records, a write was taken) or in `due` (heartbeat, challenge, expiry, stalled peer).

import type { RequestedBeginning } from '../beginning/requested-beginning.ts'
import type { BusView } from '../bus/bus-view.ts'
import type { StreamCursor } from '../cursor/cursors.ts'
import type { Session } from '../token/session.ts'
import type { EndReason } from './counters.ts'
import { type DeadlineSettings, Deadlines } from './deadlines.ts'
import { InFlight } from './in-flight.ts'
import type { Linked } from './linked-list.ts'
import type { Tally } from './measuring/tally.ts'
import type { Pump } from './pump.ts'
import { Reading, type ReadingParts, type ReadingStream } from './reading.ts'
import {
  CHALLENGE,
  end,
  type GapReason,
  gap,
  heartbeat,
  ready,
  retry,
  type SentEndReason,
  withNamedGaps,
} from './signals.ts'
import type { Sink } from './sink.ts'
import type { Timed, TimingWheel } from './timing-wheel.ts'
import type { Pumped, WaitingList, Waits } from './waiting-list.ts'

/** What a stream needs. All of it outlives the stream. */
export interface StreamParts extends ReadingParts {
  readonly sink: Sink
  readonly session: Session
  readonly pump: Pump
  readonly wheel: TimingWheel<Stream>
  readonly tally: Tally
  readonly settings: StreamSettings
  /** Whether signals are also named events. */
  readonly signals: boolean
  /** Called once when the stream is over. */
  readonly onClosed: (stream: Stream, reason: EndReason) => void
}

export type StreamSettings = DeadlineSettings

/** Time for bytes in flight before an end is forced. Counted from `exp`: the stream is over by `exp` + 0.5 s. */
const EXPIRED_GRACE_MS = 250
const END_GRACE_MS = 1000

export class Stream implements Pumped, Timed, ReadingStream {
  readonly bus: BusView
  dueAtMs = Number.POSITIVE_INFINITY
  previous: Linked | null = null
  next: Linked | null = null
  waitsIn: WaitingList | null = null
  waitsAt = -1
  isQueued = false
  writtenBytes = 0
  private readonly parts: StreamParts
  private readonly reading: Reading
  /** Why the stream ends; null until then. Nothing is written after the end. */
  private ending: EndReason | null = null
  private isClosed = false
  private readonly inFlight: InFlight
  private readonly deadlines: Deadlines
  private forcedAtMs = Number.POSITIVE_INFINITY

  /** `requested` may hold a long id, so it is dropped once the stream has begun to read. */
  constructor(parts: StreamParts, requested: RequestedBeginning) {
    this.parts = parts
    this.bus = parts.topic.bus
    this.inFlight = new InFlight(parts.tally)
    this.deadlines = new Deadlines(parts.session, parts.settings, this.inFlight, parts.clock)
    this.reading = new Reading(parts, this, requested)
  }

  /** The session that holds the stream open. A renewal replaces it. */
  get session(): Session {
    return this.deadlines.session
  }

  /** Sends the first bytes, without waiting for the topic. From now on its deadlines count. */
  open(retryMs: number): void {
    // It closes the stream at once if the client has left already.
    this.parts.sink.onClose(() => this.close())
    if (!this.isOpen) return
    this.send(retry(retryMs))
    this.due(this.parts.clock.nowMs())
    this.parts.pump.enqueue(this)
  }

  recordCame(): void {
    this.answered()
  }

  /** Kafka has answered a question that the stream waits for. */
  answered(): void {
    if (this.isOpen) this.parts.pump.enqueue(this)
  }

  /** Takes the session of a client that answered the challenge, if it ends later than the present one. */
  renew(session: Session): void {
    if (this.ending !== null || !this.deadlines.renew(session)) return
    this.parts.tally.renewed()
    this.due(this.parts.clock.nowMs())
  }

  get isOpen(): boolean {
    return this.ending === null && !this.isClosed
  }

  /** Ends cleanly. Bytes in flight have `END_GRACE_MS` to arrive. */
  end(reason: SentEndReason): void {
    this.endWithin(reason, this.parts.clock.nowMs() + END_GRACE_MS)
  }

  /** Finds out where to begin, or does one write, whose size follows the peer's speed. */
  work(): Waits {
    this.writtenBytes = 0
    if (!this.isOpen) return 'call'
    const waits = this.reading.look()
    if (waits !== null) return waits
    const { cursor } = this.reading
    if (cursor === null || this.inFlight.isWriting) return 'call'
    const bytes = cursor.read(Math.min(this.inFlight.bytesMax, this.parts.ids.bytesMax))
    if (bytes === null) return this.rest(cursor)
    if (bytes.length === 0) return 'turn'
    this.write(bytes, cursor)
    this.sendReady(cursor)
    return 'call'
  }

  /** Does everything that is due, and sets the next deadline. */
  due(nowMs: number): void {
    if (this.isClosed) return
    const { deadlines } = this
    deadlines.lookAtClocks(nowMs)
    if (this.ending !== null) this.force(nowMs)
    else if (nowMs >= deadlines.expiresAtMs)
      this.endWithin('expired', deadlines.expiresAtMs + EXPIRED_GRACE_MS)
    else if (nowMs >= deadlines.agedAtMs) this.end('aged')
    else if (nowMs >= deadlines.stalledAtMs) this.giveUp()
    else this.keepAlive(nowMs)
  }

  private endWithin(reason: SentEndReason, forcedAtMs: number): void {
    if (!this.isOpen) return
    this.ending = reason
    this.forcedAtMs = forcedAtMs
    this.parts.sink.end(end(reason, this.parts.signals))
    this.scheduleAt(forcedAtMs)
  }

  private keepAlive(nowMs: number): void {
    if (nowMs >= this.deadlines.challengeAtMs) this.challenge()
    if (nowMs >= this.deadlines.heartbeatAtMs)
      this.send(heartbeat(this.reading.movedId(), this.parts.signals))
    if (nowMs >= this.reading.lookAtMs) this.parts.pump.enqueue(this)
    this.scheduleAt(Math.min(this.deadlines.nextMs(nowMs), this.reading.lookAtMs))
  }

  private scheduleAt(dueAtMs: number): void {
    if (this.isClosed) return
    this.dueAtMs = dueAtMs
    this.parts.wheel.schedule(this)
  }

  private challenge(): void {
    this.deadlines.noteChallenge()
    this.parts.tally.challenged()
    this.send(CHALLENGE)
  }

  sendGap(reason: GapReason, isOpen: boolean): void {
    this.parts.tally.gap(reason)
    this.send(gap(reason, { signals: this.parts.signals, isOpen }))
  }

  /** Makes the deadline no later than the time of the next check. */
  lookInTime(): void {
    if (this.reading.lookAtMs < this.dueAtMs) this.scheduleAt(this.reading.lookAtMs)
  }

  private rest(cursor: StreamCursor): Waits {
    if (this.reading.beginsAgain(cursor)) return 'turn'
    if (cursor.lost) {
      this.end('too-old')
      return 'call'
    }
    if (cursor.atTail()) this.sendReady(cursor)
    return this.reading.waits
  }

  private sendReady(cursor: StreamCursor): void {
    if (cursor.isReadySent || !(cursor.complete || cursor.atTail())) return
    cursor.isReadySent = true
    this.parts.tally.ready()
    this.send(ready(cursor.id(), this.parts.signals))
  }

  private write(read: Buffer, cursor: StreamCursor): void {
    const { ids, signals } = this.parts
    const bytes = ids.spell(signals && cursor.tooLarge > 0 ? withNamedGaps(read) : read)
    this.writtenBytes = bytes.length
    const nowMs = this.parts.clock.nowMs()
    this.deadlines.lastByteAtMs = nowMs
    this.inFlight.begin(bytes.length, cursor.handOver(), nowMs)
    this.parts.tally.wrote(bytes.length, cursor, nowMs)
    this.parts.sink.write(bytes, this.taken)
  }

  /** One function for each stream, because it is called after every write. */
  private readonly taken = (): void => {
    if (this.isClosed) return
    this.inFlight.taken(this.parts.clock.nowMs())
    this.parts.tally.taken()
    this.parts.pump.enqueue(this)
  }

  /** Writes a signal behind the bytes in flight. Signals are few: see `heartbeatAtMs` and `challengeAtMs`. */
  private send(bytes: Buffer): void {
    const nowMs = this.parts.clock.nowMs()
    this.deadlines.lastByteAtMs = nowMs
    this.inFlight.addSignal(nowMs)
    this.parts.sink.write(this.parts.ids.spell(bytes), this.signalTaken)
  }

  private readonly signalTaken = (): void => this.inFlight.signalTaken()

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
    this.reading.stop()
    this.parts.sink.releaseUntaken(this.inFlight.abandon())
    this.parts.pump.remove(this)
    this.parts.wheel.cancel(this)
    this.parts.onClosed(this, this.ending ?? 'client')
  }
}
