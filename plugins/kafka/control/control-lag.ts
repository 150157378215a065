// How far the reading of the control topic is behind, by the ends that Kafka told at the last refresh: some seconds
// ago.

export class ControlLag {
  private readonly ends = new Map<number, number>()
  private readonly nexts = new Map<number, number>()

  noteEnd(partition: number, end: number): void {
    this.ends.set(partition, end)
  }

  /** Everything below `next` is read. */
  noteNext(partition: number, next: number): void {
    this.nexts.set(partition, next)
  }

  /** The topic is another one. */
  clear(): void {
    this.ends.clear()
    this.nexts.clear()
  }

  /** Offsets that are not read yet, in all partitions together. */
  get records(): number {
    let records = 0
    for (const [partition, end] of this.ends) records += Math.max(0, end - (this.nexts.get(partition) ?? 0))
    return records
  }
}
