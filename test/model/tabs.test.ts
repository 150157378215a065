// One stream for all tabs, in every order of events: no tab loses a record or a delete, gets one twice, or waits for
// ever, and in the end there is one connection.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Choose, TabsWorld } from './tabs-world.ts'

/** Ticks until one connection is left: a tab may wait 256 of them before it asks again to join a leader. */
const ROUNDS_MAX = 600
/** Ticks until no tab misses a record: less than the 27 s after which a silent connection counts as lost. */
const MISSING_ROUNDS_MAX = 25

function choosing(seed: number): Choose {
  let state = seed >>> 0
  return (limit) => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return limit <= 0 ? 0 : ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}

describe('tabs that share a stream', () => {
  it('get every record once, and end with one connection, though tabs freeze, stop, crash, close and are slow', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 400 }), (seed, steps) => {
        const world = new TabsWorld(choosing(seed))
        for (let step = 0; step < steps; step++) world.step()
        expect(world.settle(ROUNDS_MAX, MISSING_ROUNDS_MAX)).toBeNull()
      }),
      { numRuns: 3_000 },
    )
  }, 120_000)
})
