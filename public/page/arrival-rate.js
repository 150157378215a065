// How many records came in a second, over the last five whole seconds.

const SECONDS = 5

export class ArrivalRate {
  /** Of the last seconds, the running one last: SECONDS + 1 numbers at most. */
  #counts = [0]

  add() {
    this.#counts[this.#counts.length - 1]++
  }

  /** Called once a second. */
  endSecond() {
    this.#counts.push(0)
    if (this.#counts.length > SECONDS + 1) this.#counts.shift()
    const whole = this.#counts.slice(0, -1)
    return whole.reduce((sum, each) => sum + each, 0) / whole.length
  }

  clear() {
    this.#counts = [0]
  }
}
