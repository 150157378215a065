// How many connections there may be, in all and by address.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ConnectionBudget,
  clearConnectionCounts,
  createConnectionCounts,
} from '../../../src/http/connection-budget.ts'
import { addressPrefix } from '../../../src/limits/client-address.ts'
import { trustedProxies } from '../../../src/limits/trusted-proxies.ts'

const bounds = { connectionsMax: 5, connectionsPerAddressMax: 3 }

describe('a budget of connections', () => {
  it('has a limit in all and one for each address', () => {
    const budget = new ConnectionBudget(bounds, createConnectionCounts(1, 7), 0)
    for (let count = 0; count < 3; count++) expect(budget.admit('192.0.2.1')).toBeNull()
    expect(budget.admit('::ffff:192.0.2.1')).toBe('address')
    expect([budget.admit('192.0.2.2'), budget.admit('2001:db8::1')]).toEqual([null, null])
    expect(budget.admit('192.0.2.3')).toBe('full')
    budget.release('192.0.2.1')
    expect(budget.admit('192.0.2.3')).toBeNull()
  })

  it('limits no proxy by its address, because it brings many clients', () => {
    const isProxy = trustedProxies(['10.0.0.0/8'])
    const budget = new ConnectionBudget({ ...bounds, isProxy }, createConnectionCounts(1, 7), 0)
    for (let count = 0; count < 5; count++) expect(budget.admit('::ffff:10.1.2.3')).toBeNull()
    expect(budget.admit('10.1.2.3')).toBe('full')
    for (let count = 0; count < 5; count++) budget.release('10.1.2.3')
    for (let count = 0; count < 3; count++) expect(budget.admit('192.0.2.1')).toBeNull()
    expect(budget.admit('192.0.2.1')).toBe('address')
  })

  it('counts over all threads, and forgets those of a thread that is gone', () => {
    const counts = createConnectionCounts(3, 7)
    const [one, two, three] = [0, 1, 2].map((thread) => new ConnectionBudget(bounds, counts, thread))
    if (one === undefined || two === undefined || three === undefined) throw new Error('there are three')
    expect([one.admit('192.0.2.1'), two.admit('192.0.2.1'), three.admit('192.0.2.1')]).toEqual([
      null,
      null,
      null,
    ])
    expect(one.admit('192.0.2.1')).toBe('address')
    clearConnectionCounts(counts, 1)
    expect(one.admit('192.0.2.1')).toBeNull()
    expect(three.admit('192.0.2.1')).toBe('address')
  })

  it('never counts wrong, in any order of connections', () => {
    const address = fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2')
    const step = fc.record({ address, isArrival: fc.boolean(), thread: fc.nat(1) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const counts = createConnectionCounts(2, 7)
        const budgets = [0, 1].map((thread) => new ConnectionBudget(bounds, counts, thread))
        const open: { prefix: string; thread: number; address: string }[] = []
        for (const { address: from, isArrival, thread } of steps) {
          const prefix = addressPrefix(from)
          const leaving = open.findIndex((it) => it.prefix === prefix && it.thread === thread)
          if (isArrival) {
            const same = open.filter((it) => it.prefix === prefix).length
            const expected = open.length >= 5 ? 'full' : same >= 3 ? 'address' : null
            expect(budgets[thread]?.admit(from)).toBe(expected)
            if (expected === null) open.push({ prefix, thread, address: from })
          } else if (leaving >= 0) {
            for (const left of open.splice(leaving, 1)) budgets[thread]?.release(left.address)
          }
        }
      }),
      // Each makes half a megabyte to count in.
      { numRuns: 50 },
    )
  })
})
