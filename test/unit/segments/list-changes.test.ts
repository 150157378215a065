// Changes of a list, one by one or together: a copy that gets them equals the list.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { changedStretches, ListChanges } from '../../../src/segments/list-changes.ts'

const splice = fc.record({ first: fc.nat(30), removed: fc.nat(6), added: fc.nat(6), isTold: fc.boolean() })

it('make the new list out of a copy of the old one', () => {
  fc.assert(
    fc.property(fc.array(splice, { maxLength: 60 }), fc.nat(30), (splices, known) => {
      const changes = new ListChanges()
      let list: number[] = []
      let next = 0
      let told = { version: 0, list }
      for (const { first, removed, added, isTold } of splices) {
        const at = Math.min(first, list.length)
        const count = Math.min(removed, list.length - at)
        const coming = Array.from({ length: added }, () => next++)
        list = list.toSpliced(at, count, ...coming)
        changes.note({ first: at, removed: count, added })
        if (isTold) told = { version: changes.version, list }
      }
      const front = Math.min(known, told.list.length)
      const before = [
        { from: 0, count: front },
        { from: null, count: told.list.length - front },
      ]
      const stretches = changedStretches(before, changes.since(told.version) ?? [])
      const copy: (number | null)[] = stretches.flatMap(({ from, count }) =>
        from === null ? new Array(count).fill(null) : told.list.slice(from, from + count),
      )
      const kept = new Set(told.list.slice(0, front))
      expect(copy).toEqual(list.map((item) => (kept.has(item) ? item : null)))
    }),
    { numRuns: 500 },
  )
})

it('are dropped if there are too many, and the reader is told', () => {
  const changes = new ListChanges()
  for (let version = 0; version < 3_000; version++) changes.note({ first: version, removed: 0, added: 1 })
  expect(changes.since(3_000)).toEqual([])
  expect(changes.since(2_999)).toEqual([{ first: 2_999, removed: 0, added: 1 }])
  expect(changes.since(2_744)).toHaveLength(256)
  expect(changes.since(2_743)).toBeNull()
  expect(changes.since(0)).toBeNull()
})
