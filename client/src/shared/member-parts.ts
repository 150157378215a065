// What a member needs of its tab. Types only.

import type { FollowerLimits } from './followers.ts'
import type { Entry, Failure, Message } from './messages.ts'

export interface TabLimits extends FollowerLimits {
  /** What is kept for tabs that join, in UTF-16 units. */
  readonly logUnitsMax: number
}

export interface MemberParts {
  readonly limits: TabLimits
  /** Not that of any other tab. */
  readonly id: string
  readonly lastEventId: string
  /** `to`: the ID of a tab; null: all others. Messages of one tab to another keep their order. */
  readonly post: (to: string | null, message: Message) => void
  readonly deliver: (entry: Entry) => void
  /** Whether the consumer has too much to read. */
  readonly isFull: () => boolean
  /** Opens the connection of this tab, which resumes after the event ID. */
  readonly open: (lastEventId: string) => void
  readonly shut: () => void
  /** Asks for the lock: in turn, or at once, from a tab that has it (`steal`). Answered by `elected`. */
  readonly stand: (steal: boolean) => void
  /** Gives the lock back. */
  readonly resign: () => void
  /** Ends a wait of this tab's connection. */
  readonly retry: () => void
  readonly failed: (failure: Failure) => void
  /** The role, or the state of the leader, may have changed. */
  readonly changed: () => void
  /** Calls back when the events of this turn of the event loop have come. */
  readonly soon: (flush: () => void) => void
}
