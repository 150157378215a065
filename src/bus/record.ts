// A record as Kafka hands it over, how it may be encoded, how much a bus keeps of a topic, and how far a partition reaches.

/** A record as it came from Kafka. Offsets and timestamps are safe integers; timestamps are epoch ms, -1 if none. */
export interface KafkaRecord {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: Uint8Array | null
  /** null is a tombstone; empty is an empty value. */
  readonly value: Uint8Array | null
  readonly headers: readonly RecordHeader[]
}

export interface RecordHeader {
  readonly name: string
  readonly value: Uint8Array | null
}

/** First retained offset and next offset to be written (the high watermark) of one partition. */
export interface Watermarks {
  readonly start: number
  readonly end: number
}

/**
 * The watermarks of every partition that Kafka lists, by partition. null: its leader did not answer in time, so nothing is known
 * of it yet.
 */
export type PartitionWatermarks = ReadonlyMap<number, Watermarks | null>

export type Encoding = 'text' | 'base64' | 'envelope'

/** What a bus keeps: the newest record of every key, or every record, the oldest going first. */
export type Keeps = 'latest' | 'all'

/** What a client without an id gets before what is live: as much as the bus keeps, or nothing. */
export type Replay = Keeps | 'none'

/** What a stream's replay asks of its bus. */
export function keepsFor(replay: Replay): Keeps {
  return replay === 'latest' ? 'latest' : 'all'
}
