// The codec of the event id, which is the text of a position. Pure: bytes in, bytes out. The format is Zilla's, so that
// clients can move between the two servers. It is byte 01, then the partition count and each (partition, next offset)
// as zigzag LEB128. All of it is base64url with padding.

import { FROM_BEGINNING, type Position } from './position.ts'

/** The first byte of every position's binary form. */
const VERSION = 1
const VARINT_BYTES_MAX = 10
const PARTITION_MAX = 2 ** 31 - 1
/** Texts up to this length, in bytes, are copied in a loop, which is faster than a call. */
const LOOP_BYTES_MAX = 64
/** Holds one number while it is encoded. */
const scratch = new Uint8Array(VARINT_BYTES_MAX)

/** The event id of a position. */
export function formatEventId(position: Position): string {
  const encoder = new PositionEncoder(position.size)
  encoder.begin(position.size)
  for (const partition of [...position.keys()].sort((a, b) => a - b)) {
    encoder.add(partition, position.get(partition) ?? FROM_BEGINNING)
  }
  const text = Buffer.alloc(encoder.textBytes())
  encoder.writeText(text, 0)
  return text.toString('latin1')
}

/**
 * The position of an event id. Never throws. null if the text is not an event id: a character outside base64url,
 * another version, a number that is truncated or over ten bytes, an offset below -2, a partition twice or of 2^31 or
 * more, bytes left over. Accepts missing padding, partitions in any order, numbers with needless bytes, and Zilla's
 * forms `…/etag`, `["key","…"]` and `[null,"…"]`. Reads larger offsets as 2^53 - 1, which no topic reaches. Time and
 * memory are bounded by the length of the text, not by the numbers in it.
 */
export function parseEventId(text: string): Position | null {
  const bytes = decodeText(unwrapZilla(text))
  return bytes === null ? null : decodePosition(bytes)
}

/**
 * Zilla's pair: the record's key in base64 or null, then the position. A slash begins an etag. Zilla does not escape
 * the etag's bytes, so the pair is not always JSON.
 */
const ZILLA_PAIR = /^\[ *(?:null|"[^"]*") *, *"([^"/]*)(?:\/.*)?" *\]$/s

function unwrapZilla(text: string): string {
  const [, position] = ZILLA_PAIR.exec(text) ?? []
  if (position !== undefined) return position
  const slash = text.indexOf('/')
  return slash === -1 ? text : text.slice(0, slash)
}

/** Decodes base64url with or without padding. null if encoding the bytes would give another text. */
function decodeText(text: string): Uint8Array | null {
  const bare = text.replace(/={1,2}$/, '')
  if (bare === '' || (bare !== text && text.length % 4 !== 0)) return null
  const bytes = Buffer.from(bare, 'base64url')
  return bytes.toString('base64url') === bare ? bytes : null
}

function decodePosition(bytes: Uint8Array): Position | null {
  if (bytes[0] !== VERSION) return null
  const reader = new VarintReader(bytes, 1)
  const count = reader.next()
  // A pair takes at least two bytes. Refuses an impossible count before it allocates anything.
  if (count < 0 || count > (bytes.length - 2) / 2) return null
  const offsets = new Map<number, number>()
  let highest = -1
  for (let i = 0; i < count; i++) {
    const partition = reader.next()
    const offset = reader.next()
    if (reader.failed || partition < 0 || partition > PARTITION_MAX || offset < FROM_BEGINNING) return null
    // Only a partition out of order can be a duplicate. Looking up every partition would take half of the time.
    if (partition <= highest && offsets.has(partition)) return null
    highest = Math.max(highest, partition)
    offsets.set(partition, offset)
  }
  return reader.failed || reader.at !== bytes.length ? null : offsets
}

/** Reads zigzag LEB128 from a byte array. `failed` once a number was truncated or longer than ten bytes. */
export class VarintReader {
  readonly bytes: Uint8Array
  at: number
  failed = false

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes
    this.at = at
  }

  next(): number {
    const first = this.byte()
    // The lowest bit is the sign (zigzag). The first byte has six bits of the magnitude, each later byte seven.
    let magnitude = (first & 0x7f) >> 1
    let scale = 64
    let byte = first
    for (let length = 1; byte & 0x80; length++) {
      if (length === VARINT_BYTES_MAX) this.failed = true
      if (this.failed) return -Infinity
      byte = this.byte()
      magnitude += (byte & 0x7f) * scale
      scale *= 128
    }
    const clamped = Math.min(magnitude, Number.MAX_SAFE_INTEGER)
    return first & 1 ? -clamped - 1 : clamped
  }

  private byte(): number {
    const byte = this.bytes[this.at]
    if (byte === undefined) {
      this.failed = true
      return 0
    }
    this.at++
    return byte
  }
}

const BASE64URL = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', 'latin1')
const PADDING = 0x3d

/**
 * Encodes a position as an event id. Makes no string in between, because it runs for every frame with a merged id.
 */
export class PositionEncoder {
  /** Binary form of the current position. Replaced by a longer array for more partitions. */
  private bytes: Uint8Array
  private length = 0

  constructor(partitions: number) {
    this.bytes = new Uint8Array(positionBytesMax(partitions))
  }

  begin(partitions: number): void {
    if (this.bytes.length < positionBytesMax(partitions))
      this.bytes = new Uint8Array(positionBytesMax(partitions))
    this.bytes[0] = VERSION
    this.length = writeVarint(this.bytes, 1, partitions)
  }

  add(partition: number, offset: number): void {
    this.length = writeVarint(this.bytes, writeVarint(this.bytes, this.length, partition), offset)
  }

  /** Length of the text in bytes, with padding. */
  textBytes(): number {
    return Math.ceil(this.length / 3) * 4
  }

  /** Writes the text at `at`. Returns where it ends. */
  writeText(target: Uint8Array, at: number): number {
    return writeBase64url(this.bytes.subarray(0, this.length), 0, this.length, target, at)
  }
}

/** The event id of a bus's position. When one partition moves, it rewrites a few characters, not all partitions. */
export class PositionText {
  /** Binary form of the position, and its text. */
  private bytes = new Uint8Array(0)
  private text = new Uint8Array(0)
  /** By partition, where its offset starts and ends in `bytes`. */
  private readonly places = new Map<number, { readonly start: number; readonly end: number }>()

  /** Length of the text, in bytes. */
  get length(): number {
    return this.text.length
  }

  /** Encodes the whole position. `partitions` are in ascending order; `next` returns the next offset of each. */
  make(partitions: readonly number[], next: (partition: number) => number): void {
    const bytes = new Uint8Array(positionBytesMax(partitions.length))
    bytes[0] = VERSION
    let end = writeVarint(bytes, 1, partitions.length)
    this.places.clear()
    for (const partition of partitions) {
      const start = writeVarint(bytes, end, partition)
      end = writeVarint(bytes, start, next(partition))
      this.places.set(partition, { start, end })
    }
    this.bytes = bytes.slice(0, end)
    this.text = new Uint8Array(Math.ceil(end / 3) * 4)
    writeBase64url(this.bytes, 0, end, this.text, 0)
  }

  /** Rewrites one partition's offset. Returns false, and changes nothing, if the number of its bytes would change. */
  move(partition: number, offset: number): boolean {
    const place = this.places.get(partition)
    const length = writeVarint(scratch, 0, offset)
    if (place === undefined || length !== place.end - place.start) return false
    for (let i = 0; i < length; i++) this.bytes[place.start + i] = scratch[i] ?? 0
    const from = place.start - (place.start % 3)
    writeBase64url(this.bytes, from, place.end, this.text, (from / 3) * 4)
    return true
  }

  /** Writes the text at `at`. Returns where it ends. */
  write(target: Uint8Array, at: number): number {
    const { text } = this
    if (text.length > LOOP_BYTES_MAX) target.set(text, at)
    else for (let i = 0; i < text.length; i++) target[at + i] = text[i] ?? 0
    return at + text.length
  }

  toString(): string {
    return Buffer.from(this.text.buffer).toString('latin1')
  }
}

/**
 * Writes the base64url of bytes `from` (a multiple of three) up to `to` into `target` at `at`. Returns where it ends.
 */
export function writeBase64url(
  bytes: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  at: number,
): number {
  let end = at
  for (let group = from; group < to; group += 3) {
    const [a, b, c] = [bytes[group] ?? 0, bytes[group + 1] ?? 0, bytes[group + 2] ?? 0]
    target[end] = BASE64URL[a >> 2] ?? 0
    target[end + 1] = BASE64URL[((a & 3) << 4) | (b >> 4)] ?? 0
    target[end + 2] = group + 1 < bytes.length ? (BASE64URL[((b & 15) << 2) | (c >> 6)] ?? 0) : PADDING
    target[end + 3] = group + 2 < bytes.length ? (BASE64URL[c & 63] ?? 0) : PADDING
    end += 4
  }
  return end
}

/** Writes a number as zigzag LEB128 at `at`. Returns where it ends. */
function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  const negative = value < 0
  const magnitude = negative ? -value - 1 : value
  let rest = Math.floor(magnitude / 64)
  let end = at
  bytes[end++] = ((magnitude % 64) << 1) | (negative ? 1 : 0) | (rest > 0 ? 0x80 : 0)
  while (rest > 0) {
    const byte = rest % 128
    rest = Math.floor(rest / 128)
    bytes[end++] = byte | (rest > 0 ? 0x80 : 0)
  }
  return end
}

/** Length in bytes of the longest binary form of this many partitions. */
function positionBytesMax(partitions: number): number {
  return 1 + VARINT_BYTES_MAX * (1 + 2 * partitions)
}
