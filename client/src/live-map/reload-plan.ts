// When a live map loads again, because a record superseded a value and its key is not known. Promise: a record that was
// there before the map began to load is no reason, and neither is time: waits double, from a minute to an hour. Of such
// records it remembers RECORDS_MAX, and fewer where their IDs are long, because a server may send any; where there are
// more, the map may load again without need.

const FIRST_WITHIN_MS = 60_000
const WITHIN_MAX_MS = 3_600_000
const RECORDS_MAX = 10_000
/** Of all IDs together, in UTF-16 units. */
const UNITS_MAX = 4_194_304

export class ReloadPlan {
  readonly #random: () => number
  /**
   * Event IDs after the records without a known key: those that whole snapshots had, or that came later. All snapshots,
   * because two servers that have read the partitions in different orders have different IDs after the same record.
   */
  #before = new EventIds()
  /** Those of the snapshot that is coming in. Some may have come while it did, and superseded what it had. */
  #inSnapshot = new EventIds()
  /** How many times in a row the map had to load again. */
  #times = 0
  #lastAtMs = Number.NEGATIVE_INFINITY

  constructor(random: () => number) {
    this.#random = random
  }

  /** The stream begins again by itself. Its topic may be another one now, in which an ID means another record. */
  forget(): void {
    this.#before = new EventIds()
    this.#inSnapshot = new EventIds()
  }

  /** A record of a snapshot that is coming in, whose key is not known. */
  foundInSnapshot(eventId: string): void {
    this.#inSnapshot.add(eventId)
  }

  /** A record after the snapshot, whose key is not known: the map has to load again. */
  foundLive(eventId: string): void {
    this.#before.add(eventId)
  }

  /** Whether the map has to load again, although the snapshot is complete. */
  snapshotEnds(): boolean {
    const found = [...this.#inSnapshot]
    const isNew = found.some((eventId) => !this.#before.has(eventId))
    for (const eventId of found) this.#before.add(eventId)
    this.#inSnapshot = new EventIds()
    return isNew
  }

  /** The wait before the map loads again: random, because every map of the topic has to, and the server is one. */
  waitMs(nowMs: number): number {
    if (nowMs - this.#lastAtMs > 2 * WITHIN_MAX_MS) this.#times = 0
    this.#lastAtMs = nowMs
    return this.#random() * Math.min(FIRST_WITHIN_MS * 2 ** this.#times++, WITHIN_MAX_MS)
  }
}

/** The newest of those that it was given, as many as there may be. */
class EventIds {
  readonly #ids = new Set<string>()
  #units = 0

  has(eventId: string): boolean {
    return this.#ids.has(eventId)
  }

  add(eventId: string): void {
    // Last, as the newest.
    this.#delete(eventId)
    this.#ids.add(eventId)
    this.#units += eventId.length
    for (const oldest of this.#ids) {
      if (this.#ids.size <= RECORDS_MAX && this.#units <= UNITS_MAX) return
      this.#delete(oldest)
    }
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#ids.values()
  }

  #delete(eventId: string): void {
    if (this.#ids.delete(eventId)) this.#units -= eventId.length
  }
}
