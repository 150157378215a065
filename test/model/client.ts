// A client as the resume tests see it: one stream at a time, which does what src/stream.ts does with a beginning and a cursor, and
// may be cut behind any word of it. What it is sent and told is held against what was written in test/model/ledger.ts.

import type { Ahead } from '../../src/ahead.ts'
import type { Cursor } from '../../src/cursor.ts'
import { parsePosition } from '../../src/position.ts'
import type { GapReason } from '../../src/signals.ts'
import { type Begun, FROM_BEGINNING, type Start, type Wish } from '../../src/start.ts'
import type { Keeps } from '../../src/topic.ts'
import { StreamReader } from '../stream-reader.ts'
import { Ledger } from './ledger.ts'
import type { Server } from './server.ts'

/** The id that comes with a gap: of a client that has nothing. */
const NOTHING_YET = 'AQA='

/** Where the connection breaks: inside the last event that is sent, or right behind a word that has an id. */
export type Cut = 'never' | 'inside' | 'behind'

export type NewWish = Omit<Wish, 'id'>

export class Client {
  id = ''
  /** Whether its stream is over, and it is for the client to come back. */
  isOpen = false
  private readonly keeps: Keeps
  private ledger: Ledger | null = null
  private server: Server | null = null
  private wish: NewWish = FROM_BEGINNING
  private start: Start | null = null
  private cursor: Cursor | null = null
  private doubt: Ahead | null = null
  /** The server had not caught up when it connected. */
  private hasToCatchUp = false

  constructor(keeps: Keeps) {
    this.keeps = keeps
  }

  /** Whether there is nothing that it waits for, and it has all there is. */
  get isAtTail(): boolean {
    return this.cursor?.atTail() ?? false
  }

  isWith(server: Server | undefined): boolean {
    return this.isOpen && this.server === server
  }

  /** Connects with its id, in the form that is `written`, or as `wish` says where it has none. */
  connect(server: Server, wish: NewWish, written = this.id): void {
    this.disconnect()
    // An id does not say which topic it is of, so that one of a topic that is no more may be taken for one of its successor.
    if (this.ledger !== null && this.ledger.logs !== server.viewLogs) this.forget()
    this.ledger ??= new Ledger(server.viewLogs, this.keeps)
    this.server = server
    this.wish = wish
    this.isOpen = true
    this.start = server.begin({ ...wish, id: this.id === '' ? null : written })
    this.ledger.connect(server)
    this.hasToCatchUp = !server.view.caughtUp
  }

  disconnect(): void {
    this.isOpen = false
    this.start?.stop()
    this.doubt?.stop()
    this.cursor?.letGo()
    this.start = null
    this.doubt = null
    this.cursor = null
  }

  /** A turn of its stream: a look at where to begin, or one read. False where there is nothing more to do. */
  work(bytesMax: number, cut: Cut): boolean {
    if (this.doubt !== null) this.lookIntoDoubt(this.doubt)
    if (this.start !== null) return this.lookForStart(this.start)
    const { cursor, ledger } = this
    if (cursor === null || ledger === null || this.server === null) return false
    ledger.beforeRead(this.server)
    const bytes = cursor.read(bytesMax)
    ledger.noteSeen(this.server.view.position())
    if (bytes === null) return this.rest(cursor, cut)
    if (bytes.length === 0) return true
    this.take(cut === 'inside' ? bytes.subarray(0, -1) : bytes, ledger)
    if (cut === 'inside') this.disconnect()
    else this.tellReady(cursor, cut)
    return this.isOpen
  }

  /** What an idle stream says: the position as an id, where that stands for everything. */
  heartbeat(cut: Cut): void {
    if (this.cursor?.atTail()) this.hear(this.cursor.id(), cut)
  }

  private lookForStart(start: Start): boolean {
    const { server } = this
    if (server === null) return false
    const beginning = start.look(server.nowMs)
    if (typeof beginning === 'string') return false
    this.start = null
    if ('end' in beginning) this.turnAway(beginning.end, server)
    else this.begin(beginning, server)
    return this.isOpen
  }

  private turnAway(end: string, { view }: Server): void {
    if (end !== 'busy' || view.isWhole) throw new Error(`turned away as ${end}`)
    this.disconnect()
  }

  private begin({ cursor, reason, doubt }: Begun, server: Server): void {
    const { ledger } = this
    this.cursor = cursor
    this.doubt = doubt
    if (ledger === null || (reason === null && ledger.logs !== server.viewLogs)) this.beginElsewhere(server)
    else if (reason !== null) this.tellGap(reason, server)
    else if (this.id === NOTHING_YET) ledger.beginAnew(new Map(), server)
    else if (this.id !== '') ledger.resume(server)
    else this.beginAsWished(ledger, server)
  }

  /** The topic became another one while it waited, and its id is as good for that one. */
  private beginElsewhere(server: Server): void {
    if (this.id !== '' || !server.view.isWhole) {
      this.disconnect()
      this.forget()
      return
    }
    this.ledger = new Ledger(server.viewLogs, this.keeps)
    this.ledger.connect(server)
    if (isFromNow(this.wish)) this.ledger.beginAt(new Map(), server)
    else this.beginAsWished(this.ledger, server)
  }

  private beginAsWished(ledger: Ledger, server: Server): void {
    if (!isFromNow(this.wish)) ledger.beginSince(this.wish.sinceMs, server)
    // Where the server had yet to catch up, "now" is when Kafka told: at the request or later.
    else if (this.hasToCatchUp) ledger.beginAfter(ledger.asked, server)
    else ledger.beginAt(ledger.asked, server)
  }

  private lookIntoDoubt(doubt: Ahead): void {
    const { server } = this
    if (server === null || this.cursor?.isOutdated) return
    const finding = doubt.look(server.nowMs)
    if (finding === 'beyond') this.restart('beyond-end', server)
    else if (finding === 'too-old') this.restart(finding, server)
    else if (finding === 'settled') this.doubt = null
  }

  /** At the tail, or over: what the server lost on the client ends the stream. */
  private rest(cursor: Cursor, cut: Cut): boolean {
    const { server, ledger } = this
    if (server === null || ledger === null) return false
    if (cursor.isOutdated) {
      this.restart('recreated', server)
      return true
    }
    if (cursor.lost) {
      ledger.expectLoss(server)
      this.disconnect()
      return false
    }
    if (cursor.atTail()) this.tellReady(cursor, cut)
    else if (server.view === server.bus || !(server.hasNews || server.isUnpublished))
      throw new Error('it waits, and there is nothing to wait for')
    return false
  }

  private restart(reason: GapReason, server: Server): void {
    this.disconnect()
    this.isOpen = true
    this.tellGap(reason, server)
    this.wish = FROM_BEGINNING
    this.start = server.begin(FROM_BEGINNING)
    this.hasToCatchUp = false
  }

  private tellGap(reason: GapReason, server: Server): void {
    if (this.ledger?.logs === server.viewLogs) this.ledger.expectGap(reason, server)
    this.id = NOTHING_YET
    this.ledger = new Ledger(server.viewLogs, this.keeps)
    this.ledger.connect(server)
    this.ledger.beginAnew(new Map(), server)
  }

  private tellReady(cursor: Cursor, cut: Cut): void {
    if (cursor.isReadyTold || !(cursor.complete || cursor.atTail())) return
    cursor.isReadyTold = true
    this.hear(cursor.id(), cut)
    this.ledger?.becomeReady()
  }

  private hear(id: string, cut: Cut): void {
    this.ledger?.hear(positionOf(id))
    this.id = id
    if (cut === 'behind') this.disconnect()
  }

  private take(bytes: Uint8Array, ledger: Ledger): void {
    const reader = new StreamReader()
    reader.feed(bytes)
    for (const { id = '', event, data } of reader.events) {
      ledger.take(positionOf(id), event, data)
      this.id = id
    }
  }

  private forget(): void {
    this.id = ''
    this.ledger = null
  }
}

function positionOf(id: string) {
  const position = parsePosition(id)
  if (position === null) throw new Error(`not an id: ${id}`)
  return position
}

function isFromNow({ from, sinceMs }: NewWish): boolean {
  return from === 'latest' && sinceMs === null
}
