// Those who wait for one thing, until it comes; from then on those whose turn is still to come. To wake them costs the same
// however many they are. A list is used again once all have had their turns: it holds as much room as it ever needed.

import type { BusView } from '../bus/bus-view.ts'

/** What a worker waits for after a piece of work: its next turn, its bus's next publish or catching up, or somebody's `enqueue`. */
export type Waits = 'turn' | 'publish' | 'catch-up' | 'call'

export interface Pumped {
  readonly bus: BusView
  /** Does one bounded piece of work. */
  work(): Waits
  /** What its last piece of work wrote. */
  readonly writtenBytes: number
  /** Those among whom it waits for its bus, null when it does not, and its place there: the pump's own. */
  waitsIn: WaitingList | null
  waitsAt: number
  /** Whether it is queued for a turn: the pump's own. */
  isQueued: boolean
}

export class WaitingList {
  /** Their turn comes: nobody is added any more. */
  isWoken = false
  /** Free places hold null. */
  private readonly members: (Pumped | null)[] = []
  private count = 0
  /** Where among them the turns begin, and how many had theirs. */
  private first = 0
  private taken = 0

  get isEmpty(): boolean {
    return this.count === 0
  }

  add(pumped: Pumped): void {
    pumped.waitsIn = this
    this.put(pumped, this.count++)
  }

  /** Once woken they keep their places: a turn that comes to nothing costs less than to move the others. */
  leave(pumped: Pumped): void {
    if (this.isWoken) return
    const last = this.members[--this.count] ?? pumped
    this.put(last, pumped.waitsAt)
    this.members[this.count] = null
    pumped.waitsIn = null
  }

  /** `from`: the share of them behind which the turns begin. */
  wake(from: number): void {
    this.isWoken = true
    this.first = Math.floor(from * this.count)
  }

  /** The next whose turn comes, who is in no list then; undefined where all had theirs. */
  take(): Pumped | undefined {
    if (this.taken === this.count) return undefined
    const at = (this.first + this.taken++) % this.count
    const pumped = this.members[at] ?? undefined
    this.members[at] = null
    if (pumped !== undefined) pumped.waitsIn = null
    return pumped
  }

  /** Nobody is in it: it may be used again. */
  reset(): void {
    this.isWoken = false
    this.count = 0
    this.taken = 0
  }

  private put(pumped: Pumped, at: number): void {
    this.members[at] = pumped
    pumped.waitsAt = at
  }
}
