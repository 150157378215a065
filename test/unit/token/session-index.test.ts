// Who holds what, by every name that a revocation may use.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Revocation, RevokedName } from '../../../src/token/revocation.ts'
import type { Session } from '../../../src/token/session.ts'
import { SessionIndex } from '../../../src/token/session-index.ts'
import { sessionFor } from '../../support/streams-scene.ts'

const ISSUER = 'https://a.example'
const revocation = (on: RevokedName, issuer = ISSUER): Revocation => ({
  issuer,
  on,
  beforeMs: 0,
  untilMs: 0,
  jti: null,
  reason: null,
})
const session = (changes: Partial<Session>): Session =>
  sessionFor(60, { issuer: ISSUER, subject: null, ...changes })

function namedIn<T extends object>(index: SessionIndex<T>, wanted: Revocation): T[] {
  const held = index.named(wanted)
  if (held === null) return []
  return held instanceof Set ? [...held] : [held]
}

describe('the index of sessions', () => {
  it('finds what is held, by each name, until it is removed', () => {
    const index = new SessionIndex<{ id: number }>()
    const all = { subject: 'alice', sessionId: 's1', tokenId: 't1', client: 'web' }
    const [one, two] = [{ id: 1 }, { id: 2 }]
    index.add(one, session(all))
    index.add(two, session({ ...all, tokenId: 't2' }))
    for (const on of [{ sub: 'alice' }, { sid: 's1' }, { client: 'web' }])
      expect(namedIn(index, revocation(on))).toEqual([one, two])
    expect(namedIn(index, revocation({ jti: 't1' }))).toEqual([one])
    expect(namedIn(index, revocation({ sub: 'alice' }, 'https://b.example'))).toEqual([])
    index.remove(one, session(all))
    expect(namedIn(index, revocation({ sub: 'alice' }))).toEqual([two])
    expect(namedIn(index, revocation({ jti: 't1' }))).toEqual([])
  })

  it('holds exactly what was added and not removed', () => {
    const name = fc.option(fc.constantFrom('a', 'b'))
    const one = fc.record({ subject: name, sessionId: name, tokenId: name, client: name })
    const step = fc.record({ isAdded: fc.boolean(), held: fc.nat({ max: 5 }), names: one })
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const index = new SessionIndex<{ id: number }>()
        const things = Array.from({ length: 6 }, (_, id) => ({ id }))
        const held = new Map<{ id: number }, Session>()
        for (const { isAdded, held: id, names } of steps) {
          const thing = things[id] ?? { id }
          const before = held.get(thing)
          if (before !== undefined) index.remove(thing, before)
          held.delete(thing)
          if (!isAdded) continue
          index.add(thing, session(names))
          held.set(thing, session(names))
        }
        for (const value of ['a', 'b']) {
          const found = (on: RevokedName) => new Set(namedIn(index, revocation(on)))
          const expected = (read: (of: Session) => string | null) =>
            new Set([...held].flatMap(([thing, of]) => (read(of) === value ? [thing] : [])))
          expect(found({ sub: value })).toEqual(expected(({ subject }) => subject))
          expect(found({ sid: value })).toEqual(expected(({ sessionId }) => sessionId))
          expect(found({ jti: value })).toEqual(expected(({ tokenId }) => tokenId))
          expect(found({ client: value })).toEqual(expected(({ client }) => client))
        }
      }),
    )
  })
})
