// How many records to take in one turn of the event loop: as many as are encoded in a few milliseconds. The last batch
// gives the estimate. The time depends on the size of the records. It also depends on the topic, because each frame's
// id names all its partitions.

/** Measured with 256-byte records of few partitions: 256 of them hold the loop for 1.5 to 4 ms. */
const RECORDS_MAX = 256
/** Larger records cost by the byte; this many take about as long. */
const BYTES_MAX = 1_048_576
/** Target for a turn, in ms of wall time. Other work on the machine counts too, and the next batches correct for it. */
const TURN_MS = 5
/**
 * Used while the time for a record is unknown. With 10,000 partitions a record takes 80 µs, so this is about 1.3 ms.
 */
const RECORDS_FIRST = 16
/** A batch is at most this many times as large as the last one, because it may be of another topic. */
const GROWTH_MAX = 4

export class BatchSize {
  /** How many records to ask for next. Larger or slower records are noticed one batch late. */
  records = RECORDS_FIRST

  /** Notes what the last batch held, and for how long it blocked the event loop. */
  note(records: number, bytes: number, tookMs: number): void {
    if (records === 0) return
    const grown = Math.max(RECORDS_FIRST, records * GROWTH_MAX)
    const inTime = tookMs > 0 ? (records * TURN_MS) / tookMs : RECORDS_MAX
    this.records = bounded(Math.min(grown, inTime, records * bytesFit(bytes)))
  }

  /** Notes a record that was taken alone. Its time is ignored, because it says little about a batch. */
  noteAlone(bytes: number): void {
    this.records = bounded(Math.min(this.records, bytesFit(bytes)))
  }

  /** Other partitions are read from now on, whose records may take longer. */
  startOver(): void {
    this.records = Math.min(this.records, RECORDS_FIRST)
  }
}

/** How many records of this size fit into one batch. */
function bytesFit(bytes: number): number {
  return BYTES_MAX / Math.max(1, bytes)
}

function bounded(records: number): number {
  return Math.min(RECORDS_MAX, Math.max(1, Math.floor(records)))
}
