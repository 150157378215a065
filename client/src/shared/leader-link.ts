// A follower's link to its leader: which attempt to join counts, which batch comes next, and for how long nothing came.

import type { LeaderState, Message, Place } from './messages.ts'

/** Ticks without an answer after which a leader counts as gone. */
export const SILENT_TICKS_MAX = 3

export type Batch = Extract<Message, { type: 'batch' }>

export class LeaderLink {
  readonly #from: string
  readonly #post: (to: string, message: Message) => void
  #leader: string | null = null
  /** Counts the attempts, so that answers to an earlier one are passed over. */
  #join = 0
  /** The number of the last batch. */
  #number = 0
  #silentTicks = 0
  /** Whether the leader has answered that it has not been at this tab's place. */
  #isAwaited = false
  state: LeaderState = { state: 'connecting', reason: '' }

  constructor(from: string, post: (to: string, message: Message) => void) {
    this.#from = from
    this.#post = post
  }

  get isAwaited(): boolean {
    return this.#isAwaited
  }

  join(leader: string, place: Place): void {
    this.#leader = leader
    this.#join++
    this.#number = 0
    this.#silentTicks = 0
    this.#isAwaited = false
    this.#post(leader, { type: 'join', from: this.#from, join: this.#join, place })
  }

  leave(): void {
    if (this.#leader !== null) this.#post(this.#leader, { type: 'leave', from: this.#from, join: this.#join })
    this.forget()
  }

  /** Ignores what the leader still sends. */
  forget(): void {
    this.#leader = null
    this.#silentTicks = 0
    this.#isAwaited = false
  }

  isFrom(message: Message): boolean {
    return message.from === this.#leader && (!('join' in message) || message.join === this.#join)
  }

  waits(): void {
    this.#isAwaited = true
  }

  /** false: a batch before this one is missing, because the leader had forgotten this follower. */
  isNext({ number, state }: Batch): boolean {
    if (number !== this.#number + 1) return false
    this.#number = number
    this.#silentTicks = 0
    this.#isAwaited = false
    this.state = state
    return true
  }

  acknowledge(isAsking: boolean): void {
    const { from, join, number } = { from: this.#from, join: this.#join, number: this.#number }
    if (this.#leader !== null) this.#post(this.#leader, { type: 'ack', from, join, number, isAsking })
  }

  retry(): void {
    if (this.#leader !== null) this.#post(this.#leader, { type: 'retry', from: this.#from })
  }

  /** Whether it has been silent for too long. Also counts while it has no leader, and looks for one. */
  tick(): boolean {
    return ++this.#silentTicks > SILENT_TICKS_MAX
  }
}
