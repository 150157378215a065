// How many lines of the log the requests of one address may cause.

import { describe, expect, it } from 'vitest'
import { LINES_AT_ONCE, LINES_PER_SECOND, LineBudget } from '../../../src/http/line-budget.ts'

const NOW_MS = 5_000_000
const ADDRESS = '192.0.2.1'

function taken(budget: LineBudget, tries: number, nowMs = NOW_MS, address = ADDRESS): number {
  return Array.from({ length: tries }, () => budget.take(address, nowMs)).filter(Boolean).length
}

describe('the lines of an address', () => {
  it('are so many at once, and the one beyond them is left out and counted', () => {
    const budget = new LineBudget()
    expect(taken(budget, LINES_AT_ONCE)).toBe(LINES_AT_ONCE)
    expect(budget.takeLeftOut()).toBe(0)
    expect(taken(budget, 3)).toBe(0)
    expect(budget.takeLeftOut()).toBe(3)
    expect(budget.takeLeftOut()).toBe(0)
  })

  it('are so many a second from then on', () => {
    const budget = new LineBudget()
    taken(budget, LINES_AT_ONCE)
    expect(taken(budget, 1_000, NOW_MS + 1_000)).toBe(LINES_PER_SECOND)
    expect(taken(budget, 1_000, NOW_MS + 3_000)).toBe(2 * LINES_PER_SECOND)
    expect(taken(budget, 2 * LINES_AT_ONCE, NOW_MS + 3_600_000)).toBe(LINES_AT_ONCE)
  })

  it('take none from another address', () => {
    const budget = new LineBudget()
    taken(budget, 2 * LINES_AT_ONCE)
    // Two of 65,536 cells may be the same.
    const others = ['192.0.2.2', '192.0.2.3', '2001:db8:0:1'].map((other) => budget.take(other, NOW_MS))
    expect(others.filter(Boolean).length).toBeGreaterThanOrEqual(2)
  })
})
