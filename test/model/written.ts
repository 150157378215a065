// Records that are written at once in a case of the resume model.

import fc from 'fast-check'
import type { Choose } from './choice.ts'
import { mostly } from './choice.ts'

const KEYS = 6
const SIZES = [0, 5, 60, 700, 2_000, 9_000]
const STAMPS = [
  ['now', 19],
  ['in microseconds', 2],
  ['late', 2],
  ['none', 1],
] as const

export interface Written {
  /** Modulo the topic's number of partitions: 12 is a multiple of all numbers of them. */
  readonly partition: number
  readonly count: number
  /** What the first of them is: see `recordsOf`. */
  readonly kind: number
  readonly bytes: number
  readonly stamp: (typeof STAMPS)[number][0]
}

export const written: fc.Arbitrary<Written> = fc.record({
  partition: fc.nat(11),
  count: fc.integer({ min: 1, max: 3 }),
  kind: fc.nat(39),
  bytes: fc.constantFrom(...SIZES),
  stamp: fc.constantFrom(...mostly(STAMPS)),
})

/** The records, by the case's own randomness. */
export function anyRecords(choose: Choose): Written {
  const stamps = mostly(STAMPS)
  return {
    partition: choose(12),
    count: 1 + choose(3),
    kind: choose(40),
    bytes: SIZES[choose(SIZES.length)] ?? 0,
    stamp: stamps[choose(stamps.length)] ?? 'now',
  }
}

export interface RecordKind {
  readonly isControl: boolean
  readonly key: number | null
  /** Bytes of the value besides its name; null without a value. */
  readonly bytes: number | null
}

/** Each record after the first is of the kind seven further on. Few have no key, fewer no value either. */
export function recordsOf({ count, kind, bytes }: Written): RecordKind[] {
  return Array.from({ length: count }, (_, at) => {
    const which = (kind + at * 7) % 40
    if (which >= 38) return { isControl: which === 39, key: null, bytes: null }
    if (which >= 34) return { isControl: false, key: null, bytes }
    return { isControl: false, key: which % KEYS, bytes: which < 8 ? null : bytes }
  })
}

export function tellWritten(written: Written, partitions: number): string {
  const records = recordsOf(written).map(({ isControl, key, bytes }) => {
    if (isControl) return 'a control record'
    if (key === null) return bytes === null ? 'a record of nothing' : `${bytes} bytes without a key`
    return bytes === null ? `a delete of key ${key}` : `${bytes} bytes for key ${key}`
  })
  const stamp = written.stamp === 'now' ? '' : ` (timestamps: ${written.stamp})`
  return `partition ${written.partition % partitions} gets ${records.join(', ')}${stamp}`
}
