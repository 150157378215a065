// A position in fixed widths, as it is sealed: an offset of 7 takes as much room as one of 7,000,000.

import { parseEventId, VarintReader } from '../bus/event-id.ts'
import { EMPTY_POSITION, type Position } from '../bus/position.ts'

const PARTITION_BYTES = 4
const OFFSET_BYTES = 7
const OFFSET_LOW_BYTES = 3
const OFFSET_LOW = 2 ** (8 * OFFSET_LOW_BYTES)
/** First byte. Whether partitions are 0, 1, 2 and so on, so that their numbers are left out. */
const DENSE = 0
const SPARSE = 1

export function positionBytes(position: Position): Buffer {
  const partitions = [...position.keys()].sort((one, other) => one - other)
  const isDense = partitions.every((partition, at) => partition === at)
  const bytes = Buffer.allocUnsafe(1 + partitions.length * (OFFSET_BYTES + (isDense ? 0 : PARTITION_BYTES)))
  bytes[0] = isDense ? DENSE : SPARSE
  let at = 1
  for (const partition of partitions) {
    if (!isDense) at = bytes.writeUInt32BE(partition, at)
    at = writeOffset(bytes, at, position.get(partition) ?? 0)
  }
  return bytes
}

/** `bytes` are what `positionBytes` made. */
export function positionOf(bytes: Buffer): Position {
  const isDense = bytes[0] === DENSE
  const position = new Map<number, number>()
  for (let at = 1; at < bytes.length; at += OFFSET_BYTES) {
    const partition = isDense ? position.size : bytes.readUInt32BE(at)
    if (!isDense) at += PARTITION_BYTES
    position.set(partition, bytes.readInt32BE(at) * OFFSET_LOW + bytes.readUIntBE(at + 4, OFFSET_LOW_BYTES))
  }
  return position
}

/**
 * The same for the text of an event id, from `start` to `end` of `bytes`. Runs for every event of a sealed stream, so
 * it makes no map in between, unless partitions are missing.
 */
export function positionBytesOfId(bytes: Uint8Array, start: number, end: number): Buffer {
  const reader = new VarintReader(base64urlBytes(bytes, start, end), 1)
  const count = reader.next()
  const written = Buffer.allocUnsafe(1 + count * OFFSET_BYTES)
  written[0] = DENSE
  for (let partition = 0; partition < count; partition++) {
    if (reader.next() !== partition) return sparseBytesOfId(bytes, start, end)
    writeOffset(written, 1 + partition * OFFSET_BYTES, reader.next())
  }
  return written
}

function sparseBytesOfId(bytes: Uint8Array, start: number, end: number): Buffer {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
  return positionBytes(parseEventId(text) ?? EMPTY_POSITION)
}

function writeOffset(bytes: Buffer, at: number, offset: number): number {
  const high = Math.floor(offset / OFFSET_LOW)
  const low = offset - high * OFFSET_LOW
  bytes[at] = high >> 24
  bytes[at + 1] = high >> 16
  bytes[at + 2] = high >> 8
  bytes[at + 3] = high
  bytes[at + 4] = low >> 16
  bytes[at + 5] = low >> 8
  bytes[at + 6] = low
  return at + OFFSET_BYTES
}

const PADDING = 0x3d
const SIX_BITS = new Uint8Array(256)
for (const [value, character] of [
  ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
].entries())
  SIX_BITS[character.charCodeAt(0)] = value

/** Decodes whole groups of four characters. */
function base64urlBytes(text: Uint8Array, start: number, end: number): Uint8Array {
  const decoded = Buffer.allocUnsafe(((end - start) / 4) * 3)
  let to = 0
  for (let at = start; at < end; at += 4) {
    const [a, b, c, d] = [
      sixBits(text, at),
      sixBits(text, at + 1),
      sixBits(text, at + 2),
      sixBits(text, at + 3),
    ]
    const group = (a << 18) | (b << 12) | (c << 6) | d
    decoded[to++] = group >> 16
    decoded[to++] = group >> 8
    decoded[to++] = group
  }
  return decoded
}

function sixBits(text: Uint8Array, at: number): number {
  return SIX_BITS[text[at] ?? PADDING] ?? 0
}
