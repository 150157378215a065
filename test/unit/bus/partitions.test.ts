// The position's text, which is kept up to date while partitions move: always the same as if formatted again.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { formatEventId } from '../../../src/bus/event-id.ts'
import { Partitions } from '../../../src/bus/partitions.ts'

const offset = fc.oneof(fc.nat(200), fc.nat(20_000), fc.maxSafeNat(), fc.constant(-2))
const step = fc.record({
  kind: fc.constantFrom('move', 'move', 'move', 'start', 'clear', 'move'),
  partition: fc.nat(40),
  offset,
  isRead: fc.boolean(),
})

it('is the position’s text, no matter how the position was reached', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const partitions = new Partitions()
      for (const { kind, partition, offset: to, isRead } of steps) {
        if (kind === 'clear' && partition === 0) partitions.clear()
        else if (kind === 'start') partitions.setStart(partition, to)
        else if (partitions.has(partition)) partitions.moveTo(partition, to)
        if (!isRead) continue
        const text = formatEventId(partitions.position())
        const written = new Uint8Array(partitions.encode() + 1)
        expect(partitions.writeText(written, 1)).toBe(written.length)
        expect(Buffer.from(written.subarray(1)).toString('latin1')).toBe(text)
        expect(partitions.text()).toBe(text)
      }
    }),
    { numRuns: 300 },
  )
})
