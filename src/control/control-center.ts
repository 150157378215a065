// The one place in a process where what replicas tell each other comes in and goes out: in the main thread. Controls of
// all threads ask it, and hear from it.

import type { Renewal } from '../stream/holders.ts'
import type { Revocation } from '../token/revocation.ts'
import type { RevocationRow, Revocations } from '../token/revocations.ts'
import type { ControlFigures } from './control-figures.ts'

export interface ControlCenter {
  readonly figures: ControlFigures
  state(): ControlState
  /** Begins to read the topic. From now on the process is told what comes, and at least once a second the state. */
  start(told: ControlledProcess): void
  /** As in `Control`. The streams of this process are renewed by the caller. */
  renew(renewal: Renewal): Promise<void>
  /** Writes a revocation that holds in this process already. Rejects with ControlUnwritable; it is written later. */
  revoke(revocation: Revocation): Promise<void>
  /**
   * true for the first redemption of this nonce in the fleet, after one round trip through Kafka. Rejects with
   * ControlUnwritable; the nonce may be spent all the same.
   */
  readonly redeem: (nonce: string, expiresAtMs: number) => Promise<boolean>
  /** Resolves within 2 s. */
  close(): Promise<void>
}

export interface ControlledProcess {
  /** The table of the main thread. What is revoked elsewhere is added to it. */
  readonly revocations: Revocations
  receive(news: ControlNews): void
}

/** Plain data, which structured clone keeps whole. */
export interface ControlNews {
  /** What was revoked elsewhere. */
  readonly revocations: readonly Revocation[]
  /** The same, for a thread that was told too much at once: everything that holds. */
  readonly rows: readonly RevocationRow[]
  readonly renewals: readonly Renewal[]
  /** null: more rows follow. Until the last one it is not known what was revoked. */
  readonly state: ControlState | null
}

export interface ControlState {
  /** Why no stream may open, for an operator; null if one may. */
  readonly trouble: string | null
  /** In how many ms nothing counts as known any more, unless a state comes before. */
  readonly blindInMs: number
}
