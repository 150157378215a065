// What a bus knows of its topic's partitions: log starts and ends, the next offset of each
// (the position), and its event id.

import { PositionText } from './event-id.ts'
import { FROM_BEGINNING, type Position } from './position.ts'

/** What Kafka reported about the partitions' logs: offsets by partition. */
export interface PartitionLogs {
  /** Log starts. -2 until Kafka has reported them. */
  readonly starts: ReadonlyMap<number, number>
  /** Where reading began. Missing for a partition that was read from offset 0. */
  readonly readFrom: ReadonlyMap<number, number>
  /** Log ends when reading began. Missing for a partition that has been read up to there. */
  readonly ends: ReadonlyMap<number, number>
}

/** How far a partition is read. */
export interface PartitionProgress {
  readonly partition: number
  /** The offset that comes next. */
  readonly next: number
  /** Offsets from there to the end that Kafka told last, some seconds ago. */
  readonly lag: number
}

export class Partitions implements PartitionLogs {
  /** Partitions in ascending order, as in event ids. */
  private readonly numbers: number[] = []
  readonly starts = new Map<number, number>()
  readonly readFrom = new Map<number, number>()
  readonly ends = new Map<number, number>()
  /** Log ends as Kafka told them last. */
  private readonly toldEnds = new Map<number, number>()
  /** Grows with each change except of next offsets. Never reset. */
  version = 0
  private readonly nextOffsets = new Map<number, number>()
  /** The position's event id, as bytes. */
  private readonly encoded = new PositionText()
  /** Whether `encoded` must be made again. */
  private isStale = true
  /** The event id as a string. null after each move, until it is asked for. */
  private textMade: string | null = null

  get count(): number {
    return this.numbers.length
  }

  has(partition: number): boolean {
    return this.nextOffsets.has(partition)
  }

  /**
   * Declares a partition, or sets its log start. `start` is -2 until Kafka has reported it. `end` is its log end; it is
   * used only when reading begins.
   */
  setStart(partition: number, start: number, end = start): void {
    if (!this.isRead(partition)) {
      if (start > 0) this.readFrom.set(partition, start)
      if (end > start) this.ends.set(partition, end)
    }
    this.starts.set(partition, start)
    this.version++
    if (!this.has(partition)) this.insert(partition)
    this.moveTo(partition, start)
  }

  /** Log start. -2 until Kafka has reported it; undefined for an unknown partition. */
  start(partition: number): number | undefined {
    return this.starts.get(partition)
  }

  next(partition: number): number {
    return this.nextOffsets.get(partition) ?? FROM_BEGINNING
  }

  /** Sets the next offset, unless that would move it back. */
  moveTo(partition: number, nextOffset: number): void {
    const current = this.nextOffsets.get(partition)
    if (current !== undefined && current >= nextOffset) return
    this.nextOffsets.set(partition, nextOffset)
    this.isStale ||= !this.encoded.move(partition, nextOffset)
    this.textMade = null
  }

  /** Whether reading of the partition has begun. */
  isRead(partition: number): boolean {
    return (this.start(partition) ?? FROM_BEGINNING) !== FROM_BEGINNING
  }

  /** Notes that the partition has been read up to its end. */
  noteEnd(partition: number): void {
    if ((this.ends.get(partition) ?? 0) > this.next(partition)) this.version++ // the log was cut off
    this.ends.delete(partition)
  }

  /** Notes a log end that Kafka told. */
  noteToldEnd(partition: number, end: number): void {
    this.toldEnds.set(partition, end)
  }

  /** How far each partition is read whose log end Kafka has told, in ascending order. */
  *progress(): Generator<PartitionProgress> {
    for (const partition of this.numbers) {
      const end = this.toldEnds.get(partition)
      if (end === undefined || !this.isRead(partition)) continue
      const next = this.next(partition)
      yield { partition, next, lag: Math.max(0, end - next) }
    }
  }

  /** Forgets all partitions. */
  clear(): void {
    this.toldEnds.clear()
    this.numbers.length = 0
    this.starts.clear()
    this.readFrom.clear()
    this.ends.clear()
    this.nextOffsets.clear()
    this.isStale = true
    this.textMade = null
    this.version++
  }

  position(): Position {
    return new Map(this.numbers.map((partition) => [partition, this.next(partition)]))
  }

  text(): string {
    if (this.textMade === null) this.encode()
    this.textMade ??= this.encoded.toString()
    return this.textMade
  }

  /** Prepares the event id for `writeText`. Returns its length in bytes. */
  encode(): number {
    if (this.isStale) this.encoded.make(this.numbers, (partition) => this.next(partition))
    this.isStale = false
    return this.encoded.length
  }

  /** Writes the event id that `encode` prepared at `at`. Returns where it ends. */
  writeText(target: Uint8Array, at: number): number {
    return this.encoded.write(target, at)
  }

  /** Inserts the partition in ascending order. */
  private insert(partition: number): void {
    const { numbers } = this
    let [low, high] = [0, numbers.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((numbers[middle] ?? 0) < partition) low = middle + 1
      else high = middle
    }
    numbers.splice(low, 0, partition)
  }
}
