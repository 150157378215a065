// Which records may have taken a key out of a selection unseen: those before which an offset is missing that may have
// been the key's former value. Kafka compacts a value away as soon as a newer one has come.

interface Missing {
  readonly first: number
  last: number
  /** When the last one was passed, in monotonic ms. */
  passedAtMs: number
  /** An end of the partition that Kafka told later. null: it has told none. */
  end: number | null
}

export class HiddenValues {
  /** By partition: the first and the last offset that is missing. */
  private readonly missing = new Map<number, Missing>()

  /** Offsets from `from` up to `to`, which is excluded, are missing in what was read. */
  noteMissing(partition: number, from: number, to: number, nowMs: number): void {
    const known = this.missing.get(partition)
    const isKnown = known !== undefined && (known.end === null || from < known.end)
    const first = isKnown ? known.first : from
    this.missing.set(partition, { first, last: to - 1, passedAtMs: nowMs, end: null })
  }

  /**
   * Kafka, asked at `askedAtMs` (monotonic), told a partition's end. A value that was missing by then had a newer one
   * below that end. So it is not the former value of a record behind it.
   */
  noteEnd(partition: number, end: number, askedAtMs: number): void {
    const missing = this.missing.get(partition)
    if (missing?.end === null && missing.passedAtMs <= askedAtMs) missing.end = end
  }

  /**
   * The first missing offset, if a value may be hidden between a key's former record and its present one at `offset`;
   * otherwise null. `former`: offset of the former record as read, -1 if there is none.
   */
  hiddenFrom(partition: number, former: number, offset: number): number | null {
    const missing = this.missing.get(partition)
    if (missing === undefined || missing.last <= former) return null
    return missing.end !== null && offset >= missing.end ? null : missing.first
  }

  clear(): void {
    this.missing.clear()
  }
}
