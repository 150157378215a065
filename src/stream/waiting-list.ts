// Streams that wait for the same event of their bus. Once the list is woken: those whose turns are still to come.
// Promise: waking takes constant time. A list is reused after all turns, and keeps the memory of its longest use.

import type { BusView } from '../bus/bus-view.ts'

/** What a stream waits for after a turn: its next turn, the bus's next publish or catch-up, or a call of `enqueue`. */
export type Waits = 'turn' | 'publish' | 'catch-up' | 'call'

export interface Pumped {
  readonly bus: BusView
  /** Does one bounded piece of work. */
  work(): Waits
  /** Bytes that the last piece of work wrote. */
  readonly writtenBytes: number
  /**
   * The list in which the stream waits for its bus, and its place there; null if it does not. Only the list sets both.
   */
  waitsIn: WaitingList | null
  waitsAt: number
  /** Whether the stream is queued for a turn. Only the pump sets it. */
  isQueued: boolean
}

export class WaitingList {
  /** Whether the list's streams have their turns now. Then no stream is added any more. */
  isWoken = false
  /** Free places are null. */
  private readonly places: (Pumped | null)[] = []
  private count = 0
  /** The place at which the turns begin, and how many streams had theirs. */
  private first = 0
  private taken = 0

  get isEmpty(): boolean {
    return this.count === 0
  }

  add(pumped: Pumped): void {
    pumped.waitsIn = this
    this.put(pumped, this.count++)
  }

  /** After `wake` a stream keeps its place, because an empty turn costs less than moving the others. */
  leave(pumped: Pumped): void {
    if (this.isWoken) return
    const last = this.places[--this.count] ?? pumped
    this.put(last, pumped.waitsAt)
    this.places[this.count] = null
    pumped.waitsIn = null
  }

  /** `from`: where the turns begin, as a share of the list. */
  wake(from: number): void {
    this.isWoken = true
    this.first = Math.floor(from * this.count)
  }

  /** Removes the stream whose turn is next and returns it; undefined if all had theirs. */
  take(): Pumped | undefined {
    if (this.taken === this.count) return undefined
    const at = (this.first + this.taken++) % this.count
    const pumped = this.places[at] ?? undefined
    this.places[at] = null
    if (pumped !== undefined) pumped.waitsIn = null
    return pumped
  }

  /** Makes an empty list ready for reuse. */
  reset(): void {
    this.isWoken = false
    this.count = 0
    this.taken = 0
  }

  private put(pumped: Pumped, at: number): void {
    this.places[at] = pumped
    pumped.waitsAt = at
  }
}
