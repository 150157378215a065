// How many records to take in one turn of the event loop: as many as are encoded in a few milliseconds, by what the last ones
// took. That depends on their size, and on their topic: each frame names all its partitions.

/** Measured with 256-byte records of few partitions: 256 of them hold the loop for 1.5 to 4 ms. */
const RECORDS_MAX = 256
/** Larger records cost by the byte; this many take about as long. */
const BYTES_MAX = 1_048_576
/** What is aimed at, in ms by the clock: what else the machine does meanwhile counts, and is made good by the next batches. */
const TURN_MS = 5
/** Where nothing is known of what a record takes: with 10,000 partitions, 80 µs, that is a bit over a millisecond. */
const RECORDS_FIRST = 16
/** So many times as large as the last batch the next one is at the most, since it may be of another topic. */
const GROWTH_MAX = 4

export class BatchSize {
  /** How many records to ask for next. A run of larger or slower ones is noticed one batch late. */
  records = RECORDS_FIRST

  /** Tells what the last batch held, and for how long it held the event loop. */
  note(records: number, bytes: number, tookMs: number): void {
    if (records === 0) return
    const grown = Math.max(RECORDS_FIRST, records * GROWTH_MAX)
    const inTime = tookMs > 0 ? (records * TURN_MS) / tookMs : RECORDS_MAX
    this.records = bounded(Math.min(grown, inTime, records * bytesFit(bytes)))
  }

  /** Tells of a record that was taken alone: how long that took says little of many. */
  noteAlone(bytes: number): void {
    this.records = bounded(Math.min(this.records, bytesFit(bytes)))
  }

  /** Other partitions are read from now on: nothing is known of what their records take. */
  startOver(): void {
    this.records = Math.min(this.records, RECORDS_FIRST)
  }
}

/** How many times so many bytes may come in one batch. */
function bytesFit(bytes: number): number {
  return BYTES_MAX / Math.max(1, bytes)
}

function bounded(records: number): number {
  return Math.min(RECORDS_MAX, Math.max(1, Math.floor(records)))
}
