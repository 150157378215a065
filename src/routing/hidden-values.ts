// Which records may have taken a key out of a selection unseen: those before which an offset is missing that may have
// been the key's former value. Kafka compacts a value away as soon as a newer one has come.

interface Missing {
  readonly first: number
  last: number
}

export class HiddenValues {
  /** By partition: the first and the last offset that is missing. */
  private readonly missing = new Map<number, Missing>()

  /** Offsets from `from` up to `to`, which is excluded, are missing in what was read. */
  noteMissing(partition: number, from: number, to: number): void {
    const known = this.missing.get(partition)
    if (known === undefined) this.missing.set(partition, { first: from, last: to - 1 })
    else known.last = to - 1
  }

  /**
   * The first missing offset, if a value may be hidden between a key's former record and its present one; otherwise
   * null. `former`: offset of the former record as read, -1 if there is none.
   */
  hiddenFrom(partition: number, former: number): number | null {
    const missing = this.missing.get(partition)
    return missing === undefined || missing.last <= former ? null : missing.first
  }

  clear(): void {
    this.missing.clear()
  }
}
