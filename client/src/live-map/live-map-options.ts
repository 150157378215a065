// The options of a live map, and their checks.

import type { EventStream } from '../event-stream.ts'
import { readOptions, readUrl } from '../option-checks.ts'
import type { ConnectOptions } from '../options.ts'

/** What a live map uses of a stream. `connect` returns one. */
export type MapStream = Pick<EventStream, 'state' | 'closed' | 'close' | 'retryNow'>

/** A record of a stream with `encoding: 'envelope'` (docs/protocol.md). */
export interface RecordEnvelope {
  /** null: the record has no key. */
  readonly key: string | null
  readonly value: string
  readonly headers: readonly { name: string; value: string | null; valueEncoding?: 'base64' }[]
  /** Epoch ms. */
  readonly timestamp: number
  readonly partition: number
  readonly offset: number
  /** Set if the key is not UTF-8, and therefore base64. */
  readonly keyEncoding?: 'base64'
  /** Set if the value is not UTF-8, and therefore base64. */
  readonly valueEncoding?: 'base64'
}

/** A record that is not in the map, because it could not be read. */
export interface BadRecord {
  /** What `parse`, `key` or `deletedKey` threw; an Error of the map's own if the record is too large or no JSON. */
  readonly error: unknown
  /** Its key, which the map no longer has; null if it is not known, and the map loads again. */
  readonly key: string | null
}

/** The options of `connect`, which all apply, and those of the map. */
export interface LiveMapOptions<V> extends Omit<ConnectOptions, 'onEvent' | 'lastEventId'> {
  /**
   * Opens the map's stream, again when the map loads again. Default: `connect`. For one stream of all tabs:
   * `(url, options) => connectShared(url, { ...options, session })`.
   */
  connect?: (url: string | URL, options: ConnectOptions) => MapStream
  /**
   * The key of a record by its value, for streams with another encoding than `envelope`. It must be what `deletedKey`
   * makes of the record's key in Kafka. null: the record has no key, and is passed over. Default: the stream has
   * envelopes, and these have the key.
   */
  key?: (value: V) => string | null
  /** The map's key by Kafka's, for deletes; only with `key`. Default: its text, or base64 if it is not UTF-8. */
  deletedKey?: (key: Uint8Array) => string
  /** Makes a value of a record's; `record` is null without envelopes. Never undefined. Default: JSON.parse. */
  parse?: (value: string, record: RecordEnvelope | null) => V
  /** Called for each record that cannot be read. See `BadRecord`. */
  onBadRecord?: (record: BadRecord) => void
}

/** The options of the map's own: functions, all of which may be missing. */
const OWN = {
  connect: undefined,
  key: undefined,
  deletedKey: undefined,
  parse: undefined,
  onBadRecord: undefined,
}
/** Parameters that would leave records out of the map. */
const PARTIAL = ['since', 'lastEventId', 'last_event_id']

/** Throws a TypeError that names the option. */
export function checkLiveMapOptions<V>(url: string | URL, options: LiveMapOptions<V>): void {
  const { headers } = readOptions(options, OWN)
  if (options.deletedKey !== undefined && options.key === undefined) {
    throw new TypeError('deletedKey needs key: envelopes have the keys themselves')
  }
  if ('onEvent' in options) throw new TypeError('A live map has no onEvent: subscribe to the map')
  if ('lastEventId' in options) throw new TypeError('A live map has no lastEventId: it needs the whole topic')
  if ('last-event-id' in headers)
    throw new TypeError('A live map needs the whole topic: no header last-event-id')
  const { searchParams } = new URL(readUrl(url))
  const partial = PARTIAL.find((name) => searchParams.get(name))
  if (partial !== undefined)
    throw new TypeError(`A live map needs the whole topic: its URL must not have ${partial}`)
  if (searchParams.get('from') === 'latest') {
    throw new TypeError('A live map needs the whole topic: its URL must not have from=latest')
  }
}

/** The options for `connect`. */
export function streamOptions<V>(options: LiveMapOptions<V>): ConnectOptions {
  const { connect, key, deletedKey, parse, onBadRecord, ...others } = options
  return others
}
