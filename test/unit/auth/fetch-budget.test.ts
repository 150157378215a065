// How often keys that a set lacks may cause a fetch.

import { describe, expect, it } from 'vitest'
import { FetchBudget } from '../../../plugins/auth/keys/fetch-budget.ts'

const taken = (budget: FetchBudget, nowMs: number, times: number) =>
  Array.from({ length: times }, () => budget.take(nowMs)).filter(Boolean).length

describe('a budget of fetches', () => {
  it('is five at once, and one more for each interval, five at most', () => {
    const budget = new FetchBudget(100, 0)
    expect(taken(budget, 1_000_000, 9)).toBe(5)
    expect(taken(budget, 1_000_099, 9)).toBe(0)
    expect(taken(budget, 1_000_100, 9)).toBe(1)
    expect(taken(budget, 1_000_350, 9)).toBe(2)
    expect(taken(budget, 1_000_400, 9)).toBe(1)
    expect(taken(budget, 9_000_000, 9)).toBe(5)
  })

  it('remembers a name for an interval, and a thousand names', () => {
    const budget = new FetchBudget(100, 0)
    budget.remember('a', 0)
    expect([budget.wasLookedFor('a', 99), budget.wasLookedFor('a', 100)]).toEqual([true, false])
    for (let n = 0; n < 1_000; n++) budget.remember(`n${n}`, 50)
    expect([budget.wasLookedFor('a', 60), budget.wasLookedFor('n0', 60)]).toEqual([false, true])
    budget.remember('one more', 50)
    expect([budget.wasLookedFor('n0', 60), budget.wasLookedFor('n1', 60)]).toEqual([false, true])
  })
})
