// One tab among those that share a stream: whom it follows, when it leads, and when it needs a connection of its own.
// Pure: no clock, no channel, no lock. Promise: it delivers every step after its place, each once, from one source at a
// time, and changes the source only at its own place.

import type { StreamEvent } from '../options.ts'
import { EventLog } from './event-log.ts'
import { Followers } from './followers.ts'
import { type Batch, LeaderLink, SILENT_TICKS_MAX } from './leader-link.ts'
import type { MemberParts } from './member-parts.ts'
import type { Entry, Failure, LeaderState, Message } from './messages.ts'
import { CONNECTING, OwnConnection } from './own-connection.ts'
import { RejoinPace } from './rejoin-pace.ts'
import { hasConnection, isWithLeader, type Role } from './role.ts'

export class Member {
  readonly #parts: MemberParts
  readonly #log: EventLog
  readonly #followers: Followers
  readonly #link: LeaderLink
  #role: Role = 'seeking'
  readonly #own = new OwnConnection()
  readonly #pace = new RejoinPace()
  #fullTicks = 0

  constructor(parts: MemberParts) {
    const { id, lastEventId, post, limits } = parts
    this.#parts = parts
    this.#log = new EventLog({ recordId: lastEventId, id: lastEventId, isReady: false }, limits.logUnitsMax)
    this.#followers = new Followers({ ...parts, from: id, log: this.#log, state: () => this.#own.state })
    this.#link = new LeaderLink(id, post)
  }

  get role(): Role {
    return this.#role
  }

  /** The state of the connection that its events come from. */
  get state(): LeaderState {
    if (hasConnection(this.#role)) return this.#own.state
    return this.#role === 'following' ? this.#link.state : CONNECTING
  }

  start(): void {
    this.#seek()
    this.#parts.stand(false)
  }

  /** Has nothing more that others wait for, until its consumer has room, its page goes on, or for good. */
  leave(role: 'behind' | 'stopped' | 'closed'): void {
    this.#link.leave()
    this.#followers.forget()
    this.#parts.resign()
    this.#parts.shut()
    this.#become(role)
  }

  /** Only the server knows what came meanwhile, and what Kafka has dropped of it. */
  goOn(): void {
    this.#goAlone()
    this.#parts.stand(false)
  }

  /** This tab has the lock. */
  elected(): void {
    if (this.#role === 'closed') return
    this.#link.leave()
    this.#fullTicks = 0
    if (!hasConnection(this.#role)) this.#open()
    this.#become('leading')
    this.#parts.post(null, { type: 'lead', from: this.#parts.id })
  }

  /** The lock was taken away, because another tab got no answer. An open connection it keeps until it can follow. */
  deposed(): void {
    if (this.#role === 'leading') this.#stopLeading()
  }

  /** There is no lock that it could get, so it never leads. It follows where another tab can. */
  isolated(): void {
    if (!hasConnection(this.#role) && this.#role !== 'closed') this.#goAlone()
  }

  /** An event of its own connection. */
  own(event: StreamEvent): void {
    if (!hasConnection(this.#role)) return
    this.#takeOwn({ id: event.id, event })
    if (event.type !== 'ready') return
    this.#own.ready()
    if (this.#role === 'alone') this.#ask()
  }

  /** Its own connection has moved on without an event. */
  ownMoved(id: string): void {
    if (hasConnection(this.#role) && id !== this.#log.place.id) this.#takeOwn({ id, event: null })
  }

  ownChanged(state: LeaderState): void {
    if (!hasConnection(this.#role)) return
    this.#own.changed(state)
    if (this.#role === 'leading') this.#followers.tellState()
    this.#parts.changed()
  }

  ownFailed(failure: Failure): void {
    if (this.#role === 'leading') this.#followers.failed({ type: 'failure', from: this.#parts.id, failure })
  }

  retryNow(): void {
    if (hasConnection(this.#role)) this.#parts.retry()
    else this.#link.retry()
  }

  /** Once a second, or less often in a page that its browser slows down. */
  tick(): void {
    this.#pace.tick()
    this.#followers.tick()
    if (this.#role === 'leading') this.#lead()
    else if (this.#role === 'alone') this.#ask()
    else if (this.#role === 'behind' && !this.#parts.isFull()) this.start()
    else if (isWithLeader(this.#role) || this.#role === 'seeking') this.#listen()
  }

  receive(message: Message): void {
    const { type, from } = message
    if (this.#role === 'closed') return
    if (type === 'seek' || type === 'ask' || type === 'join' || type === 'ack') {
      if (this.#role === 'leading') this.#followers.answer(message)
      else if ('join' in message)
        this.#parts.post(from, { type: 'gone', from: this.#parts.id, join: message.join })
    } else if (type === 'leave') this.#followers.leave(from, message.join)
    else if (type === 'retry') this.#parts.retry()
    else if (type === 'lead') this.#hearOf(from)
    else if (type === 'yield') this.#takeOver()
    else if (type === 'known') this.#heardThatItCanJoin(from)
    else if (isWithLeader(this.#role) && this.#link.isFrom(message)) this.#hear(message)
  }

  /** Also where it follows this leader already, which may have forgotten its followers when it was elected again. */
  #hearOf(leader: string): void {
    if (this.#role === 'alone') this.#ask()
    else if (this.#role === 'seeking' || isWithLeader(this.#role)) this.#join(leader)
  }

  #heardThatItCanJoin(leader: string): void {
    if (this.#role !== 'alone' || !this.#own.isReady) return
    this.#parts.shut()
    this.#join(leader)
  }

  #takeOver(): void {
    if (this.#own.isBetter(this.#role, this.#link.state) && !this.#parts.isFull()) this.#parts.stand(true)
  }

  #hear(message: Message): void {
    if (message.type === 'batch') this.#takeBatch(message)
    else if (message.type === 'failure') this.#parts.failed(message.failure)
    else if (message.type === 'wait') this.#link.waits()
    else if (message.type === 'gone') this.#seek()
    else if (message.type === 'refuse') this.#goAlone()
  }

  #takeBatch(batch: Batch): void {
    if (!this.#link.isNext(batch)) return void this.#join(batch.from)
    this.#pace.joined()
    this.#own.hear(batch.state)
    for (const entry of batch.entries) this.#take(entry)
    this.#become('following')
    this.#link.acknowledge(false)
    // As a leader it would have a connection that it cannot read.
    if (this.#parts.isFull()) this.leave('behind')
  }

  #takeOwn(entry: Entry): void {
    this.#take(entry)
    if (this.#role === 'leading') this.#followers.tell(entry)
  }

  #take(entry: Entry): void {
    this.#log.append(entry)
    this.#parts.deliver(entry)
  }

  /** A slow consumer slows the leader's connection, so the others must not depend on it. */
  #lead(): void {
    if (this.#own.isClosedForLong()) this.#parts.post(null, { type: 'yield', from: this.#parts.id })
    this.#fullTicks = this.#parts.isFull() ? this.#fullTicks + 1 : 0
    if (this.#fullTicks < SILENT_TICKS_MAX) return
    this.#parts.resign()
    this.#stopLeading()
  }

  #stopLeading(): void {
    this.#followers.forget()
    if (this.#own.isOpen) {
      this.#become('alone')
      this.#ask()
    } else {
      this.#parts.shut()
      this.#seek()
    }
    this.#parts.stand(false)
  }

  /** Whether a leader knows its place, so that its own connection is not needed any more. */
  #ask(): void {
    if (!this.#own.isReady || this.#pace.isPaused) return
    this.#parts.post(null, { type: 'ask', from: this.#parts.id, place: this.#log.place })
  }

  #listen(): void {
    const isSilent = this.#link.tick()
    // The leader lives, but has not been at this tab's place, and may never be there.
    if (isSilent && this.#link.isAwaited) {
      this.#link.leave()
      this.#pace.failed()
      this.#goAlone()
    } else if (isSilent) {
      this.#seek()
      this.#parts.stand(true)
    } else if (this.#role === 'following') this.#link.acknowledge(true)
    else if (this.#role === 'seeking') this.#parts.post(null, { type: 'seek', from: this.#parts.id })
  }

  #seek(): void {
    this.#link.forget()
    this.#become('seeking')
    this.#parts.post(null, { type: 'seek', from: this.#parts.id })
  }

  #join(leader: string): void {
    this.#become('joining')
    this.#link.join(leader, this.#log.place)
  }

  #goAlone(): void {
    this.#open()
    this.#become('alone')
  }

  #open(): void {
    this.#own.begin()
    this.#parts.open(this.#log.place.id)
  }

  #become(role: Role): void {
    this.#role = role
    this.#parts.changed()
  }
}
