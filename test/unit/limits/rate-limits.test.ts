// Rates: how many at once, how many a second, for each name, over all threads.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CELLS, cellOf } from '../../../src/limits/hashed-cell.ts'
import {
  createRateCounts,
  createRateMemory,
  RateLimits,
  type RateSettings,
  ratesOf,
} from '../../../src/limits/rate-limits.ts'

const SETTINGS: RateSettings = {
  connectsPerSecondPerSubjectMax: 10,
  connectsPerSecondPerAddressMax: 100,
  renewalsPerSecondPerSubjectMax: 3,
  renewalsPerSecondPerAddressMax: 300,
  failuresPerSecondPerAddressMax: 7,
  streamsPerSubjectMax: 50,
  streamsPerAddressMax: 60,
}

class Scene {
  nowMs = 5_000_000
  readonly refused = createRateCounts()
  readonly memory = createRateMemory(7)
  readonly limits = this.thread()

  thread(): RateLimits {
    const nowNs = () => BigInt(Math.round(this.nowMs * 1e6))
    return new RateLimits({ rates: ratesOf(SETTINGS), memory: this.memory, refused: this.refused, nowNs })
  }

  /** How many of these are let through. */
  taken(limit: Parameters<RateLimits['take']>[0], name: string, tries: number, limits = this.limits): number {
    let taken = 0
    for (let at = 0; at < tries; at++) if (limits.take(limit, name)) taken++
    return taken
  }
}

describe('a rate', () => {
  it('that is replaced counts what came before', () => {
    const scene = new Scene()
    expect(scene.taken('failures-address', 'one', 100)).toBe(14)
    scene.limits.limitTo(ratesOf({ ...SETTINGS, failuresPerSecondPerAddressMax: 14 }))
    scene.nowMs += 1001
    expect(scene.taken('failures-address', 'one', 100)).toBe(14)
    expect(scene.taken('failures-address', 'two', 100)).toBe(28)
  })

  it('that is raised lets those in again that had used up the former one', () => {
    const scene = new Scene()
    const limitTo = (perSecond: number) => {
      const rate = { perSecond, atOnce: 600 }
      scene.limits.limitTo({ ...ratesOf(SETTINGS), 'connects-address': rate, 'failures-address': rate })
    }
    limitTo(1)
    expect(scene.taken('connects-address', 'one', 1000)).toBe(600)
    expect(scene.taken('failures-address', 'one', 1000)).toBe(600)
    limitTo(600)
    expect(scene.taken('connects-address', 'one', 1000)).toBe(0)
    expect(scene.limits.hasRoom('failures-address', 'one')).toBe(false)
    scene.nowMs += 101
    expect(scene.taken('connects-address', 'one', 1000)).toBe(60)
    expect(scene.limits.hasRoom('failures-address', 'one')).toBe(true)
  })

  it.each([
    ['connects-subject', 100],
    ['connects-address', 200],
    ['renewals-subject', 100],
    ['renewals-address', 600],
    ['failures-address', 14],
    ['tickets-subject', 100],
    ['tickets-address', 200],
  ] as const)(
    'of %s lets twice as many through at once as may be open or come in a second',
    (limit, most) => {
      const scene = new Scene()
      expect(scene.taken(limit, 'alice', most)).toBe(most)
      expect(scene.taken(limit, 'alice', 5)).toBe(0)
      expect(scene.refused[limit]).toBe(5)
    },
  )

  it('then lets as many through as it says, and no more', () => {
    const scene = new Scene()
    scene.taken('connects-subject', 'alice', 1000)
    for (let second = 0; second < 5; second++) {
      scene.nowMs += 1001
      expect(scene.taken('connects-subject', 'alice', 1000)).toBe(10)
    }
    scene.nowMs += 3_600_000
    expect(scene.taken('connects-subject', 'alice', 1000)).toBe(100)
  })

  it('of one name or limit is not used up by another', () => {
    const scene = new Scene()
    scene.taken('connects-address', '192.0.2.1', 1000)
    expect(scene.taken('connects-address', '192.0.2.2', 1)).toBe(1)
    expect(scene.taken('renewals-address', '192.0.2.1', 1)).toBe(1)
  })

  it('is shared by all threads', () => {
    const scene = new Scene()
    const other = scene.thread()
    expect(scene.taken('failures-address', '192.0.2.1', 7)).toBe(7)
    expect(scene.taken('failures-address', '192.0.2.1', 10, other)).toBe(7)
    expect(scene.limits.hasRoom('failures-address', '192.0.2.1')).toBe(false)
  })

  it('is not used up by questions, or by what is refused', () => {
    const scene = new Scene()
    for (let at = 0; at < 100; at++) expect(scene.limits.hasRoom('failures-address', 'a')).toBe(true)
    expect(scene.refused['failures-address']).toBe(0)
    expect(scene.taken('failures-address', 'a', 1_000_000)).toBe(14)
    expect(scene.limits.hasRoom('failures-address', 'a')).toBe(false)
    scene.nowMs += 143 // a seventh of a second
    expect(scene.limits.hasRoom('failures-address', 'a')).toBe(true)
    expect(scene.taken('failures-address', 'a', 10)).toBe(1)
  })

  it('never lets more through than it says, in any order of waits and bursts', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ waitMs: fc.nat(3000), tries: fc.nat(40) }), { maxLength: 40 }),
        (turns) => {
          const scene = new Scene()
          const startMs = scene.nowMs
          let taken = 0
          for (const { waitMs, tries } of turns) {
            scene.nowMs += waitMs
            taken += scene.taken('connects-subject', 'alice', tries)
            expect(taken).toBeLessThanOrEqual(100 + Math.floor(((scene.nowMs - startMs) * 10) / 1000))
          }
        },
      ),
    )
  })
})

describe('memory', () => {
  it('has a fixed size, which no number of names makes larger', () => {
    const scene = new Scene()
    const bytes = scene.memory.byteLength
    for (let at = 0; at < 200_000; at++) scene.limits.take('connects-address', `name ${at}`)
    expect(scene.memory.byteLength).toBe(bytes)
    expect(bytes).toBeLessThan(4 * 1024 * 1024)
  })

  it('spreads names over all cells, by another seed in another way', () => {
    const names = Array.from({ length: 20_000 }, (_, at) => `192.0.${at >> 8}.${at & 255}`)
    const cells = (seed: number) => names.map((name) => cellOf(name, seed))
    const used = new Set(cells(1))
    expect(used.size).toBeGreaterThan(15_000)
    expect(Math.max(...used)).toBeLessThan(CELLS)
    expect(Math.min(...used)).toBeGreaterThanOrEqual(0)
    const other = cells(2)
    expect(cells(1).filter((cell, at) => cell === other[at]).length).toBeLessThan(20)
  })
})
