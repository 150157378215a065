// What a client has of a topic of numbered records: the next number due in each partition, and those that were skipped.
// A few numbers are enough for a client of 360,000 records.

/** Numbers passed over that are remembered, to be told late from twice; those beyond are only counted as lost. */
const MISSING_MAX = 100_000

export class Ledger {
  received = 0
  twice = 0
  outOfOrder = 0
  /** By partition, the number that is due next: the client's position, since numbers are offsets. */
  readonly due: number[]
  readonly #missing: Set<number>[]
  #forgotten = 0

  constructor(partitions: number) {
    this.due = new Array<number>(partitions).fill(0)
    this.#missing = Array.from({ length: partitions }, () => new Set<number>())
  }

  /** Takes a record; returns what is wrong with its coming now, in words, or null. */
  take(partition: number, number: number): string | null {
    const due = this.due[partition]
    if (due === undefined) return `there is no partition ${partition}`
    this.received++
    if (number < due) return this.#takeLate(partition, number, due)
    this.due[partition] = number + 1
    if (number === due) return null
    this.#miss(partition, due, number)
    return `partition ${partition}: ${number} came where ${due} was due, ${number - due} passed over`
  }

  /** Whether it has the last record of each partition; `produced` counts them. */
  hasReached(produced: readonly number[]): boolean {
    return produced.every((count, partition) => this.due[partition] === count)
  }

  /** Records that have not come. */
  lost(produced: readonly number[]): number {
    const behind = produced.reduce((sum, count, partition) => sum + count - (this.due[partition] ?? 0), 0)
    return behind + this.#missing.reduce((sum, { size }) => sum + size, this.#forgotten)
  }

  #takeLate(partition: number, number: number, due: number): string {
    const isMissing = this.#missing[partition]?.delete(number)
    if (isMissing) this.outOfOrder++
    else this.twice++
    const fault = isMissing ? 'out of order' : 'twice'
    return `partition ${partition}: ${number} came ${fault} where ${due} was due`
  }

  #miss(partition: number, from: number, to: number): void {
    const missing = this.#missing[partition]
    for (let number = from; number < to; number++) {
      if (missing !== undefined && missing.size < MISSING_MAX) missing.add(number)
      else this.#forgotten++
    }
  }
}
