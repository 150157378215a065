// How many records to take in one turn of the event loop: as many as can be encoded in a few milliseconds.

/** Measured with 256-byte records: 256 of them hold the loop for 2 to 4 ms. */
const RECORDS_MAX = 256
/** Larger records cost by the byte; this many take about as long. */
const BYTES_MAX = 1_048_576

export class BatchSize {
  /** How many records to ask for next, by what the last ones weighed. A run of larger ones is noticed one batch late. */
  records = RECORDS_MAX

  /** Tells what the last batch held. */
  note(records: number, bytes: number): void {
    if (records === 0) return
    const meanBytes = Math.max(1, bytes / records)
    this.records = Math.min(RECORDS_MAX, Math.max(1, Math.floor(BYTES_MAX / meanBytes)))
  }
}
