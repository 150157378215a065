// One open response: a cursor on its bus, a sink for its bytes, a session that ends. It owns no queue. Everything that can
// wake it stands in `work` (records, a write taken) and in `due` (heartbeat, challenge, expiry, a peer that stalls).

import type { BusView } from './bus-view.ts'
import type { Cursor } from './cursor.ts'
import type { EndReason, Figures } from './figures.ts'
import { InFlight } from './in-flight.ts'
import type { Pump, Pumped, Waits } from './pump.ts'
import type { Session } from './session.ts'
import {
  CHALLENGE,
  end,
  type GapReason,
  gap,
  heartbeat,
  ready,
  retry,
  type ToldEndReason,
} from './signals.ts'
import type { Sink } from './sink.ts'
import type { Timed, Wheel } from './wheel.ts'

/** What a stream is made of; all of it outlives the stream. */
export interface StreamParts {
  readonly bus: BusView
  readonly sink: Sink
  readonly session: Session
  readonly pump: Pump
  readonly wheel: Wheel<Stream>
  readonly figures: Figures
  readonly settings: StreamSettings
  /** Whether comments come as named events, too. */
  readonly signals: boolean
  /** Called when the topic has become another one: `begin` is to be called again, with the new beginning. */
  readonly onRecreated: (stream: Stream) => void
  /** Called once when the stream is over. */
  readonly onClosed: (stream: Stream) => void
  readonly now: () => number
}

export interface StreamSettings {
  readonly challengeMs: number
  readonly heartbeatMs: number
  /** Time that a write may stay untaken, besides the time its bytes are given at 16 KiB a second. */
  readonly stalledMs: number
}

/** While the peer has yet to take something, how soon at the latest to look again whether a heartbeat is due. */
const LOOK_AGAIN_MS = 1000
/** What an end may wait for bytes in flight before it is forced; counted from exp, since it is over by exp + 0.5 s. */
const EXPIRED_GRACE_MS = 250
const END_GRACE_MS = 1000

export class Stream implements Pumped, Timed {
  readonly bus: BusView
  dueAtMs = Number.POSITIVE_INFINITY
  slot = -1
  idleAt = -1
  isQueued = false
  writtenBytes = 0
  /** Who holds it open; a renewal puts a later one in its place. */
  session: Session
  private readonly parts: StreamParts
  /** null as long as it is not known where to begin. */
  private cursor: Cursor | null = null
  /** Why it ends, once it does; nothing but the end is written from then on. */
  private ending: EndReason | null = null
  private isClosed = false
  private readonly inFlight = new InFlight()
  private lastByteAtMs: number
  /** `exp` that the last challenge was for: at most one for each. */
  private challengedForMs = 0
  private forcedAtMs = Number.POSITIVE_INFINITY
  /** Stops whatever the stream waits for before it begins to read. */
  private stopWaiting: (() => void) | null = null
  /** Position that the client is known to have heard, as of the last heartbeat. */
  private toldId = ''

  constructor(parts: StreamParts) {
    this.parts = parts
    this.bus = parts.bus
    this.session = parts.session
    this.lastByteAtMs = parts.now()
    parts.sink.onClose(() => this.close())
  }

  /** First bytes, before anything is known of the topic; heartbeats, challenges and the end come from now on. */
  open(retryMs: number): void {
    this.tell(retry(retryMs))
    this.parts.figures.streamsOpen++
    this.parts.figures.streamsOpened++
    this.due()
  }

  /** Begins to read, after a word on why that is not where the client left off. */
  begin(cursor: Cursor, reason: GapReason | null): void {
    if (!this.isOpen) return
    this.stopWaiting = null
    if (reason !== null) this.tellGap(reason)
    this.cursor = cursor
    this.parts.pump.enqueue(this)
  }

  /** Says how to stop what this stream waits for, should it end before that comes. */
  waitFor(stop: () => void): void {
    if (this.isOpen) this.stopWaiting = stop
    else stop()
  }

  /** A later end for whoever answered the challenge. Never an earlier one. */
  renew(session: Session): void {
    if (session.expiresAtMs <= this.session.expiresAtMs || this.ending !== null) return
    this.session = session
    this.schedule()
  }

  get isOpen(): boolean {
    return this.ending === null && !this.isClosed
  }

  /** Ends cleanly; what is in flight has a moment to arrive. */
  end(reason: ToldEndReason, graceMs = END_GRACE_MS): void {
    if (!this.isOpen) return
    this.ending = reason
    this.forcedAtMs = this.parts.now() + graceMs
    this.parts.sink.end(end(reason, this.parts.signals))
    this.schedule()
  }

  /** One write of what there is to read, within what the peer has shown to take. */
  work(): Waits {
    this.writtenBytes = 0
    if (this.cursor === null || !this.isOpen || this.inFlight.isWriting) return 'call'
    const bytes = this.cursor.read(this.inFlight.bytesMax)
    if (bytes === null) return this.rest(this.cursor)
    if (bytes.length === 0) return 'turn'
    this.write(bytes, this.cursor)
    this.tellReady(this.cursor)
    return 'call'
  }

  /** Does what is due, and sets the next deadline. */
  due(): void {
    if (this.isClosed) return
    const nowMs = this.parts.now()
    if (this.ending !== null) this.force(nowMs)
    else if (nowMs >= this.session.expiresAtMs) this.expire(nowMs)
    else if (nowMs >= this.inFlight.stalledAtMs(this.parts.settings.stalledMs)) this.giveUp()
    else this.keepAlive(nowMs)
    this.schedule()
  }

  private expire(nowMs: number): void {
    this.end('expired', this.session.expiresAtMs + EXPIRED_GRACE_MS - nowMs)
  }

  private keepAlive(nowMs: number): void {
    if (nowMs >= this.challengeAtMs()) this.challenge()
    if (nowMs >= this.heartbeatAtMs()) this.tell(heartbeat(this.movedId(), this.parts.signals))
  }

  private schedule(): void {
    if (this.isClosed) return
    this.dueAtMs = this.ending !== null ? this.forcedAtMs : this.nextDeadlineMs()
    this.parts.wheel.schedule(this)
  }

  private nextDeadlineMs(): number {
    const { now, settings } = this.parts
    const soonMs = now() + Math.min(LOOK_AGAIN_MS, settings.heartbeatMs)
    const lookAgainMs = this.inFlight.isEmpty ? Number.POSITIVE_INFINITY : soonMs
    return Math.min(
      this.session.expiresAtMs,
      this.challengeAtMs(),
      this.heartbeatAtMs(),
      this.inFlight.stalledAtMs(settings.stalledMs),
      lookAgainMs,
    )
  }

  private challengeAtMs(): number {
    const { expiresAtMs } = this.session
    return this.challengedForMs === expiresAtMs
      ? Number.POSITIVE_INFINITY
      : expiresAtMs - this.parts.settings.challengeMs
  }

  /** Never while the peer has yet to take something: that is the sign of life, and it needs no more bytes. */
  private heartbeatAtMs(): number {
    const { heartbeatMs } = this.parts.settings
    return this.inFlight.isEmpty ? this.lastByteAtMs + heartbeatMs : Number.POSITIVE_INFINITY
  }

  private challenge(): void {
    this.challengedForMs = this.session.expiresAtMs
    this.parts.figures.challenges++
    this.tell(CHALLENGE)
  }

  private tellGap(reason: GapReason): void {
    const { gaps } = this.parts.figures
    gaps[reason] = (gaps[reason] ?? 0) + 1
    this.tell(gap(reason, this.parts.signals))
  }

  /** The position as an id if it moved since the client last heard of it; only at the tail does it stand for everything. */
  private movedId(): string | null {
    const { cursor } = this
    if (cursor === null || !cursor.atTail()) return null
    const id = cursor.id()
    const isTold = id === this.toldId || id === cursor.sentId()
    this.toldId = id
    return isTold ? null : id
  }

  private rest(cursor: Cursor): Waits {
    if (cursor.isOutdated) {
      this.restart()
      return 'call'
    }
    if (cursor.lost) {
      this.end('too-old')
      return 'call'
    }
    if (cursor.atTail()) this.tellReady(cursor)
    return 'publish'
  }

  /** The records so far were another topic's. What is said from here on is of the new one, its `ready` included. */
  private restart(): void {
    this.cursor?.letGo()
    this.cursor = null
    this.tellGap('recreated')
    this.parts.onRecreated(this)
  }

  private tellReady(cursor: Cursor): void {
    if (cursor.isReadyTold || !(cursor.complete || cursor.atTail())) return
    cursor.isReadyTold = true
    this.tell(ready(cursor.id(), this.parts.signals))
  }

  private write(bytes: Buffer, cursor: Cursor): void {
    const { figures } = this.parts
    this.writtenBytes = bytes.length
    this.lastByteAtMs = this.parts.now()
    this.inFlight.begin(bytes.length, cursor.handOver(), this.lastByteAtMs)
    figures.writes++
    figures.bytesDelivered += bytes.length
    figures.recordsDelivered += cursor.frames
    this.parts.sink.write(bytes, this.taken)
  }

  /** Made once for each stream: the end of a write is the most frequent thing that happens to it. */
  private readonly taken = (): void => {
    if (this.isClosed) return
    this.inFlight.taken(this.parts.now())
    this.parts.pump.enqueue(this)
  }

  /** Writes bytes of its own behind whatever is in flight. They are few: see `heartbeatAtMs` and `challengeAtMs`. */
  private tell(bytes: Uint8Array): void {
    this.lastByteAtMs = this.parts.now()
    this.inFlight.addWord(this.lastByteAtMs)
    this.parts.sink.write(bytes, this.told)
  }

  private readonly told = (): void => this.inFlight.wordTaken()

  private giveUp(): void {
    this.ending = 'slow'
    this.parts.sink.cancel()
  }

  private force(nowMs: number): void {
    if (nowMs >= this.forcedAtMs) this.parts.sink.cancel()
  }

  private close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.cursor?.letGo()
    this.inFlight.letGo()
    this.stopWaiting?.()
    this.parts.pump.remove(this)
    this.parts.wheel.cancel(this)
    const reason = this.ending ?? 'client'
    this.parts.figures.streamsOpen--
    this.parts.figures.streamsEnded[reason]++
    this.parts.onClosed(this)
  }
}
