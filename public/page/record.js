// What an event tells of its record. A stream of whole records (encoding `envelope`) tells all; of a stream of values
// the id tells partition and offset, and the key is not sent.

import { placeOf, positionOf } from './position.js'

/** Longer data is not parsed: it is shown from its beginning. */
const PARSED_MAX = 1 << 20
/** Of a Date, in epoch ms. A producer chooses its record's timestamp, and Kafka takes later ones. */
const DATE_MAX_MS = 8.64e15

/**
 * `kind`: `message`, `delete`, `gap` or `ready`. Of records: `key`, `partition`, `offset`, `headers` and `timestampMs`,
 * each null if the stream does not tell it; `text`, the value; `json`, the value parsed if it is an object or a list.
 * `isWhole`: whether the stream sends whole records, so that a value that only looks like one stays a value.
 */
export function readEvent({ type, data, id }, previousId, isWhole) {
  const unknown = { key: null, partition: null, offset: null, headers: null, timestampMs: null, json: null }
  const event = { ...unknown, kind: type, id, text: data }
  if (type === 'delete') return { ...event, ...placeOf(id, previousId), key: keyText(data), text: '' }
  if (type !== 'message') return event
  const parsed = parse(data)
  if (isWhole && isEnvelope(parsed)) return { ...event, ...ofEnvelope(parsed) }
  return { ...event, ...placeOf(id, previousId), json: parsed }
}

/** Whether an event is a whole record: it looks like one, and is where its id says that it is. Such ids are plain. */
export function isWholeRecord({ data, id }) {
  const parsed = parse(data)
  if (!isEnvelope(parsed)) return false
  return positionOf(id, Number.POSITIVE_INFINITY)?.get(parsed.partition) === parsed.offset + 1
}

function ofEnvelope({ key, value, headers, timestamp, partition, offset }) {
  const text = value ?? ''
  const timestampMs = Math.abs(timestamp) <= DATE_MAX_MS ? timestamp : null
  return { key, text, headers, timestampMs, partition, offset, json: parse(text) }
}

/** Looks at each member, because a value of somebody else's may be anything that only looks like a record. */
function isEnvelope(parsed) {
  if (parsed === null) return false
  const { key, value, headers, timestamp, partition, offset } = parsed
  const isPlace = Number.isSafeInteger(partition) && Number.isSafeInteger(offset)
  const isTime = timestamp === null || typeof timestamp === 'number'
  return (
    isText(key) && isText(value) && isPlace && isTime && Array.isArray(headers) && headers.every(isHeader)
  )
}

function isHeader(header) {
  return (
    typeof header === 'object' && header !== null && typeof header.name === 'string' && isText(header.value)
  )
}

function isText(value) {
  return value === null || typeof value === 'string'
}

/** An object or a list; null for anything else, which is shown as it is written. */
function parse(text) {
  if (text.length > PARSED_MAX || !/^\s*[{[]/.test(text)) return null
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** The key as text if it is UTF-8, otherwise in base64url. */
function keyText(base64url) {
  try {
    const binary = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'))
    return new TextDecoder('utf-8', { fatal: true }).decode(
      Uint8Array.from(binary, (character) => character.charCodeAt(0)),
    )
  } catch {
    return base64url
  }
}

/** A record as a line of JSON, for the clipboard. A value that is nested too deeply to be written is text. */
export function lineOf(event) {
  try {
    return JSON.stringify(asObject(event))
  } catch {
    return JSON.stringify(asObject({ ...event, json: null }))
  }
}

/** A record as one object. Leaves out what the stream does not tell. */
export function asObject({ kind, key, partition, offset, headers, timestampMs, json, text, id }) {
  const value = kind === 'delete' ? null : (json ?? text)
  const members = { key, partition, offset, timestamp: timestampMs, headers, value, id }
  return Object.fromEntries(
    Object.entries(members).filter(([name, each]) => each !== null || name === 'value'),
  )
}
