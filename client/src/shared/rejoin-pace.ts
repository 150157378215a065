// When a tab with a connection of its own asks again to join a leader that could not take it up.

const FIRST_TICKS = 4
const TICKS_MAX = 256

export class RejoinPace {
  #ticks = 0
  #askAtTick = 0
  /** Doubled by each failure. */
  #waitTicks = FIRST_TICKS

  get isPaused(): boolean {
    return this.#ticks < this.#askAtTick
  }

  tick(): void {
    this.#ticks++
  }

  failed(): void {
    this.#askAtTick = this.#ticks + this.#waitTicks
    this.#waitTicks = Math.min(this.#waitTicks * 2, TICKS_MAX)
  }

  joined(): void {
    this.#waitTicks = FIRST_TICKS
  }
}
