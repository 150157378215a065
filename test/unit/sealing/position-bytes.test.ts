// Positions in fixed widths, from a map and from the text of an id.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatEventId } from '../../../src/bus/event-id.ts'
import { positionBytes, positionBytesOfId, positionOf } from '../../../src/sealing/position-bytes.ts'

const offset = fc.oneof(
  fc.integer({ min: -2, max: Number.MAX_SAFE_INTEGER }),
  fc.constantFrom(-2, -1, 0, 2 ** 24 - 1, 2 ** 24, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER),
)
const dense = fc
  .array(offset, { maxLength: 40 })
  .map((offsets) => new Map(offsets.map((own, partition) => [partition, own])))
const sparse = fc
  .dictionary(fc.nat({ max: 2 ** 31 - 1 }).map(String), offset, { maxKeys: 20 })
  .map((offsets) => new Map(Object.entries(offsets).map(([partition, own]) => [Number(partition), own])))
const position = fc.oneof(dense, sparse)

describe('a position in fixed widths', () => {
  it('is read as what was written, up to 2^53 - 1', () => {
    fc.assert(
      fc.property(position, (written) => {
        expect(positionOf(positionBytes(written))).toEqual(written)
      }),
    )
  })

  it('is the same from the text of its id, which may stand between other bytes', () => {
    fc.assert(
      fc.property(position, fc.string(), (written, around) => {
        const id = formatEventId(written)
        const bytes = Buffer.from(`${around}${id}${around}`)
        const start = Buffer.byteLength(around)
        expect(positionBytesOfId(bytes, start, start + id.length)).toEqual(positionBytes(written))
      }),
    )
  })

  it('has a length that only its partitions change', () => {
    fc.assert(
      fc.property(dense, offset, (written, other) => {
        const moved = new Map([...written.keys()].map((partition) => [partition, other]))
        expect(positionBytes(moved)).toHaveLength(positionBytes(written).length)
        expect(positionBytes(moved)).toHaveLength(1 + 7 * written.size)
      }),
    )
  })
})
