// How many cores a process may use.

import { availableParallelism } from 'node:os'
import { describe, expect, it } from 'vitest'
import { availableCores } from '../../../src/config/default-workers.ts'

describe('the cores that a process may use', () => {
  const seen = availableParallelism()

  it.each([
    ['a quota of one and a half', '150000 100000\n', 1],
    ['a quota of half a core', '50000 100000\n', 1],
    ['no quota', 'max 100000\n', seen],
    ['a quota of more than there are', '99900000 100000\n', seen],
    ['something else', 'gibberish', seen],
  ])('with %s', (_, text, count) => {
    expect(availableCores(() => text)).toBe(count)
  })

  it('are those it sees where there is no cgroup to ask', () => {
    expect(
      availableCores(() => {
        throw new Error('ENOENT')
      }),
    ).toBe(seen)
    expect(availableCores()).toBeGreaterThanOrEqual(1)
  })
})
