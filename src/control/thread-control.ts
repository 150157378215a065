// The control of one thread: decides by what the main thread has told it, and acts on the thread's streams. Promise: a
// thread that hears nothing any more counts as blind by itself, in the same time.

import type { Clock } from '../stream/clock.ts'
import type { Renewal } from '../stream/holders.ts'
import type { Revocation } from '../token/revocation.ts'
import { type RevocationRow, type Revocations, revocationIn } from '../token/revocations.ts'
import type { Control } from './control.ts'
import type { ControlCenter, ControlNews, ControlState } from './control-center.ts'

/** The streams of this thread. */
export interface ControlledStreams {
  readonly revocations: Pick<Revocations, 'put'>
  renewHere(renewal: Renewal): unknown
  revokeHere(revocation: Revocation): unknown
  /** Ends all streams that are open now. */
  endAll(): unknown
}

export interface ThreadControlParts {
  readonly center: Pick<ControlCenter, 'renew'>
  readonly streams: ControlledStreams
  /** What happens to open streams when this thread goes blind. */
  readonly whenBlind: 'continue' | 'end'
  readonly clock: Clock
}

/** How often a thread looks whether it is blind. */
const LOOK_MS = 250
const UNTOLD = 'what was revoked is not known in this thread yet'
const BLIND = 'nothing has been heard of the control topic for too long'

export class ThreadControl implements Control {
  private readonly parts: ThreadControlParts
  /** null: nothing was told yet, or not everything that was revoked. */
  private state: ControlState | null = null
  /** When the state came. */
  private toldAt = { nowMs: 0, epochMs: 0 }
  private wasBlind = false
  private readonly looking: NodeJS.Timeout

  constructor(parts: ThreadControlParts) {
    this.parts = parts
    this.looking = setInterval(() => this.look(), LOOK_MS).unref()
  }

  trouble(): string | null {
    if (this.state === null) return UNTOLD
    return this.state.trouble ?? (this.isBlind ? BLIND : null)
  }

  renew(renewal: Renewal): Promise<void> {
    return this.parts.center.renew(renewal)
  }

  receive({ rows, revocations, renewals, state }: ControlNews): void {
    const { streams, clock } = this.parts
    for (const row of rows) this.take(row)
    // Revocations first, so that a revoked session renews nothing.
    for (const revocation of revocations) streams.revokeHere(revocation)
    for (const renewal of renewals) streams.renewHere(renewal)
    this.state = state
    this.toldAt = { nowMs: clock.nowMs(), epochMs: clock.epochMs() }
    this.look()
  }

  /** Of a table that came whole, because too much was revoked to tell one by one: streams that are open end, too. */
  private take(row: RevocationRow): void {
    const { streams } = this.parts
    const revocation = revocationIn(row)
    if (revocation === null) streams.revocations.put(row)
    else streams.revokeHere(revocation)
  }

  close(): void {
    clearInterval(this.looking)
  }

  private get isBlind(): boolean {
    if (this.state === null) return false
    const { clock } = this.parts
    const { nowMs, epochMs } = this.toldAt
    return Math.max(clock.nowMs() - nowMs, clock.epochMs() - epochMs) >= this.state.blindInMs
  }

  /** Ends streams once, when blindness begins: none opens while it lasts. */
  private look(): void {
    const { isBlind } = this
    if (isBlind && !this.wasBlind && this.parts.whenBlind === 'end') this.parts.streams.endAll()
    this.wasBlind = isBlind
  }
}
