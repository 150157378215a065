// A second codec of event ids, from docs/protocol.md and in BigInt: slow, plain, and without a line of
// src/bus/event-id.ts, so that no mistake is in both.

export type Pair = readonly [partition: bigint, offset: bigint]

export interface Reading {
  /** Which rule refused it; `read` where none did. */
  readonly rule: string
  /** In the id's own order; empty where it was refused. */
  readonly pairs: readonly Pair[]
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const NUMBER_BYTES_MAX = 10
const PARTITION_MAX = 2n ** 31n - 1n
const OFFSET_MAX = 2n ** 53n - 1n

class Refusal extends Error {}

export function readId(text: string): Reading {
  try {
    return { rule: 'read', pairs: readPairs(readBytes(positionIn(text))) }
  } catch (error) {
    if (error instanceof Refusal) return { rule: error.message, pairs: [] }
    throw error
  }
}

/** The id of these pairs, in ascending order and with the fewest bytes: the one way in which it is written. */
export function writeId(pairs: readonly Pair[]): string {
  const ascending = [...pairs].sort(([a], [b]) => (a < b ? -1 : 1))
  return writeText([1, ...[BigInt(ascending.length), ...ascending.flat()].flatMap((n) => writeNumber(n))])
}

/** Zigzag LEB128, in at least as many bytes as are asked for. */
export function writeNumber(value: bigint, bytesMin = 1): number[] {
  let zigzag = value < 0n ? -value * 2n - 1n : value * 2n
  const bytes: number[] = []
  do {
    bytes.push(Number(zigzag % 128n))
    zigzag /= 128n
  } while (zigzag > 0n || bytes.length < bytesMin)
  return bytes.map((byte, i) => (i < bytes.length - 1 ? byte + 128 : byte))
}

/** Base64url with padding (RFC 4648, section 5), bit by bit. */
export function writeText(bytes: readonly number[]): string {
  const bits = bytes.map((byte) => byte.toString(2).padStart(8, '0')).join('')
  const sextets = bits.match(/.{1,6}/g) ?? []
  const text = sextets.map((sextet) => ALPHABET[Number.parseInt(sextet.padEnd(6, '0'), 2)]).join('')
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}

/** `POSITION`, `POSITION/ETAG`, `["KEY","POSITION"]`, `["KEY","POSITION/ETAG"]`, and `null` for `"KEY"`. */
function positionIn(text: string): string {
  if (!text.startsWith('[')) return beforeSlash(text)
  if (!text.endsWith(']')) throw new Refusal('pair not closed')
  const behindKey = afterKey(trimSpaces(text.slice(1, -1)))
  if (!behindKey.startsWith(',')) throw new Refusal('pair without a comma')
  const second = trimSpaces(behindKey.slice(1))
  if (second.length < 2 || !second.startsWith('"') || !second.endsWith('"'))
    throw new Refusal('second is no string')
  return beforeSlash(second.slice(1, -1))
}

function afterKey(inside: string): string {
  if (inside.startsWith('null')) return trimSpaces(inside.slice('null'.length))
  const close = inside.startsWith('"') ? inside.indexOf('"', 1) : -1
  if (close === -1) throw new Refusal('key is neither a string nor null')
  return trimSpaces(inside.slice(close + 1))
}

function beforeSlash(text: string): string {
  return text.split('/', 1)[0] ?? ''
}

function trimSpaces(text: string): string {
  let [from, to] = [0, text.length]
  while (text[from] === ' ') from++
  while (to > from && text[to - 1] === ' ') to--
  return text.slice(from, to)
}

function readBytes(text: string): number[] {
  let length = text.length
  while (length > 0 && text[length - 1] === '=') length--
  const padding = text.length - length
  if (length === 0) throw new Refusal('nothing')
  if (length % 4 === 1) throw new Refusal('a character too many')
  if (padding !== 0 && padding !== (4 - (length % 4)) % 4) throw new Refusal('padding')
  return readSextets([...text.slice(0, length)].map((character) => ALPHABET.indexOf(character)))
}

function readSextets(sextets: number[]): number[] {
  if (sextets.includes(-1)) throw new Refusal('alphabet')
  const bits = sextets.map((sextet) => sextet.toString(2).padStart(6, '0')).join('')
  const whole = Math.floor(bits.length / 8) * 8
  if (bits.slice(whole).includes('1')) throw new Refusal('bits left over')
  return (bits.slice(0, whole).match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2))
}

function readPairs(bytes: number[]): Pair[] {
  if (bytes[0] !== 1) throw new Refusal('version')
  let at = 1
  const next = (): bigint => {
    const { value, length } = readNumber(bytes, at)
    at += length
    return value
  }
  const count = next()
  if (count < 0n) throw new Refusal('negative count')
  const pairs: Pair[] = []
  // However large the count is, the bytes are at their end before long.
  for (let i = 0n; i < count; i++) pairs.push([next(), next()])
  if (at !== bytes.length) throw new Refusal('bytes left over')
  return checked(pairs)
}

function readNumber(bytes: number[], at: number): { value: bigint; length: number } {
  let zigzag = 0n
  for (let i = 0; ; i++) {
    const byte = bytes[at + i]
    if (i === NUMBER_BYTES_MAX) throw new Refusal('number of eleven bytes')
    if (byte === undefined) throw new Refusal('truncated')
    zigzag += BigInt(byte % 128) * 128n ** BigInt(i)
    if (byte < 128) return { value: zigzag % 2n === 0n ? zigzag / 2n : -(zigzag + 1n) / 2n, length: i + 1 }
  }
}

function checked(pairs: readonly Pair[]): Pair[] {
  const seen = new Set<bigint>()
  return pairs.map(([partition, offset]) => {
    if (partition < 0n || partition > PARTITION_MAX) throw new Refusal('partition')
    if (offset < -2n) throw new Refusal('offset')
    if (seen.has(partition)) throw new Refusal('partition twice')
    seen.add(partition)
    return [partition, offset > OFFSET_MAX ? OFFSET_MAX : offset]
  })
}
