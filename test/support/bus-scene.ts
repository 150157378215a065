// A bus of small segments that a test feeds by partition, key and value, and what a new stream gets of it.

import { Bus, type BusOptions } from '../../src/bus/bus.ts'
import type { Position } from '../../src/bus/position.ts'
import type { RecordHeader } from '../../src/bus/record.ts'
import { Cursor } from '../../src/cursor/cursor.ts'
import type { StreamCursor } from '../../src/cursor/cursors.ts'
import { SegmentPool } from '../../src/segments/segment-pool.ts'
import { StreamReader } from './stream-reader.ts'
import { BUS_OPTIONS } from './topic-in-memory.ts'

export const SEGMENT_BYTES = 4096
export const DAY_MS = 86_400_000
const NO_HEADERS: readonly RecordHeader[] = []

/** Offsets count up. */
export class BusScene {
  /** The monotonic clock, and by how much the wall clock is ahead of it. */
  nowMs = 1_000_000
  clockAheadMs = 0
  readonly bus: Bus
  private readonly offsets = new Map<number, number>()

  constructor(options: Partial<BusOptions> = {}, partitions = 1) {
    const pool = new SegmentPool(SEGMENT_BYTES)
    this.bus = new Bus({
      ...BUS_OPTIONS,
      pool,
      nowMs: () => this.nowMs,
      epochMs: () => this.epochMs,
      ...options,
    })
    for (let partition = 0; partition < partitions; partition++) this.bus.setPartition(partition, 0)
    this.bus.markCaughtUp()
  }

  get epochMs(): number {
    return this.nowMs + this.clockAheadMs
  }

  get moment() {
    return { nowMs: this.nowMs, epochMs: this.epochMs }
  }

  write(
    key: string | null,
    value: string | null,
    { partition = 0, timestampMs = this.epochMs, headers = NO_HEADERS } = {},
  ): void {
    const offset = this.offsets.get(partition) ?? 0
    this.offsets.set(partition, offset + 1)
    this.bus.append({ partition, offset, timestampMs, key: bytes(key), value: bytes(value), headers })
    this.bus.publish()
  }

  /** Kafka deletes what is below `start`, and not all of it was read. */
  skip(partition: number, start: number): void {
    this.offsets.set(partition, start)
    this.bus.skip(partition, start)
  }

  /** Records without a key, of a fifth of a segment each. */
  fill(records: number, key: (index: number) => string | null = () => null): void {
    for (let index = 0; index < records; index++) this.write(key(index), 'x'.repeat(700))
  }

  tidy(): void {
    while (this.bus.maintain(this.epochMs, this.nowMs));
  }

  gap(position: Record<number, number>): string | null {
    return this.bus.gapFor(positionOf(position))
  }

  /** Data of the events that a new stream gets. */
  snapshot(): string[] {
    return dataOf(Cursor.fromBeginning(this.bus))
  }

  resume(position: Record<number, number>): string[] {
    return dataOf(Cursor.fromPosition(this.bus, positionOf(position)))
  }
}

export function positionOf(offsets: Record<number, number>): Position {
  return new Map(Object.entries(offsets).map(([partition, offset]) => [Number(partition), offset]))
}

export function bytes(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text)
}

export function dataOf(cursor: StreamCursor): string[] {
  const reader = new StreamReader()
  for (let read = cursor.read(100_000); read !== null; read = cursor.read(100_000)) reader.feed(read)
  return reader.events.map(({ event, data }) => (event === 'delete' ? `delete ${data}` : data))
}
