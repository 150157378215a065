// A topic as a map that stays as the topic is: it loads the newest value of every key, then follows. After a gap it
// loads again and shows what it had meanwhile. Promise: it never shows a part of a snapshot.

import { connect } from '../event-stream.ts'
import { tell } from '../handlers.ts'
import type { StateChange, StreamEvent, StreamState } from '../options.ts'
import { asStreamError } from '../stream-error.ts'
import { Frames } from './frames.ts'
import { Listeners, type LiveMapListener, type LiveMapStatus } from './listeners.ts'
import {
  checkLiveMapOptions,
  type LiveMapOptions,
  type MapStream,
  streamOptions,
} from './live-map-options.ts'
import type { Changes } from './persistent-map.ts'
import { type Reading, RecordReader } from './record-reader.ts'
import { ReloadPlan } from './reload-plan.ts'
import { Table } from './table.ts'
import { Tasks } from './tasks.ts'

/**
 * Opens the stream at `url` and keeps a map of its newest values, until `close()`, the signal or a final error. The
 * stream must have `encoding: 'envelope'`, or the option `key` must know the key of a value. Throws a TypeError or
 * RangeError for invalid options.
 */
export function liveMap<V = unknown>(url: string | URL, options: LiveMapOptions<V> = {}): LiveMap<V> {
  return new LiveMap(url, options)
}

const TOO_LARGE = {
  kind: 'bad',
  key: null,
  error: new Error('A record is too large for the stream'),
} as const

/** Changes in batches, at most one per animation frame. Keys have no order. */
export class LiveMap<V> implements ReadonlyMap<string, V> {
  /** Resolves when the first snapshot is shown. Rejects if the map closes before. */
  readonly ready: Promise<void>
  /** Resolves when the map has closed: with the error that ended it, or null after `close()` or the signal. */
  readonly closed: Promise<Error | null>

  readonly #url: string | URL
  readonly #options: LiveMapOptions<V>
  readonly #reader: RecordReader<V>
  readonly #table = new Table<V>()
  readonly #frames = new Frames(() => this.#tell(this.#table.show()))
  readonly #tasks = new Tasks()
  readonly #plan: ReloadPlan
  readonly #listeners = new Listeners<V>()
  #stream: MapStream
  #wasReady = false
  #isClosed = false
  #reloadTimer: ReturnType<typeof setTimeout> | null = null
  #resolveReady: () => void = () => {}
  #rejectReady: (error: Error) => void = () => {}
  #resolveClosed: (error: Error | null) => void = () => {}

  constructor(url: string | URL, options: LiveMapOptions<V>) {
    checkLiveMapOptions(url, options)
    this.#url = url
    this.#options = options
    this.#reader = new RecordReader(options)
    this.#plan = new ReloadPlan(options.random ?? Math.random)
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve
      this.#rejectReady = reject
    })
    // Who does not wait for `ready` learns of the failure by `closed` and the status: it must not end a Node process.
    this.ready.catch(() => {})
    this.#stream = this.#connect()
  }

  get status(): LiveMapStatus {
    if (this.#isClosed) return 'closed'
    if (!this.#wasReady) return 'loading'
    return this.#table.isComplete && this.#reloadTimer === null ? 'ready' : 'reloading'
  }

  /** The state of the connection. While it is not `open`, the topic may have changed and the map cannot know. */
  get connection(): StreamState {
    return this.#stream.state
  }

  /** Ends a wait between two connections, and opens the next one at once. */
  readonly retryNow = (): void => this.#stream.retryNow()

  /** The map as of the last batch: it never changes, and is the same object until the next batch. */
  readonly getSnapshot = (): ReadonlyMap<string, V> => this.#table.shown

  /** Calls the listener after each batch and change of status or connection, until the returned function is called. */
  readonly subscribe = (listener: LiveMapListener<V>): (() => void) => this.#listeners.add(listener)

  /** Ends the stream and the timers. The map stays as it is. */
  readonly close = (): void => this.#finish(null)

  get size(): number {
    return this.#table.shown.size
  }

  get(key: string): V | undefined {
    return this.#table.shown.get(key)
  }

  has(key: string): boolean {
    return this.#table.shown.has(key)
  }

  forEach(callback: (value: V, key: string, map: ReadonlyMap<string, V>) => void, thisArg?: unknown): void {
    this.#table.shown.forEach(callback, thisArg)
  }

  entries(): MapIterator<[string, V]> {
    return this.#table.shown.entries()
  }

  keys(): MapIterator<string> {
    return this.#table.shown.keys()
  }

  values(): MapIterator<V> {
    return this.#table.shown.values()
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries()
  }

  #connect(): MapStream {
    const open = this.#options.connect ?? connect
    const stream = open(this.#url, {
      ...streamOptions(this.#options),
      onEvent: (event) => this.#take(event),
      onState: (change) => {
        // One that was replaced closes, and the map does not.
        if (stream === this.#stream) this.#tellState(change)
      },
    })
    void stream.closed.then((error) => {
      if (stream === this.#stream) this.#finish(error)
    })
    return stream
  }

  /** The next event waits for what it returns. */
  #take(event: StreamEvent): Promise<void> | undefined {
    try {
      if (!this.#isClosed) this.#read(event)
    } catch (error) {
      this.#finish(error instanceof Error ? error : new Error(String(error)))
    }
    return this.#tasks.pause()
  }

  #read({ type, data, id }: StreamEvent): void {
    if (type === 'message') this.#apply(this.#reader.read(data), id)
    else if (type === 'delete') this.#apply(this.#reader.readDeleted(data), id)
    else if (type === 'ready') this.#caughtUp()
    else if (type === 'gap' && data === 'too-large') this.#apply(TOO_LARGE, id)
    else if (type === 'gap') {
      this.#plan.forget()
      this.#load()
    }
  }

  #apply(reading: Reading<V>, eventId: string): void {
    if (reading.kind === 'keyless' || this.#isClosed) return // `parse` may have closed the map
    if (reading.kind === 'value') this.#table.set(reading.key, reading.value)
    else if (reading.key !== null) this.#table.delete(reading.key)
    else this.#missed(eventId)
    if (this.#table.isComplete) this.#frames.request()
    if (reading.kind === 'bad') tell(this.#options.onBadRecord, { error: reading.error, key: reading.key })
  }

  /** A record superseded the value of a key, and which one is not known. */
  #missed(eventId: string): void {
    if (this.#table.isComplete) {
      this.#plan.foundLive(eventId)
      this.#reloadLater()
    } else this.#plan.foundInSnapshot(eventId)
  }

  #caughtUp(): void {
    const changes = this.#table.endSnapshot()
    if (this.#plan.snapshotEnds()) this.#reloadLater()
    this.#wasReady = true
    this.#resolveReady() // before a listener may close the map
    this.#tell(changes)
  }

  /** A snapshot comes: the stream goes on from its beginning, or another one is opened. */
  #load(): void {
    this.#cancelReload()
    this.#table.beginSnapshot()
    this.#frames.request()
  }

  #reloadLater(): void {
    this.#reloadTimer ??= setTimeout(() => this.#reload(), this.#plan.waitMs(performance.now()))
  }

  #reload(): void {
    const stream = this.#stream
    this.#load()
    try {
      this.#stream = this.#connect()
    } catch (error) {
      this.#finish(asStreamError(error))
    }
    stream.close()
  }

  #cancelReload(): void {
    if (this.#reloadTimer !== null) clearTimeout(this.#reloadTimer)
    this.#reloadTimer = null
  }

  #tell(changes: Changes<V>): void {
    this.#frames.cancel()
    this.#listeners.tell(changes, this.status, this.connection)
  }

  /** A batch that waits for its frame goes on waiting. Of `closed` tells `#finish`. */
  #tellState(change: StateChange): void {
    if (this.connection !== 'closed') this.#listeners.tell(new Map(), this.status, this.connection)
    tell(this.#options.onState, change)
  }

  #finish(error: Error | null): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#cancelReload()
    this.#stream.close()
    this.#tell(this.#table.show())
    this.#rejectReady(error ?? new Error('The live map was closed before it was ready'))
    this.#resolveClosed(error)
    // Later, because it may be a listener that closes the map, and the others get the same batch.
    queueMicrotask(() => this.#listeners.clear())
  }
}
