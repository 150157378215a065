// The listeners of a live map. Promise: each is told of every batch, and of each change of status and connection.

import { tell } from '../handlers.ts'
import type { StreamState } from '../options.ts'
import type { Changes } from './persistent-map.ts'

/**
 * `loading`: the first snapshot has not come. `ready`: the map is the topic as of the last event that came.
 * `reloading`: a value may be one that the topic no longer has; a new snapshot comes. `closed`: nothing comes any more.
 */
export type LiveMapStatus = 'loading' | 'ready' | 'reloading' | 'closed'

/** The changes of a batch by key; undefined: a delete. Empty if only the status or the connection has changed. */
export type LiveMapListener<V> = (changes: Changes<V>) => void

export class Listeners<V> {
  readonly #all = new Set<LiveMapListener<V>>()
  /** As of the last call. */
  #status: LiveMapStatus = 'loading'
  #connection: StreamState = 'connecting'

  /** Returns the function that removes it. */
  add(listener: LiveMapListener<V>): () => void {
    // A function of its own, because the same listener may subscribe twice.
    const own: LiveMapListener<V> = (changes) => listener(changes)
    this.#all.add(own)
    return () => this.#all.delete(own)
  }

  clear(): void {
    this.#all.clear()
  }

  /** Calls none if nothing has changed. */
  tell(changes: Changes<V>, status: LiveMapStatus, connection: StreamState): void {
    if (changes.size === 0 && status === this.#status && connection === this.#connection) return
    this.#status = status
    this.#connection = connection
    for (const listener of [...this.#all]) if (this.#all.has(listener)) tell(listener, changes)
  }
}
