// Encodes a record as one event. No key, value or header can add a field or a second event to it. Pure: a record in,
// the lines of its event out. The id line is added by `writeFrame`, because only the bus knows the id.

import { isUtf8 } from 'node:buffer'
import type { Encoding, KafkaRecord, RecordHeader } from './record.ts'

/** Longest frame in bytes, with its id. In place of a larger one the bus writes `:gap too-large`. */
export const FRAME_BYTES_MAX = 16 * 1024 * 1024

/** Bytes that a header takes in an envelope at least, besides its name and value: `{"name":"","value":""}`. */
const ENVELOPE_HEADER_BYTES_MIN = 22

/** An event's lines, as pieces to be written one after the other. The last ends with LF. */
export type EventLines = readonly Uint8Array[]

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const DATA = Buffer.from('data:')
const DATA_SPACE = Buffer.from('data: ')
const END_OF_LINE = Buffer.from('\n')
const END_OF_EVENT = Buffer.from('\n\n')
const ID = Buffer.from('id:')
const DELETE = Buffer.from('event:delete\ndata:')
/** Written in place of a record whose frame would be too large. A comment, so that plain clients see nothing. */
export const TOO_LARGE_LINES: EventLines = [Buffer.from(':gap too-large\n')]

/** The lines of a record's event: `data:…`, or `event:delete` for a tombstone. null if it has neither key nor value. */
export function eventLines(record: KafkaRecord, encoding: Encoding): EventLines | null {
  if (record.value === null) return record.key === null ? null : deleteLines(record.key)
  if (encoding === 'envelope') return [DATA, Buffer.from(envelope(record)), END_OF_LINE]
  if (encoding === 'base64')
    return [DATA, Buffer.from(asBuffer(record.value).toString('base64')), END_OF_LINE]
  return dataLines(
    isUtf8(record.value) ? asBuffer(record.value) : Buffer.from(asBuffer(record.value).toString('utf8')),
  )
}

/**
 * A lower bound of the bytes of `eventLines`, without encoding anything. Above FRAME_BYTES_MAX do not call
 * `eventLines`: V8 throws for a string of 512 Mi characters, and Kafka has no bound below 2 GiB. A key over the limit
 * is too large in every encoding, because no tombstone could name it.
 */
export function eventBytesMin({ key, value, headers }: KafkaRecord, encoding: Encoding): number {
  if (key !== null && key.length > FRAME_BYTES_MAX) return key.length
  if (value === null) return key === null ? 0 : DELETE.length + base64Bytes(key)
  if (encoding === 'base64') return DATA.length + base64Bytes(value)
  let bytes = DATA.length + value.length // U+FFFD is never shorter than the bytes that it replaces
  if (encoding === 'text') return bytes
  bytes += key?.length ?? 0
  for (const header of headers)
    bytes += ENVELOPE_HEADER_BYTES_MIN + header.name.length + (header.value?.length ?? 0)
  return bytes
}

function base64Bytes(bytes: Uint8Array): number {
  return Math.ceil(bytes.length / 3) * 4
}

function linesBytes(lines: EventLines): number {
  let bytes = 0
  for (const piece of lines) bytes += piece.length
  return bytes
}

/** Bytes of a whole frame: the lines, the id line and the blank line. */
export function bytesOfFrame(lines: EventLines, idBytes: number): number {
  return linesBytes(lines) + ID.length + idBytes + END_OF_EVENT.length
}

/** Writes a frame at `start`. `writeId` writes the id's text at an index and returns where it ends. */
export function writeFrame(
  bytes: Uint8Array,
  start: number,
  lines: EventLines,
  writeId: (at: number) => number,
): void {
  let to = start
  for (const piece of lines) {
    bytes.set(piece, to)
    to += piece.length
  }
  bytes.set(ID, to)
  bytes.set(END_OF_EVENT, writeId(to + ID.length))
}

/** The lines of an event that deletes a key. */
export function deleteLines(key: Uint8Array): EventLines {
  return [DELETE, Buffer.from(base64urlPadded(key)), END_OF_LINE]
}

/**
 * A `data:` line for every line of the value (HTML spec 9.2.6: LF, CR and CRLF end a line). A line that begins with a
 * space gets another space, because the client removes one.
 */
function dataLines(value: Buffer): EventLines {
  if (value.indexOf(LF) === -1 && value.indexOf(CR) === -1) {
    return [value[0] === SPACE ? DATA_SPACE : DATA, value, END_OF_LINE]
  }
  return [splitLines(value)]
}

/**
 * Counts the bytes first and then fills one buffer, so no line needs a piece of its own. A value of line ends only
 * grows sixfold.
 */
function splitLines(value: Buffer): Uint8Array {
  let bytes = 0
  forEachLine(value, (start, end) => {
    bytes += DATA.length + (value[start] === SPACE && start < end ? 1 : 0) + (end - start) + 1
    return bytes <= FRAME_BYTES_MAX
  })
  if (bytes > FRAME_BYTES_MAX) return new Uint8Array(bytes) // too large: the bus reads only its length
  const lines = Buffer.allocUnsafe(bytes)
  let at = 0
  forEachLine(value, (start, end) => {
    at += (value[start] === SPACE && start < end ? DATA_SPACE : DATA).copy(lines, at)
    at += value.copy(lines, at, start, end)
    lines[at++] = LF
    return true
  })
  return lines
}

/**
 * Calls `line` with the bounds of each line until it returns false. After a final line
 * end there is an empty last line.
 */
function forEachLine(value: Buffer, line: (start: number, end: number) => boolean): void {
  let start = 0
  for (let at = 0; at < value.length; at++) {
    const byte = value[at]
    if (byte !== LF && byte !== CR) continue
    if (!line(start, at)) return
    if (byte === CR && value[at + 1] === LF) at++
    start = at + 1
  }
  line(start, value.length)
}

/** One line of JSON. Bytes that are UTF-8 are text; others are base64, with `…Encoding: "base64"` beside them. */
function envelope(record: KafkaRecord): string {
  return JSON.stringify({
    ...encoded('key', record.key),
    ...encoded('value', record.value),
    headers: record.headers.map(({ name, value }: RecordHeader) => ({ name, ...encoded('value', value) })),
    timestamp: record.timestampMs,
    partition: record.partition,
    offset: record.offset,
  })
}

function encoded(name: string, bytes: Uint8Array | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null }
  if (isUtf8(bytes)) return { [name]: asBuffer(bytes).toString('utf8') }
  return { [name]: asBuffer(bytes).toString('base64'), [`${name}Encoding`]: 'base64' }
}

function base64urlPadded(bytes: Uint8Array): string {
  const text = asBuffer(bytes).toString('base64url')
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
