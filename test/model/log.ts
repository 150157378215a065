// Kafka as the resume tests see it: partitions whose records are written, superseded, compacted away and deleted.

import type { KafkaRecord, Watermarks } from '../../src/topic.ts'

export class Log {
  /** What Kafka holds. */
  readonly records: KafkaRecord[] = []
  /** Every record that was ever written, by offset. */
  readonly written = new Map<number, KafkaRecord>()
  start = 0
  /** Next offset to be written; offsets without a record are control records, or were compacted away. */
  end = 0
  private readonly partition: number

  constructor(partition: number) {
    this.partition = partition
  }

  get watermarks(): Watermarks {
    return { start: this.start, end: this.end }
  }

  write(key: string | null, size: number | null, timestampMs: number): void {
    const offset = this.end++
    const name = `${this.partition}/${offset} `
    const record = {
      partition: this.partition,
      offset,
      timestampMs,
      key: key === null ? null : Buffer.from(key),
      value: size === null ? null : Buffer.from(name.padEnd(name.length + size, 'x')),
      headers: [],
    }
    this.records.push(record)
    this.written.set(offset, record)
  }

  writeControl(): void {
    this.end++
  }

  /** DeleteRecords, or retention. */
  deleteBefore(offset: number): void {
    this.start = Math.max(this.start, Math.min(offset, this.end))
    this.keep((record) => record.offset >= this.start)
  }

  /**
   * As the log cleaner: superseded records go where `goes` says so, and tombstones written before `horizonMs`. That is: no
   * server that runs takes longer to read a tombstone than it is kept, so they go below `readTo` only.
   */
  compact(goes: (record: KafkaRecord) => boolean, horizonMs: number, readTo: number): void {
    const newest = newestOf(this.records)
    this.keep((record) => {
      if (record.key === null || record.offset === this.end - 1) return true
      if (newest.get(record.key.toString()) !== record) return !goes(record)
      if (record.value !== null || record.timestampMs > horizonMs || record.offset >= readTo) return true
      return this.hasOlder(record) // a tombstone outlives what it deletes
    })
  }

  /** The newest record of each key among all that were written below `offset`. */
  newest(offset: number): Map<string, KafkaRecord> {
    return newestOf([...this.written.values()].filter((record) => record.offset < offset))
  }

  private hasOlder({ key, offset }: KafkaRecord): boolean {
    return this.records.some((other) => other.offset < offset && other.key?.toString() === key?.toString())
  }

  private keep(stays: (record: KafkaRecord) => boolean): void {
    const kept = this.records.filter(stays)
    this.records.length = 0
    this.records.push(...kept)
  }
}

function newestOf(records: readonly KafkaRecord[]): Map<string, KafkaRecord> {
  const keyed = records.filter(({ key }) => key !== null)
  return new Map(keyed.map((record) => [String(record.key), record]))
}
