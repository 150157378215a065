// What a tab knows of its own connection.

import type { LeaderState } from './messages.ts'

/** Of a connection that has not told more yet. */
export const CONNECTING: LeaderState = { state: 'connecting', reason: '' }
/** Ticks in which a leader's connection may be opened, or opened again, before another tab's is better. */
const CLOSED_TICKS_MAX = 3

export class OwnConnection {
  #state = CONNECTING
  /** Whether it has said `ready` since it was opened last. */
  #isReady = false
  #closedTicks = 0

  get state(): LeaderState {
    return this.#state
  }

  get isReady(): boolean {
    return this.#isReady
  }

  get canLead(): boolean {
    return this.isOpen && this.#isReady
  }

  get isOpen(): boolean {
    return this.#state.state === 'open'
  }

  begin(): void {
    this.#state = CONNECTING
    this.#isReady = false
    this.#closedTicks = 0
  }

  changed(state: LeaderState): void {
    this.#state = state
    // A gap may follow, which only this connection tells.
    if (this.isOpen) this.#isReady = false
  }

  ready(): void {
    this.#isReady = true
  }

  /** Call it once a tick. */
  isClosedForLong(): boolean {
    this.#closedTicks = this.isOpen ? 0 : this.#closedTicks + 1
    return this.#closedTicks > CLOSED_TICKS_MAX
  }
}
