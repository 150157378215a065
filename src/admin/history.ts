// The last ten minutes of the process for the charts of the status page. Promise: a ring of a fixed size, 14,400 bytes,
// for as long as the process lives.

/** What is noted of a moment. `null` where nothing was measured. */
export interface HistorySample {
  /** In epoch ms. */
  readonly atMs: number
  readonly streams: number
  /** In a second, since the sample before. */
  readonly recordsPerSecond: number
  /** From Kafka's timestamp to the wire, of what was delivered since the sample before. */
  readonly latencyP50Ms: number | null
  readonly latencyP99Ms: number | null
  /** The longest of all threads. */
  readonly loopDelayP99Ms: number
}

/** The samples as columns, the oldest first. */
export type HistoryColumns = { readonly [Name in keyof HistorySample]: readonly HistorySample[Name][] }

export const SAMPLE_EVERY_MS = 2_000
const SAMPLES = 300
const COLUMNS = [
  'atMs',
  'streams',
  'recordsPerSecond',
  'latencyP50Ms',
  'latencyP99Ms',
  'loopDelayP99Ms',
] as const satisfies readonly (keyof HistorySample)[]

export class History {
  private readonly ring = new Float64Array(SAMPLES * COLUMNS.length)
  /** Samples that were added so far: the next one is at this number, modulo SAMPLES. */
  private added = 0

  get bytes(): number {
    return this.ring.byteLength
  }

  add(sample: HistorySample): void {
    const row = (this.added++ % SAMPLES) * COLUMNS.length
    for (const [column, name] of COLUMNS.entries()) this.ring[row + column] = sample[name] ?? Number.NaN
  }

  /** The newest sample; null before the first one. */
  latest(): HistorySample | null {
    return this.added === 0 ? null : this.sample(this.added - 1)
  }

  columns(): HistoryColumns {
    const first = Math.max(0, this.added - SAMPLES)
    const samples = Array.from({ length: this.added - first }, (_, at) => this.sample(first + at))
    const columns = COLUMNS.map((name) => [name, samples.map((sample) => sample[name])])
    return Object.fromEntries(columns) // one entry for each name
  }

  private sample(number: number): HistorySample {
    const row = (number % SAMPLES) * COLUMNS.length
    const values = COLUMNS.map((name, column) => [name, this.valueAt(row + column)])
    return Object.fromEntries(values) // one entry for each name
  }

  /** JSON has no NaN. */
  private valueAt(at: number): number | null {
    const value = this.ring[at] ?? Number.NaN
    return Number.isNaN(value) ? null : value
  }
}
