// Random JSON documents with what makes them hard to read: names with escapes, duplicates, odd numbers, space, and
// edited bytes. Most are valid.

type Random = () => number

const NAMES = [
  ...['a', 'b', 'ab', '0', '1', '2', '00', '-1', '', 'length', '__proto__', 'constructor', '\\u0061'],
  ...[
    'é',
    '€',
    '😀',
    '😁',
    '\ud83d',
    '\ude00',
    '\ufffd',
    '\ufeff',
    'a"b',
    'a\\',
    '/',
    '\n\b\f\r\t',
    '\u0001',
    '\u007f',
  ],
  'a name of some length, so that many are shorter',
]
/** So few that names are often duplicates, and often on the path. */
const FREQUENT = NAMES.slice(0, 5)
const STRINGS = [...NAMES, 'x', 'y', '\u2028', 'x'.repeat(70)]
const NUMBERS = [
  '0',
  '-0',
  '7',
  '10',
  '1.0',
  '-1.50',
  '1e2',
  '1E+2',
  '0e-0',
  '12345678901234567890',
  '1e999',
  '-9',
]
const WORDS = ['true', 'false', 'null']
/** What is no value, by one fault each. */
export const BAD_VALUES = [
  ...['01', '-', '1.', '.5', '1e', '+1', '1e+', '0x1', 'NaN', '--1', '1.e1', '-a', '1a', '00', 'Infinity'],
  ...[
    'tru',
    'nul',
    'True',
    'falsee',
    'undefined',
    "'a'",
    ',',
    '[1,]',
    '[,1]',
    '{"a":1,}',
    '{,}',
    '{"a"}',
    '{a:1}',
  ],
  ...[
    '{"a" 1}',
    '{"a",1}',
    '[1 2]',
    '[1;2]',
    '{"a":1;"b":2}',
    '{"a":1:"b":2}',
    '{"a":1 "b":2}',
    '{"a":1]',
    '[1:2]',
    '[',
    '{',
    ']',
    '}',
    '[}',
    '{]',
    '"',
    '"a',
    '"\n"',
    '"\t"',
    '"\u0000"',
  ],
  ...[
    '"\\x"',
    '"\\u12"',
    '"\\u123g"',
    '"\\U0061"',
    '"\\"',
    '"\\\n"',
    '{"a":}',
    '{:1}',
    '{1:1}',
    '[[1]',
    '/**/1',
    '\ufeff1',
  ],
]
const SPACES = ['', '', '', '', '', ' ', '\n', '\t', '\r', ' \r\n\t ']
const BAD_SPACES = ['\v', '\f', '\u00a0', '\u2028', '\ufeff', '\u0000']
const BYTES = [
  ...Buffer.from('"\\[]{},:01e-+. \t\nu/tfn'),
  0x00,
  0x1f,
  0x7f,
  0x80,
  0xbf,
  0xc3,
  0xed,
  0xa0,
  0xef,
  0xff,
]

export function randomPath(random: Random): string[] {
  return Array.from({ length: 1 + below(3, random) }, () => name(random))
}

export function randomValue(random: Random): Uint8Array {
  const bytes = [...Buffer.from(`${space(random)}${container(random, 4)}${space(random)}`)]
  if (random() < 0.15) for (let edits = 1 + below(2, random); edits > 0; edits--) edit(bytes, random)
  return Uint8Array.from(bytes)
}

function edit(bytes: number[], random: Random): void {
  const at = below(bytes.length + 1, random)
  const edits = [
    () => bytes.splice(at, 1),
    () => bytes.splice(at, 1, pick(BYTES, random)),
    () => bytes.splice(at, 0, pick(BYTES, random)),
    () => bytes.splice(at, bytes.length),
    () => bytes.push(pick(BYTES, random)),
    () => bytes.splice(at, 0, ...bytes.slice(at, at + below(12, random))),
    () => bytes.splice(0, 0, 0xef, 0xbb, 0xbf),
  ]
  pick(edits, random)()
}

function value(random: Random, depth: number): string {
  if (random() < 0.004) return pick(BAD_VALUES, random)
  if (depth > 0 && random() < 0.4) return container(random, depth)
  return pick(
    [() => string(pick(STRINGS, random), random), () => pick(NUMBERS, random), () => pick(WORDS, random)],
    random,
  )()
}

function container(random: Random, depth: number): string {
  const length = below(5, random)
  const isList = random() < 0.3
  const items = Array.from({ length }, () => {
    const inner = `${space(random)}${value(random, depth - 1)}${space(random)}`
    return isList ? inner : `${space(random)}${string(name(random), random)}${space(random)}:${inner}`
  }).join(',')
  const inside = length === 0 ? space(random) : items
  return isList ? `[${inside}]` : `{${inside}}`
}

function name(random: Random): string {
  return pick(random() < 0.8 ? FREQUENT : NAMES, random)
}

/** Each code unit as it is or as an escape. */
function string(text: string, random: Random): string {
  const share = pick([0, 0, 0.3, 1], random)
  const quoted = JSON.stringify(text)
  if (share === 0) return quoted
  const units = Array.from({ length: text.length }, (_, at) => text.charAt(at))
  const isWhole = !/[\ud800-\udfff]/.test(text)
  return `"${units.map((unit) => (isWhole && random() >= share ? JSON.stringify(unit).slice(1, -1) : escaped(unit, random))).join('')}"`
}

function escaped(unit: string, random: Random): string {
  if (unit === '/') return '\\/'
  const digits = unit.charCodeAt(0).toString(16).padStart(4, '0')
  return `\\u${random() < 0.5 ? digits : digits.toUpperCase()}`
}

function space(random: Random): string {
  return random() < 0.0005 ? pick(BAD_SPACES, random) : pick(SPACES, random)
}

function pick<T>(from: readonly T[], random: Random): T {
  return from[below(from.length, random)] as T // nothing here picks from nothing
}

function below(bound: number, random: Random): number {
  return Math.floor(random() * bound)
}
