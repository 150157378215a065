// A client of the resume model: one stream at a time, which does what src/stream/stream.ts does with a beginning and a
// cursor, and may be cut after any word. ledger.ts compares what it gets with what was written, claim.ts its id with
// the server.

import { type AheadOffsets, hasFromNow } from '../../src/beginning/ahead-offsets.ts'
import type { Beginning } from '../../src/beginning/beginning.ts'
import {
  type Begun,
  FROM_EARLIEST,
  type RequestedBeginning,
} from '../../src/beginning/requested-beginning.ts'
import { formatEventId, parseEventId } from '../../src/bus/event-id.ts'
import type { Position } from '../../src/bus/position.ts'
import type { StreamCursor } from '../../src/cursor/cursors.ts'
import type { GapReason } from '../../src/stream/signals.ts'
import { Claim } from './claim.ts'
import { Leavings } from './leavings.ts'
import type { Ledger } from './ledger.ts'
import { Now, sinceAt } from './now.ts'
import { hasSomething, NOTHING_YET, Possession, positionOf } from './possession.ts'
import { type Cut, isFromNow, type NewBeginning } from './reads.ts'
import type { Server } from './server.ts'
import type { Subscriber } from './subscriber.ts'

export class Client extends Possession {
  /** Whether it has a stream, even one that has yet to begin. */
  isOpen = false
  /** What its id says at this server; null without an id. */
  private claim: Claim | null = null
  /** Which reading of the topic its cursor belongs to. */
  private generation = 0
  private server: Server | null = null
  private requested: NewBeginning = FROM_EARLIEST
  private beginning: Beginning | null = null
  private cursor: StreamCursor | null = null
  private unconfirmed: AheadOffsets | null = null
  /** What "now" was, if it asked for what comes from now on. */
  private now: Now | null = null
  /** How far the server's streams had read at the request, if it had caught up. */
  private asOf: Position | undefined
  /** Its stream, if that selects. */
  private subscriber: Subscriber | null = null
  /** What its stream had when it began, and by what keys may have left unseen then. */
  private held: Position = new Map()
  private begun = new Leavings().asOfNow()
  /** Where it begins by `now`. */
  private from: Position = new Map()

  /** Whether it has all that its cursor could read. */
  get isAtTail(): boolean {
    return this.cursor?.atTail() ?? false
  }

  /** Whether it is trusted in something that Kafka has yet to tell. */
  get isInDoubt(): boolean {
    return this.unconfirmed !== null
  }

  /** Whether its stream has yet to begin. */
  get isWaiting(): boolean {
    return this.beginning !== null
  }

  /** Whether Kafka has told all about its id, or its server has read all that the id names. */
  get canBegin(): boolean {
    return this.isCaughtUp && this.claim?.isTold !== false
  }

  get hasAll(): boolean {
    return this.isCaughtUp && (this.claim === null || this.claim.ahead.length === 0)
  }

  isWith(server: Server | undefined): boolean {
    return this.isOpen && this.server === server
  }

  /** Connects with its id, as it is `written`: perhaps -1 of every partition. Without an id, as `requested` says. */
  connect(server: Server, requested: NewBeginning, written = this.id, isForgetful = true): void {
    this.disconnect()
    if (this.logs !== server.viewLogs) this.changeTopic(isForgetful)
    const saysFromNow = hasFromNow(parseEventId(written) ?? new Map())
    if (saysFromNow) this.forget()
    this.server = server
    this.asOf = server.view.caughtUp ? server.view.position() : undefined
    this.isOpen = true
    this.logs = server.viewLogs
    this.generation = server.viewGeneration
    if (this.id === '') this.ledger ??= this.newLedger(this.logs)
    const id = this.id === '' && !saysFromNow ? null : written
    // An id wins over a moment, even an id of no partition, with which everything is read.
    const sinceMs = id === null ? requested.sinceMs : null
    this.requested = { ...requested, sinceMs: sinceMs === null ? null : sinceAt(server, sinceMs) }
    this.now = saysFromNow || (id === null && isFromNow(requested, server)) ? new Now(server, id) : null
    this.subscriber = server.subscriber(this.selection)
    this.beginIn(server, { ...requested, id }, this.now ?? undefined)
    this.ledger?.connect(server)
    this.claim = hasSomething(this.id) ? this.newClaim(positionOf(this.id), server) : null
  }

  disconnect(): void {
    this.subscriber?.stop()
    this.subscriber = null
    this.stop()
  }

  private stop(): void {
    this.isOpen = false
    this.beginning?.stop()
    this.unconfirmed?.stop()
    this.cursor?.release()
    if (this.ledger === null) this.id = '' // what it holds is of two topics
    this.beginning = null
    this.unconfirmed = null
    this.cursor = null
    this.cutOff()
  }

  /** A turn of its stream: it looks for its beginning, or reads once. False if there is nothing more to do. */
  work(bytesMax: number, cut: Cut): boolean {
    if (this.unconfirmed !== null) this.checkUnconfirmed(this.unconfirmed)
    if (this.beginning !== null) return this.lookForBeginning(this.beginning)
    const { cursor, ledger, server } = this
    if (cursor === null || server === null) return false
    const isReadAgain = this.generation !== server.viewGeneration
    const over = this.logs !== server.viewLogs ? 'recreated' : isReadAgain ? 'deletes-dropped' : null
    ledger?.beforeRead(server)
    const isHidden = over === null && this.isHidden(cursor, server)
    this.lookAtFrames(server)
    const bytes = cursor.read(bytesMax)
    this.subscriber?.hasRead()
    ledger?.noteSeen(server.view.position())
    const found = isHidden ? null : cursor.outdatedBy
    if (over !== found || (cursor.outdatedBy !== null && bytes !== null))
      throw new Error(`${over} is due, ${cursor.outdatedBy} is found`)
    if (bytes === null) return this.rest(cursor, cut)
    if (bytes.length === 0) return true
    this.take(cut === 'inside' ? bytes.subarray(0, -1) : bytes)
    if (cut === 'inside') this.disconnect()
    else this.tellReady(cursor, cut)
    return this.isOpen
  }

  /** What an idle stream sends: the position as an id, if the client has everything up to there. */
  heartbeat(cut: Cut): void {
    if (this.cursor?.atTail()) this.hear(this.cursor, cut)
  }

  private get isCaughtUp(): boolean {
    return this.server?.view.caughtUp === true && this.now === null
  }

  private beginIn(server: Server, requested: RequestedBeginning, answers = server.answers): void {
    this.held = new Map()
    this.begun = server.viewLeavings
    this.beginning = server.begin(requested, answers, this.subscriber)
  }

  private newClaim(position: Position, server: Server): Claim {
    return new Claim(position, server, this.selection)
  }

  /** Frames that came are looked at now and then. */
  private lookAtFrames(server: Server): void {
    if (this.subscriber !== null && server.lookAtFrames()) this.subscriber.expectTold()
  }

  /** Whether its stream begins again because a key may have left its selection unseen. */
  private isHidden({ outdatedBy }: StreamCursor, server: Server): boolean {
    if (outdatedBy !== 'deletes-dropped' || this.selection.isStable) return false
    return server.viewLeavings.mayHideSince(this.begun, this.held)
  }

  private lookForBeginning(beginning: Beginning): boolean {
    const { server } = this
    if (server === null) return false
    this.now?.look()
    let outcome = beginning.look(server.nowMs)
    while (outcome === 'turn') outcome = beginning.look(server.nowMs)
    if (typeof outcome === 'string') return false
    this.beginning = null
    if ('end' in outcome) this.turnAway(outcome.end, server)
    else this.begin(outcome, server)
    return this.isOpen
  }

  private turnAway(end: string, { viewAccount }: Server): void {
    if (end !== 'busy' || viewAccount.isWhole) throw new Error(`turned away as ${end}`)
    this.disconnect()
  }

  private begin({ cursor, reason, unconfirmed }: Begun, server: Server): void {
    this.cursor = cursor
    this.subscriber?.begin(cursor)
    this.unconfirmed = unconfirmed
    if (reason === null && this.claim !== null) this.held = this.claim.position
    if (!cursor.isOutdated) this.generation = server.viewGeneration
    // The topic was recreated while it waited, and its id fits the new one.
    const isElsewhere = this.logs !== server.viewLogs && !cursor.isOutdated
    if (isElsewhere && !this.beginElsewhere(server)) return
    const { ledger } = this
    if (this.claim !== null) this.claim.expect(reason)
    else if (this.now !== null) this.from = this.now.beginning(reason, cursor.ownPosition ?? new Map())
    else this.expectSince(reason, server)
    if (reason !== null) this.tellGap(server)
    else if (ledger === null) this.expectHonoured()
    else if (this.id === NOTHING_YET) ledger.beginAnew(new Map(), server)
    else if (this.id !== '') ledger.resume(server, positionOf(this.id))
    else this.beginAsRequested(ledger, server)
  }

  /** False if the model cannot tell what it has to get. */
  private beginElsewhere(server: Server): boolean {
    this.logs = server.viewLogs
    this.asOf = new Map()
    this.ledger = null
    if (this.claim !== null) return true
    if (!server.view.isWhole) {
      this.disconnect()
      this.forget()
      return false
    }
    this.ledger = this.newLedger(this.logs)
    this.ledger.connect(server)
    return true
  }

  private expectHonoured(): void {
    if (this.unconfirmed === null) this.claim?.expectHonoured()
  }

  /** A client that asked for a moment is told what is gone since the request, others nothing. */
  private expectSince(said: GapReason | null, { viewAccount }: Server): void {
    const owed = this.requested.sinceMs === null ? null : viewAccount.gapAfter(this.asOf ?? new Map())
    if (said !== owed) throw new Error(`${said} was said to a client that has nothing, ${owed} is due`)
  }

  private beginAsRequested(ledger: Ledger, server: Server): void {
    if (this.now === null) ledger.beginSince(this.requested.sinceMs, server, this.asOf)
    else ledger.beginAt(this.from, server, this.now.isReading)
  }

  private checkUnconfirmed(unconfirmed: AheadOffsets): void {
    const { server } = this
    if (server === null || this.cursor?.isOutdated) return
    const finding = unconfirmed.look(server.nowMs)
    if (finding === 'beyond' || finding === 'too-old') {
      const reason = finding === 'beyond' ? 'beyond-end' : finding
      this.claim?.expectInDoubt(reason)
      this.restart(server)
    } else if (finding === 'settled') this.unconfirmed = null
    if (this.ledger === null) this.expectHonoured()
  }

  /** At the tail, or over: the stream ends if the server lost what the client had yet to read. */
  private rest(cursor: StreamCursor, cut: Cut): boolean {
    const { server, ledger } = this
    if (server === null) return false
    const { outdatedBy, ownPosition } = cursor
    if (outdatedBy !== null) {
      if (outdatedBy === 'recreated' || ownPosition === null) this.restart(server)
      else this.goOnAgain(ownPosition, server)
      return true
    }
    if (cursor.lost) {
      if (!this.hasLostLeaving(server)) ledger?.expectLoss(server)
      this.disconnect()
      return false
    }
    if (cursor.atTail()) this.tellReady(cursor, cut)
    else if (
      !this.subscriber?.isBehind &&
      (server.view === server.bus || !(server.hasNews || server.isUnpublished))
    )
      throw new Error('it waits, and there is nothing to wait for')
    return false
  }

  /** Whether the delete of a key is gone that left its selection. */
  private hasLostLeaving(server: Server): boolean {
    return !this.selection.isStable && server.leavings.hasLostAfter(this.ledger?.reached ?? new Map())
  }

  private restart(server: Server): void {
    this.stop()
    this.isOpen = true
    this.tellGap(server)
    this.requested = FROM_EARLIEST
    this.now = null
    this.beginIn(server, FROM_EARLIEST)
  }

  /** At a server that reads its topic again, it goes on from what it has of another server. */
  private goOnAgain(position: Position, server: Server): void {
    this.stop()
    this.isOpen = true
    this.id = formatEventId(position)
    this.claim = this.newClaim(position, server)
    this.beginIn(server, { ...FROM_EARLIEST, id: this.id })
  }

  private tellGap(server: Server): void {
    this.id = NOTHING_YET
    this.claim = null
    this.logs = server.viewLogs
    this.ledger = this.newLedger(server.viewLogs)
    this.ledger.connect(server)
    this.ledger.beginAnew(new Map(), server)
  }

  private tellReady(cursor: StreamCursor, cut: Cut): void {
    if (cursor.isReadySent || !(cursor.complete || cursor.atTail())) return
    cursor.isReadySent = true
    this.hear(cursor, cut)
    this.ledger?.becomeReady()
  }

  private hear(cursor: StreamCursor, cut: Cut): void {
    const isAtTail = cursor.atTail()
    const id = cursor.id()
    this.id = id
    this.ledger?.hear(positionOf(id))
    const gap = isAtTail ? this.server?.viewAccount.gapFor(positionOf(id)) : null
    if (gap) throw new Error(`an id is told at the tail that is ${gap}`)
    if (cut === 'behind') this.disconnect()
  }
}
