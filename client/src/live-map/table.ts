// A topic as a table: what is shown, what is to be shown next, and a snapshot that is coming in. Pure: no stream and no
// clock. Promise: what is shown changes with `show` and `endSnapshot` only, and never to a part of a snapshot.

import { type Changes, PersistentMap, type PersistentMapBuilder } from './persistent-map.ts'
import { isSameJson } from './same-json.ts'

export class Table<V> {
  #shown = PersistentMap.empty<V>()
  /** Changes since `show`. As many as there are keys, at the most, because each key has its newest value only. */
  #changes = new Map<string, V | undefined>()
  /** The part of a snapshot that has come; null: the table is complete. */
  #snapshot: PersistentMapBuilder<V> | null = PersistentMap.empty<V>().builder()

  get shown(): ReadonlyMap<string, V> {
    return this.#shown
  }

  get isComplete(): boolean {
    return this.#snapshot === null
  }

  set(key: string, value: V): void {
    if (this.#snapshot !== null) this.#snapshot.set(key, value)
    else this.#changes.set(key, value)
  }

  delete(key: string): void {
    if (this.#snapshot !== null) this.#snapshot.delete(key)
    else this.#changes.set(key, undefined)
  }

  /** A snapshot begins, and takes the place of one that was not complete. */
  beginSnapshot(): void {
    this.#snapshot = PersistentMap.empty<V>().builder()
  }

  /** Shows the snapshot, and returns its differences from the table. Values that are equal stay as they are. */
  endSnapshot(): Changes<V> {
    const snapshot = this.#snapshot?.build()
    if (snapshot === undefined) return this.show()
    this.#snapshot = null
    // Changes that were not shown are older than the snapshot.
    this.#changes = new Map()
    if (this.#shown.size > 0) return this.#showDifferences(snapshot)
    this.#shown = snapshot
    return snapshot
  }

  /** Shows the changes, and returns those that make a difference. */
  show(): Changes<V> {
    const changes = this.#changes
    for (const [key, value] of changes) {
      if (value === undefined && !this.#shown.has(key)) changes.delete(key)
    }
    this.#changes = new Map()
    if (changes.size > 0) this.#shown = this.#shown.with(changes)
    return changes
  }

  #showDifferences(snapshot: ReadonlyMap<string, V>): Changes<V> {
    for (const [key, value] of snapshot) {
      if (!isSameJson(this.#shown.get(key), value)) this.#changes.set(key, value)
    }
    for (const key of this.#shown.keys()) if (!snapshot.has(key)) this.#changes.set(key, undefined)
    return this.show()
  }
}
