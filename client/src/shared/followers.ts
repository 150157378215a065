// The followers of a leading tab: what each of them still gets. Promise: at most `followersMax`, and for each at most
// `unitsAheadMax` units that it has not acknowledged, and one batch more. A follower beyond that, or that has been
// silent for SILENT_TICKS_MAX, is forgotten: it notices, and goes on by itself from its own place.

import { type EventLog, unitsOf } from './event-log.ts'
import type { Entry, LeaderState, Message, Place } from './messages.ts'

/** Ticks until a follower counts as gone: three minutes, because a hidden page may have one timer a minute. */
const SILENT_TICKS_MAX = 180

interface Follower {
  readonly join: number
  /** Where it is, until the leader has been there, too; null: it gets every entry. */
  awaited: Place | null
  /** Of the last batch. */
  number: number
  /** The units of each batch that was not acknowledged, and their sum. */
  readonly unacknowledged: { number: number; units: number }[]
  unitsAhead: number
  silentTicks: number
}

/** What a tab asks of its leader. */
export type Question = Extract<Message, { type: 'seek' | 'ask' | 'join' | 'ack' }>

export interface FollowerLimits {
  readonly followersMax: number
  /** A page that is frozen by its browser takes no messages, and they would pile up there. In UTF-16 units. */
  readonly unitsAheadMax: number
}

export interface FollowersParts {
  readonly limits: FollowerLimits
  readonly from: string
  readonly log: EventLog
  readonly post: (to: string, message: Message) => void
  readonly state: () => LeaderState
  /** Calls back when the events of this turn of the event loop have come. */
  readonly soon: (flush: () => void) => void
}

export class Followers {
  readonly #parts: FollowersParts
  readonly #byId = new Map<string, Follower>()
  /** In the log, and not yet with the followers. */
  #pending: Entry[] = []

  constructor(parts: FollowersParts) {
    this.#parts = parts
  }

  /** The entry is in the log already. Those of one turn go out as one batch. */
  tell(entry: Entry): void {
    if (this.#byId.size === 0) return
    if (this.#pending.push(entry) === 1) this.#parts.soon(() => this.#flush())
  }

  /** The state of the leader's connection has changed. */
  tellState(): void {
    this.#flush()
    for (const [id, follower] of this.#byId) {
      if (follower.awaited === null) this.#send(id, follower, [])
    }
  }

  failed(message: Message): void {
    for (const id of this.#byId.keys()) this.#parts.post(id, message)
  }

  answer(question: Question): void {
    // The log has what is pending, so a tab that joins now would get it twice.
    this.#flush()
    const { type, from } = question
    if (type === 'seek') this.#parts.post(from, { type: 'lead', from: this.#parts.from })
    else if (type === 'join') this.#join(from, question.join, question.place)
    else if (type === 'ack') this.#acknowledged(question)
    else if (this.#hasRoomFor(from) && this.#parts.log.after(question.place) !== null) {
      this.#parts.post(from, { type: 'known', from: this.#parts.from })
    }
  }

  leave(from: string, join: number): void {
    if (this.#byId.get(from)?.join === join) this.#byId.delete(from)
  }

  /** Forgets all of them, after what is pending. */
  forget(): void {
    this.#flush()
    this.#byId.clear()
  }

  tick(): void {
    for (const [id, follower] of this.#byId) {
      if (++follower.silentTicks > SILENT_TICKS_MAX) this.#byId.delete(id)
    }
  }

  #join(from: string, join: number, place: Place): void {
    const missed = this.#parts.log.after(place)
    if (!this.#hasRoomFor(from) || (missed === null && place.id === '')) {
      this.#byId.delete(from)
      this.#parts.post(from, { type: 'refuse', from: this.#parts.from, join })
      return
    }
    const awaited = missed === null ? place : null
    const follower = { join, awaited, number: 0, unacknowledged: [], unitsAhead: 0, silentTicks: 0 }
    this.#byId.set(from, follower)
    if (missed !== null) this.#send(from, follower, missed)
    else this.#parts.post(from, { type: 'wait', from: this.#parts.from, join })
  }

  #acknowledged({ from, join, number, isAsking }: Extract<Message, { type: 'ack' }>): void {
    const follower = this.#byId.get(from)
    if (follower?.join !== join) {
      this.#parts.post(from, { type: 'gone', from: this.#parts.from, join })
      return
    }
    follower.silentTicks = 0
    const { unacknowledged } = follower
    while ((unacknowledged[0]?.number ?? Number.POSITIVE_INFINITY) <= number) {
      follower.unitsAhead -= unacknowledged.shift()?.units ?? 0
    }
    if (isAsking && follower.awaited === null) this.#send(from, follower, [])
  }

  #flush(): void {
    const entries = this.#pending
    this.#pending = []
    if (entries.length === 0) return
    for (const [id, follower] of this.#byId) {
      if (follower.awaited === null) this.#send(id, follower, entries)
      else this.#meet(id, follower, follower.awaited)
    }
  }

  #meet(id: string, follower: Follower, place: Place): void {
    const missed = this.#parts.log.after(place)
    if (missed === null) return
    follower.awaited = null
    this.#send(id, follower, missed)
  }

  #send(id: string, follower: Follower, entries: readonly Entry[]): void {
    const { from, state, post } = this.#parts
    const { join } = follower
    const number = ++follower.number
    const units = entries.reduce((sum, entry) => sum + unitsOf(entry), 0)
    follower.unacknowledged.push({ number, units })
    follower.unitsAhead += units
    post(id, { type: 'batch', from, join, number, entries, state: state() })
    if (follower.unitsAhead > this.#parts.limits.unitsAheadMax) this.#byId.delete(id)
  }

  #hasRoomFor(from: string): boolean {
    return this.#byId.has(from) || this.#byId.size < this.#parts.limits.followersMax
  }
}
