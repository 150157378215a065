// What a stream reads. It first finds out where to begin, then reads from a cursor. If the frames at the cursor are
// gone, it sends a gap to the client and begins again.

import type { AheadOffsets } from '../beginning/ahead-offsets.ts'
import { Beginning } from '../beginning/beginning.ts'
import { type Begun, FROM_EARLIEST, type RequestedBeginning } from '../beginning/requested-beginning.ts'
import { formatEventId } from '../bus/event-id.ts'
import type { PartitionWatermarks } from '../bus/record.ts'
import type { SharedAnswer, Waiter } from '../bus/shared-answer.ts'
import type { Topic } from '../bus/topic.ts'
import type { Cursors, SelectedRecords, StreamCursor } from '../cursor/cursors.ts'
import type { Route } from '../cursor/route.ts'
import type { RouteSubscriber, RouteSubscriptions } from '../cursor/route-subscriptions.ts'
import { SelectedCursor } from '../cursor/selected-cursor.ts'
import type { IdSpelling } from '../sealing/id-spelling.ts'
import type { EntryAt } from '../segments/segment-layout.ts'
import type { SegmentView } from '../segments/segment-view.ts'
import type { Clock } from './clock.ts'
import type { GapReason, SentEndReason } from './signals.ts'
import type { Waits } from './waiting-list.ts'

export interface ReadingParts {
  readonly topic: Topic
  readonly cursors: Cursors
  /** null if the stream gets every record. */
  readonly selection: ReadingSelection | null
  /** How the client's ids are spelt: the one that it sends, and those in all that is written to it. */
  readonly ids: IdSpelling
  /** Kafka's answers to all streams of the topic. */
  readonly answers: SharedAnswer<PartitionWatermarks>
  readonly clock: Clock
}

/** Of a stream that selects: what it selects, and what tells it of records that came. */
export interface ReadingSelection {
  readonly records: SelectedRecords
  readonly subscriptions: RouteSubscriptions
}

/** The stream that reads. `answered` is called when Kafka has answered. */
export interface ReadingStream extends Waiter {
  /** Records are missing before the next ones. `isOpen`: the stream has read records before. */
  sendGap(reason: GapReason, isOpen: boolean): void
  /** A record may have come that the stream selects. */
  recordCame(): void
  /** The stream cannot be read. */
  end(reason: SentEndReason): void
  /** Called when `lookAtMs` may have become earlier. */
  lookInTime(): void
}

/** Least time between two heartbeats with an id, of a stream that selects. */
const ID_MOVES_MS = 60_000

export class Reading implements RouteSubscriber {
  /** null until it is known where to begin. */
  cursor: StreamCursor | null = null
  private readonly parts: ReadingParts
  private readonly stream: ReadingStream
  /** null once it is known where to begin. */
  private beginning: Beginning | null
  /** The offsets of the client's id that are ahead of this server, until Kafka has confirmed them. */
  private unconfirmed: AheadOffsets | null = null
  /** As of the last heartbeat: the id that the client has, and the bus's position at that time. */
  private heartbeatId = ''
  private heartbeatAsOf = ''
  private isSubscribed = false
  /** When a heartbeat of a stream that selects may bring an id again, in monotonic ms. */
  private idMovesAtMs = 0

  /** `requested` may hold a long id, so it is dropped once the stream has begun to read. */
  constructor(parts: ReadingParts, stream: ReadingStream, requested: RequestedBeginning) {
    this.parts = parts
    this.stream = stream
    const id = requested.id === null ? null : parts.ids.read(requested.id)
    this.beginning = this.beginningOf({ ...requested, id })
  }

  /** What a stream waits for that can read nothing now. */
  get waits(): Waits {
    return this.cursor instanceof SelectedCursor && this.cursor.isWaiting ? 'call' : 'publish'
  }

  get route(): Route {
    if (this.parts.selection === null) throw new Error('a stream of everything has no route')
    return this.parts.selection.records.route
  }

  frameCame(segment: SegmentView, at: EntryAt): void {
    if (this.cursor instanceof SelectedCursor && this.cursor.wakeAt(segment, at)) this.stream.recordCame()
  }

  busEmptied(): void {
    this.stream.recordCame()
  }

  recordsLost(): void {
    if (this.cursor instanceof SelectedCursor && this.cursor.noteLoss()) this.stream.recordCame()
  }

  /** Checks for news. Returns what the stream waits for; null if it can read from `cursor`. */
  look(): Waits | null {
    if (this.unconfirmed !== null) this.checkUnconfirmed(this.unconfirmed)
    return this.beginning === null ? null : this.lookForBeginning(this.beginning)
  }

  /** When to check again for an answer of Kafka, in monotonic ms. */
  get lookAtMs(): number {
    return (this.beginning ?? this.unconfirmed)?.lookAtMs ?? Number.POSITIVE_INFINITY
  }

  /**
   * Begins again if the frames at `cursor` are gone; false if they are still there. A client of another server may have
   * records that this one has missed. So its position is treated like the id of a new request.
   */
  beginsAgain({ outdatedBy, ownPosition }: StreamCursor): boolean {
    if (outdatedBy === null) return false
    if (outdatedBy === 'recreated' || ownPosition === null) this.restart(outdatedBy)
    else {
      this.stopReading()
      this.beginning = this.beginningOf({ ...FROM_EARLIEST, id: formatEventId(ownPosition) })
    }
    return true
  }

  /**
   * The position as an id, if the client's is older. null unless at the tail, because the id would skip unread frames.
   */
  movedId(): string | null {
    const { cursor } = this
    if (cursor === null || !cursor.atTail()) return null
    // At the tail the id depends only on the positions of bus and client. It is made once, because that may be slow.
    const asOf = this.parts.topic.bus.positionText()
    if (asOf === this.heartbeatAsOf || !this.mayMoveId()) return null
    this.heartbeatAsOf = asOf
    const id = cursor.id()
    const isKnown = id === this.heartbeatId || id === cursor.sentId()
    this.heartbeatId = id
    return isKnown ? null : id
  }

  stop(): void {
    if (this.isSubscribed) this.parts.selection?.subscriptions.remove(this)
    this.cursor?.release()
    this.beginning?.stop()
    this.unconfirmed?.stop()
  }

  private beginningOf(requested: RequestedBeginning): Beginning {
    const { topic, cursors, answers, clock } = this.parts
    return new Beginning({ topic, cursors, answers, requested, waiter: this.stream, clock })
  }

  private lookForBeginning(beginning: Beginning): Waits {
    const outcome = beginning.look(this.parts.clock.nowMs())
    if (typeof outcome !== 'object') {
      this.stream.lookInTime()
      return outcome
    }
    this.beginning = null
    if ('end' in outcome) {
      this.stream.end(outcome.end)
      return 'call'
    }
    this.begin(outcome)
    return 'turn'
  }

  /** Begins to read. Sends a gap first if that is not where the client left off. */
  private begin({ cursor, reason, unconfirmed }: Begun): void {
    if (reason !== null) this.stream.sendGap(reason, false)
    this.subscribe()
    this.cursor = cursor
    if (cursor instanceof SelectedCursor) this.parts.selection?.subscriptions.doubt(this, cursor.isDoubtful)
    this.unconfirmed = unconfirmed
    this.stream.lookInTime()
  }

  /** Once the bus has caught up: in another thread its hashes are known from then on. */
  private subscribe(): void {
    if (this.isSubscribed || this.parts.selection === null) return
    this.isSubscribed = true
    this.parts.selection.subscriptions.add(this)
  }

  /** The ids of a stream that selects tell when others write, so they move seldom. */
  private mayMoveId(): boolean {
    if (this.parts.selection === null) return true
    const nowMs = this.parts.clock.nowMs()
    if (nowMs < this.idMovesAtMs) return false
    this.idMovesAtMs = nowMs + ID_MOVES_MS
    return true
  }

  /** Checks whether Kafka has confirmed the offsets that are ahead. */
  private checkUnconfirmed(unconfirmed: AheadOffsets): void {
    if (this.cursor?.isOutdated) return // they belonged to another topic
    const finding = unconfirmed.look(this.parts.clock.nowMs())
    if (finding === 'beyond') this.restart('beyond-end')
    else if (finding === 'too-old') this.restart(finding)
    else if (finding === 'settled') this.unconfirmed = null
    else this.stream.lookInTime()
  }

  /** The client's position is of no use here. Sends a gap and reads from the beginning, with a `ready` of its own. */
  private restart(reason: GapReason): void {
    this.stopReading()
    this.stream.sendGap(reason, true)
    this.beginning = this.beginningOf(FROM_EARLIEST)
  }

  private stopReading(): void {
    this.cursor?.release()
    this.cursor = null
    this.unconfirmed?.stop()
    this.unconfirmed = null
  }
}
