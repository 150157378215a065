// Records of which every byte is known: a record's topic and offset say its size, its key and each byte of its frame.

import { randomOf } from '../support/random.mjs'

const PERIOD = 65_521 // a prime, so that no size and no segment is a multiple of it
const LETTERS = letters(PERIOD)
const REPEATED = Buffer.concat(Array.from({ length: 40 }, () => LETTERS))
const KEYS = 100

/** A value's bytes: its topic and offset as text, then letters that begin where both together say. */
export function recordValue(topic, offset) {
  const random = randomOf(offset * 2 + topic.length)
  const start = Math.floor(random() * PERIOD)
  return Buffer.concat([
    Buffer.from(`${topic} ${offset} `),
    REPEATED.subarray(start, start + sizeOf(offset, random())),
  ])
}

/** Its key's text; null in the topic `all`, whose records supersede nothing. */
export function recordKey(topic, offset) {
  return topic === 'all' ? null : `${Math.floor(randomOf(offset)() * KEYS)}`
}

/** The bytes that stand for the record on the wire, in a topic of one partition. */
export function recordFrame(topic, offset) {
  return Buffer.concat([
    Buffer.from('data:'),
    recordValue(topic, offset),
    Buffer.from(`\nid:${idOf(offset + 1)}\n\n`),
  ])
}

/** The id of a position in partition 0: docs/protocol.md, "Event ids". */
export function idOf(nextOffset) {
  const bytes = [1, 2, 0]
  let rest = nextOffset * 2
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest & 0x7f) | 0x80)
  bytes.push(rest)
  const text = Buffer.from(bytes).toString('base64url')
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}

/** Mostly small, some that share a segment with few others, a few that need one of their own. */
function sizeOf(offset, share) {
  if (offset % 499 === 498) return 1_400_000
  if (offset % 97 === 96) return 300_000
  return 200 + Math.floor(share * 12_000)
}

function letters(count) {
  const random = randomOf(count)
  return Buffer.from(Array.from({ length: count }, () => 97 + Math.floor(random() * 26)))
}
