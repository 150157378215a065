// Kafka in the resume model: a topic whose records are written, superseded, compacted away and deleted, whose leaders
// fall silent, and which is deleted and recreated under the same name.

import type { KafkaRecord, PartitionWatermarks, Watermarks } from '../../src/bus/record.ts'
import type { Routed } from './selection.ts'

/** A header of every record, with one of three values: a key often leaves one for another. */
export const ROUTE_HEADER = 'to'

export class KafkaTopic {
  logs: readonly Log[]
  /** Every topic that there was by this name. */
  made = 1
  private readonly partitions: number

  constructor(partitions: number) {
    this.partitions = partitions
    this.logs = this.make()
  }

  recreate(): void {
    this.made++
    this.logs = this.make()
  }

  /** What its leaders answer; null for those that are silent. */
  get watermarks(): PartitionWatermarks {
    return new Map(this.logs.map((log, partition) => [partition, log.isSilent ? null : log.watermarks]))
  }

  private make(): Log[] {
    return Array.from({ length: this.partitions }, (_, partition) => new Log(partition, `${this.made}`))
  }
}

export class Log {
  /** What Kafka holds. */
  readonly records: KafkaRecord[] = []
  /** Every record that was ever written, by offset. */
  readonly written = new Map<number, KafkaRecord>()
  start = 0
  /** Next offset to be written; offsets without a record are control records, or were compacted away. */
  end = 0
  /** Its leader answers nothing and hands out nothing. */
  isSilent = false
  private readonly partition: number
  private readonly topic: string
  /** When records were really written. */
  private readonly writtenAtMs = new Map<KafkaRecord, number>()
  private readonly byName = new Map<string, KafkaRecord>()
  /** The newest record of each key that was ever written. */
  private readonly newestWritten = new Map<string, KafkaRecord>()

  /** Values name the topic, so that no record of a deleted topic is taken for one of the next. */
  constructor(partition: number, topic: string) {
    this.partition = partition
    this.topic = topic
  }

  get watermarks(): Watermarks {
    return { start: this.start, end: this.end }
  }

  /** `routed`: by what it is selected. null if it has nothing but one header. */
  write(
    key: string | null,
    size: number | null,
    nowMs: number,
    timestampMs: number,
    routed: Routed | null = null,
  ): void {
    const offset = this.end++
    const field = routed?.field ?? null
    const plainName = `${this.topic}:${this.partition}/${offset} `
    const name = field === null ? plainName : `{"n":"${plainName}`
    const filling = 'x'.repeat(size ?? 0)
    const text = field === null ? name + filling : `${name}","t":${field},"x":"${filling}"}`
    const record: KafkaRecord = {
      partition: this.partition,
      offset,
      timestampMs,
      key: key === null ? null : Buffer.from(key),
      value: size === null ? null : Buffer.from(text),
      headers: routed?.headers ?? [{ name: ROUTE_HEADER, value: Buffer.from(`${(offset * offset) % 3}`) }],
    }
    this.records.push(record)
    this.written.set(offset, record)
    this.writtenAtMs.set(record, nowMs)
    this.byName.set(name, record)
    if (key !== null) this.newestWritten.set(key, record)
  }

  writeControl(): void {
    this.end++
  }

  /** The record that a value names. */
  named(value: string): KafkaRecord | undefined {
    return this.byName.get(value.slice(0, value.indexOf(' ') + 1))
  }

  /** The first record that Kafka holds at this offset or after it. */
  firstFrom(offset: number): KafkaRecord | undefined {
    let [from, to] = [0, this.records.length]
    while (from < to) {
      const middle = (from + to) >> 1
      if ((this.records[middle]?.offset ?? 0) < offset) from = middle + 1
      else to = middle
    }
    return this.records[from]
  }

  /** DeleteRecords, or retention. */
  deleteBefore(offset: number): void {
    this.start = Math.max(this.start, Math.min(offset, this.end))
    this.keep((record) => record.offset >= this.start)
  }

  /**
   * As the log cleaner: drops superseded records if `goes` says so, and tombstones written before `horizonMs`. A
   * running server always reads a tombstone in time, so tombstones go below `readTo` only. So do values that were
   * written after `valuesHorizonMs`.
   */
  compact(
    goes: (record: KafkaRecord) => boolean,
    horizonMs: number,
    readTo: number,
    valuesHorizonMs = Number.POSITIVE_INFINITY,
  ): void {
    const newest = newestOf(this.records)
    this.keep((record) => {
      if (record.key === null || record.offset === this.end - 1) return true
      const isYoung = (this.writtenAtMs.get(record) ?? 0) > valuesHorizonMs && record.offset >= readTo
      if (newest.get(record.key.toString()) !== record) return isYoung || !goes(record)
      if (record.value !== null || record.offset >= readTo) return true
      if ((this.writtenAtMs.get(record) ?? 0) > horizonMs) return true
      return this.hasOlder(record) // a tombstone outlives what it deletes
    })
  }

  /** The newest record of each key among all that were written below `offset`. */
  newest(offset: number): Map<string, KafkaRecord> {
    return newestOf([...this.written.values()].filter((record) => record.offset < offset))
  }

  /** Whether a newer record of its key was ever written. */
  isSuperseded({ key, offset }: KafkaRecord): boolean {
    return key !== null && (this.newestWritten.get(key.toString())?.offset ?? -1) > offset
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
