// Writes at the tail of a bus: encodes records, appends their frames, and begins a new segment when the last one is
// full. A frame can be read as soon as `append` returns.

import { hasLeft, valuesOfFrame } from '../routing/former-values.ts'
import type { HiddenValues } from '../routing/hidden-values.ts'
import type { RouteReader } from '../routing/route-reader.ts'
import type { FrameAt } from '../segments/key-index.ts'
import type { Segment } from '../segments/segment.ts'
import {
  bytesBeside,
  type FrameEntry,
  KEY_SELECTOR,
  PRESENT,
  ROUTE_BYTES_MAX,
  type RouteValue,
} from '../segments/segment-layout.ts'
import type { SegmentList } from '../segments/segment-list.ts'
import type { SegmentPool } from '../segments/segment-pool.ts'
import {
  bytesOfFrame,
  deleteLines,
  type EventLines,
  eventBytesMin,
  eventLines,
  FRAME_BYTES_MAX,
  TOO_LARGE_LINES,
  writeFrame,
} from './frame.ts'
import type { LeavingLosses } from './leaving-losses.ts'
import type { Partitions } from './partitions.ts'
import type { Encoding, KafkaRecord } from './record.ts'
import type { RecordClock } from './record-clock.ts'
import type { Retention } from './retention.ts'

export interface TailWriterParts {
  readonly encoding: Encoding
  /** Reads the values by which streams are selected. */
  readonly routeReader: RouteReader
  readonly hiddenValues: HiddenValues
  readonly leavings: LeavingLosses
  readonly pool: SegmentPool
  readonly kept: SegmentList
  readonly partitions: Partitions
  readonly retention: Retention
  readonly clock: RecordClock
  /** Called for a record whose frame would be over FRAME_BYTES_MAX. `frameBytes`: at least this many bytes. */
  readonly onTooLarge: (record: KafkaRecord, frameBytes: number) => void
}

/** A frame to be appended, and what is stored beside it. */
interface NewFrame {
  readonly lines: EventLines
  readonly key: Uint8Array | null
  readonly isKeyRouted: boolean
  readonly routes: readonly RouteValue[]
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
    else this.appendRouted(record, lines, idBytes)
  }

  /** Sets the arrival of all frames since the last call to the present, so that the clock is read once per batch. */
  noteArrival(): void {
    const { kept, clock } = this.parts
    if (this.hasArrivals && kept.tail !== undefined) kept.tail.newestArrivalMs = clock.nowMs()
    this.hasArrivals = false
  }

  /** Appends a comment in place of a record that is too large. It supersedes the older frame of the record's key. */
  private appendTooLarge(record: KafkaRecord, frameBytes: number, idBytes: number): void {
    // The value of such a record is not parsed. It has no fields.
    this.appendRouted({ ...record, value: record.value === null ? null : NO_VALUE }, TOO_LARGE_LINES, idBytes)
    this.parts.onTooLarge(record, frameBytes)
  }

  /** Appends a record's frame with the values by which streams are selected. */
  private appendRouted(record: KafkaRecord, lines: EventLines, idBytes: number): void {
    const { routeReader } = this.parts
    const key = keptKey(record)
    const isKeyRouted = routeReader.hasKey
    if (routeReader.canLeave) this.appendLeaving(record, lines, idBytes, key)
    else this.appendFrames(record, idBytes, { lines, key, isKeyRouted, routes: NO_ROUTES }, null)
  }

  /**
   * The same where a record may have other values than its key had before. For the streams of those a frame follows
   * that deletes the key. It has all former values, so that a stream sees whether it had the key. It comes second,
   * because both have one id, and no id may cover a record that was not sent. A tombstone has one, too: nothing
   * supersedes that, while the key's next record supersedes the tombstone.
   */
  private appendLeaving(
    record: KafkaRecord,
    lines: EventLines,
    idBytes: number,
    key: Uint8Array | null,
  ): void {
    const { routeReader, kept } = this.parts
    const newest = key === null ? null : (kept.index?.get(record.partition, key) ?? null)
    if (key !== null && kept.index !== null) this.noteHidden(record, newest)
    const former = valuesOfFrame(newest)
    const isDelete = record.value === null && kept.index !== null
    const routes = isDelete ? NO_ROUTES : routeReader.read(record)
    const leaves = key !== null && hasLeft(former, routes)
    const leaving = leaves ? this.leavingFrame(record, key, idBytes, { former, routes }) : null
    this.appendFrames(record, idBytes, { lines, key, isKeyRouted: routeReader.hasKey, routes }, leaving)
  }

  /** The key may have had another value between the two records, which is gone or was never read. */
  private noteHidden({ partition, offset }: KafkaRecord, newest: FrameAt | null): void {
    const { hiddenValues, leavings, kept } = this.parts
    const former = newest === null ? -1 : newest.segment.offset(newest.at)
    const missingFrom = hiddenValues.hiddenFrom(partition, former, offset)
    leavings.addUnseen({ partition, offset, former, missingFrom, sequence: kept.nextSequence })
  }

  /**
   * Its key is stored as a value, since the frame is not the newest one of that key. So are the record's own values: a
   * stream that has one of them, too, must not take the key for gone, even once the record itself is compacted away.
   */
  private leavingFrame(
    record: KafkaRecord,
    key: Uint8Array,
    idBytes: number,
    { former, routes: own }: { former: readonly RouteValue[]; routes: readonly RouteValue[] },
  ): NewFrame {
    const { encoding, routeReader } = this.parts
    const hasKey = routeReader.hasKey && key.length <= ROUTE_BYTES_MAX
    const present = own.map(({ selector, bytes }) => ({ selector: selector + PRESENT, bytes }))
    const routes = [...(hasKey ? [{ selector: KEY_SELECTOR, bytes: key }] : []), ...former, ...present]
    const lines =
      eventBytesMin({ ...record, value: null }, encoding) > FRAME_BYTES_MAX ? null : deleteLines(key)
    const fits = lines !== null && bytesOfFrame(lines, idBytes) <= FRAME_BYTES_MAX
    return { lines: fits ? lines : TOO_LARGE_LINES, key: null, isKeyRouted: false, routes }
  }

  /** Both go into one segment, so that room is made once, before anything is superseded. */
  private appendFrames(record: KafkaRecord, idBytes: number, own: NewFrame, leaving: NewFrame | null): void {
    const bytes = bytesOfFrame(own.lines, idBytes)
    if (leaving === null) {
      this.appendFrame(this.segmentFor(bytes, bytesBeside(own)), record, idBytes, own)
      return
    }
    const leavingBytes = bytesOfFrame(leaving.lines, idBytes)
    const segment = this.segmentFor(bytes + leavingBytes, bytesBeside(own) + bytesBeside(leaving))
    this.appendFrame(segment, record, idBytes, own)
    this.appendFrame(segment, record, idBytes, leaving, true)
  }

  private appendFrame(
    segment: Segment,
    { partition, offset, timestampMs, value }: KafkaRecord,
    idBytes: number,
    { lines, key, isKeyRouted, routes }: NewFrame,
    isLeaving = false,
  ): void {
    const { kept, partitions, clock } = this.parts
    const entry: FrameEntry = {
      sequence: kept.takeSequence(),
      frameBytes: bytesOfFrame(lines, idBytes),
      idBytes,
      partition,
      offset,
      timestampMs,
      key,
      isTombstone: value === null || isLeaving,
      isTooLarge: lines === TOO_LARGE_LINES,
      isKeyRouted,
      routes,
      isLeaving,
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

const NO_ROUTES: readonly RouteValue[] = []
const NO_VALUE = new Uint8Array(0)

/** The key; null if it is so long that every record with it is too large. Then there is no value to supersede. */
function keptKey({ key }: KafkaRecord): Uint8Array | null {
  return key !== null && key.length > FRAME_BYTES_MAX ? null : key
}
