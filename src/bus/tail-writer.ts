// Writes at the tail of a bus: encodes records, appends their frames, and begins a new segment when the last one is
// full. A frame can be read as soon as `append` returns.

import type { Segment } from '../segments/segment.ts'
import { bytesBeside, type FrameEntry } from '../segments/segment-layout.ts'
import type { SegmentList } from '../segments/segment-list.ts'
import type { SegmentPool } from '../segments/segment-pool.ts'
import {
  bytesOfFrame,
  type EventLines,
  eventBytesMin,
  eventLines,
  FRAME_BYTES_MAX,
  TOO_LARGE_LINES,
  writeFrame,
} from './frame.ts'
import type { Partitions } from './partitions.ts'
import type { Encoding, KafkaRecord } from './record.ts'
import type { RecordClock } from './record-clock.ts'
import type { Retention } from './retention.ts'

export interface TailWriterParts {
  readonly encoding: Encoding
  readonly pool: SegmentPool
  readonly kept: SegmentList
  readonly partitions: Partitions
  readonly retention: Retention
  readonly clock: RecordClock
  /** Called for a record whose frame would be over FRAME_BYTES_MAX. `frameBytes`: at least this many bytes. */
  readonly onTooLarge: (record: KafkaRecord, frameBytes: number) => void
}

export class TailWriter {
  private readonly parts: TailWriterParts
  /** Whether frames were appended since the last `noteArrival`. */
  private hasArrivals = false

  constructor(parts: TailWriterParts) {
    this.parts = parts
  }

  /** Moves the position past the record and appends its frame. A record with neither key nor value has no frame. */
  append(record: KafkaRecord): void {
    const { encoding, partitions } = this.parts
    const bytesMin = eventBytesMin(record, encoding)
    const lines = bytesMin > FRAME_BYTES_MAX ? TOO_LARGE_LINES : eventLines(record, encoding)
    partitions.moveTo(record.partition, record.offset + 1)
    if (lines === null) return
    const idBytes = partitions.encode()
    const frameBytes = Math.max(bytesMin, bytesOfFrame(lines, idBytes))
    if (frameBytes > FRAME_BYTES_MAX) this.appendTooLarge(record, frameBytes, idBytes)
    else this.appendFrame(record, lines, idBytes)
  }

  /** Sets the arrival of all frames since the last call to the present, so that the clock is read once per batch. */
  noteArrival(): void {
    const { kept, clock } = this.parts
    if (this.hasArrivals && kept.tail !== undefined) kept.tail.newestArrivalMs = clock.nowMs()
    this.hasArrivals = false
  }

  /** Appends a comment in place of a record that is too large. It supersedes the older frame of the record's key. */
  private appendTooLarge(record: KafkaRecord, frameBytes: number, idBytes: number): void {
    this.appendFrame(record, TOO_LARGE_LINES, idBytes)
    this.parts.onTooLarge(record, frameBytes)
  }

  private appendFrame(record: KafkaRecord, lines: EventLines, idBytes: number): void {
    const { kept, partitions, clock } = this.parts
    const { partition, offset, timestampMs, value } = record
    const key = keptKey(record)
    const frameBytes = bytesOfFrame(lines, idBytes)
    const segment = this.segmentFor(frameBytes, bytesBeside({ key }))
    const sequence = kept.takeSequence()
    const entry: FrameEntry = {
      sequence,
      frameBytes,
      idBytes,
      partition,
      offset,
      timestampMs,
      key,
      isTombstone: value === null,
      isTooLarge: lines === TOO_LARGE_LINES,
    }
    const start = kept.append(segment, entry, clock.writtenMs(timestampMs))
    writeFrame(segment.bytes, start, lines, (at) => partitions.writeText(segment.bytes, at))
    segment.publish()
    this.hasArrivals = true
  }

  /**
   * The tail if the frame fits in it. Otherwise a new segment: an ordinary one, or a larger one for this frame alone.
   */
  private segmentFor(frameBytes: number, besideBytes: number): Segment {
    const { pool, kept, retention, clock } = this.parts
    const { tail } = kept
    const isOpen = tail?.size === pool.segmentBytes && !tail.isClosed
    if (isOpen && tail.fits(frameBytes, besideBytes)) return tail
    this.noteArrival()
    tail?.close(kept.seed)
    retention.makeRoom(frameBytes)
    return kept.add(frameBytes + besideBytes, clock.nowMs())
  }
}

/** The key; null if it is so long that every record with it is too large. Then there is no value to supersede. */
function keptKey({ key }: KafkaRecord): Uint8Array | null {
  return key !== null && key.length > FRAME_BYTES_MAX ? null : key
}
