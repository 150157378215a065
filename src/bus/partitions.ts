// What a bus knows of its topic's partitions: where each one's log begins, and the next offset of each: its position.

import { PositionText } from './event-id.ts'
import { FROM_BEGINNING, type Position } from './position.ts'

/** What Kafka told of the logs, by partition. */
export interface PartitionLogs {
  /** Where each begins; -2 before Kafka did. */
  readonly starts: ReadonlyMap<number, number>
  /** Where the reading of each began, if there were offsets before. */
  readonly readFrom: ReadonlyMap<number, number>
  /** Where each ended then. Those that were read up to their end since may be missing. */
  readonly ends: ReadonlyMap<number, number>
}

export class Partitions implements PartitionLogs {
  /** In ascending order, as ids name them. */
  private readonly numbers: number[] = []
  readonly starts = new Map<number, number>()
  readonly readFrom = new Map<number, number>()
  readonly ends = new Map<number, number>()
  /** Grows with each change but for next offsets; never begins again. */
  version = 0
  private readonly nextOffsets = new Map<number, number>()
  /** The position's text, and whether it has to be made again. */
  private readonly encoded = new PositionText()
  private isStale = true
  /** The same as a string, made when asked for and kept until the position moves. */
  private textMade: string | null = null

  get count(): number {
    return this.numbers.length
  }

  has(partition: number): boolean {
    return this.nextOffsets.has(partition)
  }

  /**
   * Declares a partition, or learns where its log begins now; `start` is -2 as long as Kafka has not told. `end` counts for one whose
   * reading begins.
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

  /** Log start as Kafka told it, -2 before it did; undefined for a partition that the topic lacks. */
  start(partition: number): number | undefined {
    return this.starts.get(partition)
  }

  next(partition: number): number {
    return this.nextOffsets.get(partition) ?? FROM_BEGINNING
  }

  /** Never back. */
  moveTo(partition: number, nextOffset: number): void {
    const current = this.nextOffsets.get(partition)
    if (current !== undefined && current >= nextOffset) return
    this.nextOffsets.set(partition, nextOffset)
    this.isStale ||= !this.encoded.move(partition, nextOffset)
    this.textMade = null
  }

  /** Whether its reading has begun. */
  isRead(partition: number): boolean {
    return (this.start(partition) ?? FROM_BEGINNING) !== FROM_BEGINNING
  }

  /** Its end was seen. */
  noteEnd(partition: number): void {
    if ((this.ends.get(partition) ?? 0) > this.next(partition)) this.version++ // the log was cut off
    this.ends.delete(partition)
  }

  /** The topic is another one: nothing is known of its partitions. */
  clear(): void {
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

  /** Readies the position's text for `writeText`; returns its length. */
  encode(): number {
    if (this.isStale) this.encoded.make(this.numbers, (partition) => this.next(partition))
    this.isStale = false
    return this.encoded.length
  }

  /** Writes what `encode` has readied at `at`; returns where it ends. */
  writeText(target: Uint8Array, at: number): number {
    return this.encoded.write(target, at)
  }

  /** At its place in the ascending order, found by halving. */
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
