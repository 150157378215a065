// What a tab knows of its own connection.

import type { LeaderState } from './messages.ts'
import type { Role } from './role.ts'

/** Of a connection that has not told more yet. */
export const CONNECTING: LeaderState = { state: 'connecting', reason: '' }
/** Ticks in which a leader's connection may be opened, or opened again, before another tab's is better. */
const CLOSED_TICKS_MAX = 3

export class OwnConnection {
  #state = CONNECTING
  /** Whether it has said `ready` since it was opened last. */
  #isReady = false
  /** Whether getToken of this tab failed the last time, and no tab has had a connection since. */
  #lacksToken = false
  #closedTicks = 0

  get state(): LeaderState {
    return this.#state
  }

  get isReady(): boolean {
    return this.#isReady
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
    this.#lacksToken ||= state.reason === 'token'
    this.hear(state)
    // A gap may follow, which only this connection tells.
    if (this.isOpen) this.#isReady = false
  }

  /** The state of the connection that this tab gets its events from. */
  hear({ state }: LeaderState): void {
    if (state === 'open') this.#lacksToken = false
  }

  /** Whether this tab should lead in place of one whose connection does not open. */
  isBetter(role: Role, leader: LeaderState): boolean {
    // Over HTTP/1.1 a browser has six connections, so the leader may be waiting for the end of this one.
    if (role === 'alone') return this.isOpen && this.#isReady
    return role === 'following' && leader.reason === 'token' && !this.#lacksToken
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
