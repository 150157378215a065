// A record as Kafka delivers it, a partition's watermarks, the encodings of a frame, and what a bus keeps of a topic.

/** A record from Kafka. Offsets and timestamps are safe integers. Timestamps are epoch ms; -1 means none. */
export interface KafkaRecord {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: Uint8Array | null
  /** null: the record is a tombstone. An empty array is an empty value. */
  readonly value: Uint8Array | null
  readonly headers: readonly RecordHeader[]
}

export interface RecordHeader {
  readonly name: string
  readonly value: Uint8Array | null
}

/** Of one partition: the first retained offset (log start), and the next offset to be written (high watermark). */
export interface Watermarks {
  readonly start: number
  readonly end: number
}

/** Watermarks of every partition that Kafka lists. null: the partition's leader did not answer in time. */
export type PartitionWatermarks = ReadonlyMap<number, Watermarks | null>

export type Encoding = 'text' | 'base64' | 'envelope'

/** What a bus keeps: `latest` is the newest record of every key; `all` is every record, removed from the oldest on. */
export type Keeps = 'latest' | 'all'

/** What a client without an id gets before live records: all that the bus keeps, or nothing. */
export type Replay = Keeps | 'none'

/** What a bus has to keep for this replay. */
export function keepsFor(replay: Replay): Keeps {
  return replay === 'latest' ? 'latest' : 'all'
}
