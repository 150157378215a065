// Reads the records of a live map: which key, which value. Promise: the errors that are made here name no key and no
// value.

import { parseObject } from '../json-object.ts'
import type { LiveMapOptions, RecordEnvelope } from './live-map-options.ts'

/** What an event says of a key. */
export type Reading<V> =
  | { readonly kind: 'value'; readonly key: string; readonly value: V }
  | { readonly kind: 'delete'; readonly key: string }
  | { readonly kind: 'keyless' }
  /** `key` is null if it is not known. */
  | { readonly kind: 'bad'; readonly key: string | null; readonly error: unknown }

type Wanted<V> = Pick<LiveMapOptions<V>, 'key' | 'deletedKey' | 'parse'>

/** Every method throws a TypeError if the stream or an option is not what a live map needs. */
export class RecordReader<V> {
  readonly #key: LiveMapOptions<V>['key']
  readonly #deletedKey: NonNullable<LiveMapOptions<V>['deletedKey']>
  readonly #parse: NonNullable<LiveMapOptions<V>['parse']>

  constructor({ key, deletedKey = textOfKey, parse = parseJson }: Wanted<V>) {
    this.#key = key
    this.#deletedKey = deletedKey
    this.#parse = parse
  }

  /** A record's event; `data` is an envelope, or with the option `key` the value. */
  read(data: string): Reading<V> {
    return this.#key === undefined ? this.#readEnvelope(data) : this.#readValue(data, this.#key)
  }

  /** A delete's event; `data` is Kafka's key in base64url. */
  readDeleted(data: string): Reading<never> {
    try {
      return { kind: 'delete', key: checkKey('deletedKey', this.#deletedKey(bytesOf(data))) }
    } catch (error) {
      return bad(null, error)
    }
  }

  #readEnvelope(data: string): Reading<V> {
    const record = readRecord(data)
    if (record.key === null) return { kind: 'keyless' }
    try {
      return { kind: 'value', key: record.key, value: checkValue(this.#parse(record.value, record)) }
    } catch (error) {
      return bad(record.key, error)
    }
  }

  #readValue(data: string, keyOf: (value: V) => string | null): Reading<V> {
    try {
      const value = checkValue(this.#parse(data, null))
      const key = keyOf(value) ?? null
      return key === null ? { kind: 'keyless' } : { kind: 'value', key: checkKey('key', key), value }
    } catch (error) {
      return bad(null, error)
    }
  }
}

/** An option is wrong for every record, so the map cannot go on. */
class WrongOption extends TypeError {}

function bad(key: string | null, error: unknown): Reading<never> {
  if (error instanceof WrongOption) throw error
  return { kind: 'bad', key, error }
}

function readRecord(data: string): RecordEnvelope {
  const record = parseObject(data)
  if (record === null || !isEnvelope(record)) {
    throw new TypeError("A record is not an envelope: the stream needs encoding 'envelope', or liveMap a key")
  }
  return record
}

function isEnvelope(record: object): record is RecordEnvelope {
  const { key, value, partition, offset } = record as Partial<RecordEnvelope>
  const hasKey = key === null || typeof key === 'string'
  return hasKey && typeof value === 'string' && Number.isInteger(partition) && Number.isInteger(offset)
}

/** A key of another type than a delete's would never be found again. */
function checkKey(option: string, key: unknown): string {
  if (typeof key === 'string') return key
  throw new WrongOption(
    `${option} must return a text, and returned ${key === null ? 'null' : `a ${typeof key}`}`,
  )
}

function checkValue<V>(value: V): V {
  if (value === undefined) throw new TypeError('parse returned undefined, which is no value')
  return value
}

/** Base64 may be JSON by chance: `1234`, `true`, `null`. */
function parseJson<V>(text: string, record: RecordEnvelope | null): V {
  try {
    if (record?.valueEncoding !== undefined) throw new TypeError('The value is not UTF-8')
    return JSON.parse(text) // any: the caller names the type, as with JSON.parse itself
  } catch {
    // Without the cause, which quotes the value.
    throw new SyntaxError('The value of a record is not JSON')
  }
}

/** As the server writes keys into envelopes: UTF-8 as text, other bytes in base64. */
function textOfKey(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return btoa(binaryOf(bytes))
  }
}

function bytesOf(base64url: string): Uint8Array {
  const binary = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(binary, (character) => character.charCodeAt(0))
}

function binaryOf(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return binary
}
