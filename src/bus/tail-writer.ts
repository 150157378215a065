// The tail of a bus: encodes records and appends their frames, where a new segment is begun when the last one is full. Each frame
// can be read from the moment on that `append` returns.

import type { Segment } from '../segments/segment.ts'
import type { FrameEntry } from '../segments/segment-layout.ts'
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
  /** A record was passed over; `frameBytes` is what its frame had come to, at the least. */
  readonly onTooLarge: (record: KafkaRecord, frameBytes: number) => void
}

export class TailWriter {
  private readonly parts: TailWriterParts
  /** Frames came of which it is not noted when. */
  private hasArrivals = false

  constructor(parts: TailWriterParts) {
    this.parts = parts
  }

  /** Moves the position behind the record and appends its frame, if it makes one: one with neither key nor value does not. */
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

  /** What came since the last call came now: the clock is asked once per batch. */
  noteArrival(): void {
    const { kept, clock } = this.parts
    if (this.hasArrivals && kept.tail !== undefined) kept.tail.newestArrivalMs = clock.nowMs()
    this.hasArrivals = false
  }

  /** What stands for a record that is too large: a comment that says so, which supersedes its key's older value. */
  private appendTooLarge(record: KafkaRecord, frameBytes: number, idBytes: number): void {
    this.appendFrame(record, TOO_LARGE_LINES, idBytes)
    this.parts.onTooLarge(record, frameBytes)
  }

  private appendFrame(record: KafkaRecord, lines: EventLines, idBytes: number): void {
    const { kept, partitions, clock } = this.parts
    const { partition, offset, timestampMs, value } = record
    const key = keptKey(record)
    const frameBytes = bytesOfFrame(lines, idBytes)
    const segment = this.segmentFor(frameBytes, key?.length ?? 0)
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

  /** The tail segment if the frame fits, else a new one: an ordinary one, or a larger one for this frame alone. */
  private segmentFor(frameBytes: number, keyBytes: number): Segment {
    const { pool, kept, retention, clock } = this.parts
    const { tail } = kept
    const isOpen = tail?.size === pool.segmentBytes && !tail.isClosed
    if (isOpen && tail.fits(frameBytes, keyBytes)) return tail
    this.noteArrival()
    tail?.close()
    retention.makeRoom(frameBytes)
    return kept.add(frameBytes + keyBytes, clock.nowMs())
  }
}

/** A key that fits no frame counts as none: each record that has it is too large, so there is no value of it to supersede. */
function keptKey({ key }: KafkaRecord): Uint8Array | null {
  return key !== null && key.length > FRAME_BYTES_MAX ? null : key
}
