// The pump’s queue.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Queue } from '../../../src/stream/queue.ts'

it('a queue gives everything back in order, with any puts and takes in between', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -3_000, max: 3_000 }), { maxLength: 40 }), (steps) => {
      const queue = new Queue<number>()
      let [pushed, taken] = [0, 0]
      for (const step of steps) {
        for (let i = 0; i < step; i++) queue.push(pushed++)
        for (let i = 0; i < -step; i++) {
          const item = queue.take()
          if (item !== (taken < pushed ? taken++ : undefined)) throw new Error(`took ${item}`)
        }
        if (queue.length !== pushed - taken) throw new Error(`${queue.length} are left`)
      }
    }),
    { numRuns: 300 },
  )
})

it('a queue lets go of what was taken', () => {
  const queue = new Queue<object>()
  for (let i = 0; i < 100_000; i++) {
    queue.push({})
    if (i >= 1_000) queue.take()
  }
  expect(queue.length).toBe(1_000)
  const { items } = queue as unknown as { items: object[] } // its memory is the very thing that is held here
  expect(items.length).toBeLessThan(4_096)
})
