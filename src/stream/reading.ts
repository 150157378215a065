// What a stream reads: first it looks for where to begin, then it has a cursor. Where what it read is no more, it begins again,
// after a word to the client.

import type { AheadOffsets } from '../beginning/ahead-offsets.ts'
import { Beginning } from '../beginning/beginning.ts'
import { type Begun, FROM_EARLIEST, type RequestedBeginning } from '../beginning/requested-beginning.ts'
import { formatEventId } from '../bus/event-id.ts'
import type { PartitionWatermarks } from '../bus/record.ts'
import type { SharedAnswer, Waiter } from '../bus/shared-answer.ts'
import type { Topic } from '../bus/topic.ts'
import type { Cursor } from '../cursor/cursor.ts'
import type { Clock } from './clock.ts'
import type { GapReason, ToldEndReason } from './signals.ts'
import type { Waits } from './waiting-list.ts'

export interface ReadingParts {
  readonly topic: Topic
  /** Kafka's answers to all streams of the topic. */
  readonly answers: SharedAnswer<PartitionWatermarks>
  readonly clock: Clock
}

/** The stream that reads, called when Kafka has answered, too. */
export interface ReadingStream extends Waiter {
  /** Something is missing before what is read next. `isOpen`: records were read before. */
  tellGap(reason: GapReason, isOpen: boolean): void
  /** It cannot be read. */
  end(reason: ToldEndReason): void
  /** `lookAtMs` may be sooner than before. */
  lookInTime(): void
}

export class Reading {
  /** null as long as it is not known where to begin. */
  cursor: Cursor | null = null
  private readonly parts: ReadingParts
  private readonly stream: ReadingStream
  /** null once it is known where to begin. */
  private beginning: Beginning | null
  /** What of the client's id was taken at its word, until Kafka has confirmed it. */
  private doubt: AheadOffsets | null = null
  /** Position that the client is known to have heard, and that of the bus then, as of the last heartbeat. */
  private toldId = ''
  private toldAsOf = ''

  /** `requested`, which may be long, is kept until it has begun. */
  constructor(parts: ReadingParts, stream: ReadingStream, requested: RequestedBeginning) {
    this.parts = parts
    this.stream = stream
    this.beginning = this.beginningOf(requested)
  }

  /** Looks at what may have become known. Returns what the stream waits for, null where it may read from `cursor`. */
  look(): Waits | null {
    if (this.doubt !== null) this.lookIntoDoubt(this.doubt)
    return this.beginning === null ? null : this.lookForBeginning(this.beginning)
  }

  /** When to look again at what Kafka has yet to say, in monotonic ms. */
  get lookAtMs(): number {
    return (this.beginning ?? this.doubt)?.lookAtMs ?? Number.POSITIVE_INFINITY
  }

  /**
   * Begins again where what `cursor` reads is no more; false where it is still there. A client that came from another server may
   * have what this one has missed: its position is looked at like an id.
   */
  beginsAgain({ outdatedBy, ownPosition }: Cursor): boolean {
    if (outdatedBy === null) return false
    if (outdatedBy === 'recreated' || ownPosition === null) this.restart(outdatedBy)
    else {
      this.stopReading()
      this.beginning = this.beginningOf({ ...FROM_EARLIEST, id: formatEventId(ownPosition) })
    }
    return true
  }

  /** The position as an id if it moved since the client last heard of it; only at the tail does it stand for everything. */
  movedId(): string | null {
    const { cursor } = this
    if (cursor === null || !cursor.atTail()) return null
    // At the tail an id is one of the bus's position and the client's own: to make it may take long, so it is not made twice.
    const asOf = this.parts.topic.bus.positionText()
    if (asOf === this.toldAsOf) return null
    this.toldAsOf = asOf
    const id = cursor.id()
    const isTold = id === this.toldId || id === cursor.sentId()
    this.toldId = id
    return isTold ? null : id
  }

  stop(): void {
    this.cursor?.release()
    this.beginning?.stop()
    this.doubt?.stop()
  }

  private beginningOf(requested: RequestedBeginning): Beginning {
    const { topic, answers, clock } = this.parts
    return new Beginning({ topic, answers, requested, waiter: this.stream, clock })
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

  /** Begins to read, after a word on why that is not where the client left off. */
  private begin({ cursor, reason, doubt }: Begun): void {
    if (reason !== null) this.stream.tellGap(reason, false)
    this.cursor = cursor
    this.doubt = doubt
    this.stream.lookInTime()
  }

  /** What was taken at its word is looked at whenever there may be news of it. */
  private lookIntoDoubt(doubt: AheadOffsets): void {
    if (this.cursor?.isOutdated) return // all of it was another topic's
    const finding = doubt.look(this.parts.clock.nowMs())
    if (finding === 'beyond') this.restart('beyond-end')
    else if (finding === 'too-old') this.restart(finding)
    else if (finding === 'settled') this.doubt = null
    else this.stream.lookInTime()
  }

  /** What the client has is worth nothing. What is said from here on begins with the beginning, its `ready` included. */
  private restart(reason: GapReason): void {
    this.stopReading()
    this.stream.tellGap(reason, true)
    this.beginning = this.beginningOf(FROM_EARLIEST)
  }

  private stopReading(): void {
    this.cursor?.release()
    this.cursor = null
    this.doubt?.stop()
    this.doubt = null
  }
}
