// Random mutations of ids, the same ones for the same seed: of the text, the bytes, and the numbers in them.

import { writeNumber, writeText } from './reference-decoder.ts'

export type Random = () => number

const TEXT_LENGTH_MAX = 64 * 1024
/** Mostly one: what is edited often is seldom an id any more. */
const EDITS = [1, 1, 1, 2, 2, 3, 4]
/** A number goes on for eleven bytes at most: BigInts that grow with the text would take longer than all the rest. */
const NUMBER_SCALE_MAX = 128n ** 11n
const CHARACTERS = [...'AQIg0_-=/+%,"[]{}: \\\0\n\r\t~é', '\ud800', '\udc00', '\ufeff', '😀', '==', 'null']
const BYTES = [0, 1, 2, 3, 4, 5, 0x3f, 0x40, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff]
const NUMBERS = [
  ...[0n, 1n, 2n, 63n, 64n, 1000n, 10_000n, 2n ** 20n],
  ...[31n, 32n, 53n, 62n, 63n, 64n, 68n].flatMap((bits) => [2n ** bits - 1n, 2n ** bits, 2n ** bits + 1n]),
].flatMap((value) => [value, -value, -value - 1n])

/** One to four edits of one of the bases; parts of others are taken from the pool. */
export function mutate(bases: readonly string[], pool: readonly string[], random: Random): string {
  let text = pick(bases, random)
  for (let edits = pick(EDITS, random); edits > 0; edits--) {
    const edit = pick([editText, editText, editBytes, editBytes, editNumbers, editNumbers, wrap], random)
    text = edit(text, pool, random).slice(0, TEXT_LENGTH_MAX)
  }
  return text
}

type Edit = (text: string, pool: readonly string[], random: Random) => string

const editText: Edit = (text, pool, random) => {
  const from = below(text.length + 1, random)
  const to = from + below(Math.min(text.length - from, 8) + 1, random)
  const [head, cut, tail] = [text.slice(0, from), text.slice(from, to), text.slice(to)]
  const other = pick(pool, random)
  return pick(
    [
      () => head + tail,
      () => head,
      () => head + pick(CHARACTERS, random) + tail,
      () => head + cut.repeat(below(6, random)) + tail,
      () => head + String.fromCharCode(below(2 ** pick([7, 8, 16], random), random)) + tail,
      () => head + other.slice(below(other.length + 1, random)),
      () => text.replace(/=+$/, '') + '='.repeat(below(5, random)),
    ],
    random,
  )()
}

const editBytes: Edit = (text, pool, random) => {
  const bytes = bytesOf(text)
  const at = below(bytes.length + 1, random)
  const others = bytesOf(pick(pool, random))
  const edits = [
    () => bytes.splice(at, 1),
    () => bytes.splice(at, 1, pick(BYTES, random)),
    () => bytes.splice(at, 0, pick(BYTES, random)),
    () => bytes.splice(at, 1, (bytes[at] ?? 0) ^ (1 << below(8, random))),
    () => bytes.splice(at, 0, ...bytes.slice(at, at + below(24, random))),
    () => bytes.splice(at, bytes.length, ...others.slice(below(others.length, random))),
  ]
  pick(edits, random)()
  return padded(bytes, random)
}

/** Edits the numbers, and mostly makes the count fit again: a wrong count is refused before the rest is read. */
const editNumbers: Edit = (text, pool, random) => {
  const numbers = numbersOf(bytesOf(text).slice(1)).slice(1)
  const at = below(numbers.length + 1, random)
  const even = at - (at % 2)
  const edits = [
    () => numbers.splice(at, 1, pick(NUMBERS, random)),
    () => numbers.splice(even, 0, BigInt(below(40, random)), pick(NUMBERS, random)),
    () => numbers.splice(even, 2),
    () => numbers.splice(even, 0, ...numbers.slice(0, 2)),
    () => numbers.splice(at, 0, pick(NUMBERS, random)),
    () => numbers.splice(even, 0, ...numbersOf(bytesOf(pick(pool, random))).slice(2, 12)),
  ]
  pick(edits, random)()
  const count = random() < 0.9 ? BigInt(numbers.length >> 1) : pick(NUMBERS, random)
  const bytesMin = () => (random() < 0.95 ? 1 : 1 + below(11, random))
  return padded([1, ...[count, ...numbers].flatMap((number) => writeNumber(number, bytesMin()))], random)
}

const wrap: Edit = (text, pool, random) => {
  const other = pick(pool, random).slice(0, 40)
  const forms = [
    `${text}/${other}`,
    `["${other}","${text}"]`,
    `[null,"${text}/${other}"]`,
    `[ null , "${text}" ]`,
    `[${other},${text}]`,
    JSON.stringify([other, text]),
    JSON.stringify([text]),
    encodeURIComponent(text.replace(/[\ud800-\udfff]/g, '')),
  ]
  return pick(forms, random)
}

function bytesOf(text: string): number[] {
  return [...Buffer.from(text, 'base64url')]
}

function padded(bytes: readonly number[], random: Random): string {
  const text = writeText(bytes)
  return random() < 0.7 ? text : text.replace(/=+$/, '')
}

function numbersOf(bytes: readonly number[]): bigint[] {
  const numbers: bigint[] = []
  let [zigzag, scale] = [0n, 1n]
  for (const byte of bytes) {
    zigzag += BigInt(byte & 0x7f) * scale
    scale *= 128n
    if (byte & 0x80 && scale < NUMBER_SCALE_MAX) continue
    numbers.push(zigzag % 2n === 0n ? zigzag / 2n : -(zigzag + 1n) / 2n)
    ;[zigzag, scale] = [0n, 1n]
  }
  return numbers
}

function pick<T>(from: readonly T[], random: Random): T {
  return from[below(from.length, random)] as T // nothing here picks from nothing
}

function below(bound: number, random: Random): number {
  return Math.floor(random() * bound)
}
