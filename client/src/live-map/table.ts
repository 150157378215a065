// A topic as a table: what is shown, what is to be shown next, and a snapshot that is coming in. Pure: no stream and no
// clock. Promise: what is shown changes with `show` only, and never to a part of a snapshot.

import { type Changes, PersistentMap } from './persistent-map.ts'
import { isSameJson } from './same-json.ts'

export class Table<V> {
  #shown = PersistentMap.empty<V>()
  /** Changes since `show`. As many as there are keys, at the most, because each key has its newest value only. */
  #changes = new Map<string, V | undefined>()
  /** The part of a snapshot that has come; null: the table is complete. */
  #snapshot: Map<string, V> | null = new Map()

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
    this.#snapshot = new Map()
  }

  /** The snapshot is complete: its differences from the table are changes. Values that are equal stay as they are. */
  endSnapshot(): void {
    const snapshot = this.#snapshot
    if (snapshot === null) return
    this.#snapshot = null
    for (const [key, value] of snapshot) {
      if (!isSameJson(this.#newest(key), value)) this.#changes.set(key, value)
    }
    for (const keys of [this.#shown.keys(), [...this.#changes.keys()]]) {
      for (const key of keys) if (!snapshot.has(key)) this.#changes.set(key, undefined)
    }
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

  #newest(key: string): V | undefined {
    return this.#changes.has(key) ? this.#changes.get(key) : this.#shown.get(key)
  }
}
