// The table of what is revoked: orders of arrival, clocks that are set, its limit, and what another thread gets of it.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Revocation } from '../../../src/token/revocation.ts'
import { Revocations } from '../../../src/token/revocations.ts'
import type { Session } from '../../../src/token/session.ts'
import { sessionFor } from '../../support/streams-scene.ts'

const START_MS = 1_700_000_000_000
const HOUR_MS = 3_600_000
const ISSUER = 'https://a.example'

/** Both clocks of a table, each moved by itself. */
class TestClocks {
  now = 5_000
  epoch = START_MS

  nowMs(): number {
    return this.now
  }

  epochMs(): number {
    return this.epoch
  }

  pass(ms: number): void {
    this.now += ms
    this.epoch += ms
  }
}

const of = (changes: Partial<Revocation> = {}): Revocation => ({
  issuer: ISSUER,
  on: { sub: 'alice' },
  beforeMs: START_MS,
  untilMs: START_MS + HOUR_MS,
  jti: null,
  reason: null,
  ...changes,
})
const session = (changes: Partial<Session> = {}): Session =>
  sessionFor(60, { issuer: ISSUER, subject: 'alice', issuedAtMs: START_MS, ...changes })

function tableOf(...revocations: Revocation[]): Revocations {
  const table = new Revocations(new TestClocks())
  for (const revocation of revocations) table.add(revocation)
  return table
}

describe('what is revoked', () => {
  it.each<[string, Revocation['on'], Partial<Session>]>([
    ['a subject', { sub: 'alice' }, { subject: 'alice' }],
    ["a provider's session", { sid: 's1' }, { sessionId: 's1' }],
    ['a token', { jti: 't1' }, { tokenId: 't1' }],
    ['a client', { client: 'web' }, { client: 'web' }],
  ])('by %s is refused, and nothing else', (_, on, named) => {
    const table = tableOf(of({ on }))
    const others = { subject: 'bob', sessionId: 's2', tokenId: 't2', client: 'app' }
    expect(table.refuses(session({ ...others, ...named }))).toBe(true)
    expect(table.refuses(session(others))).toBe(false)
    expect(table.refuses(session({ ...others, ...named, issuer: 'https://b.example' }))).toBe(false)
    expect(table.refuses(session({ subject: null }))).toBe(false)
  })

  it('is refused by the second of its issue, and always without one', () => {
    const table = tableOf(of({ beforeMs: START_MS + 400 }))
    expect(table.refuses(session({ issuedAtMs: START_MS + 999 }))).toBe(true)
    expect(table.refuses(session({ issuedAtMs: START_MS + 1000 }))).toBe(false)
    expect(table.refuses(session({ issuedAtMs: null }))).toBe(true)
  })

  it('is told apart by issuer and name, however both are written', () => {
    const table = tableOf(of({ issuer: 'a', on: { sub: 'bc' } }), of({ issuer: 'x y', on: { sub: '' } }))
    expect(table.refuses(session({ issuer: 'ab', subject: 'c' }))).toBe(false)
    expect(table.refuses(session({ issuer: 'a', subject: 'bc' }))).toBe(true)
    expect(table.refuses(session({ issuer: 'x', subject: 'y' }))).toBe(false)
  })
})

describe('a revocation', () => {
  it('is over when no token of it can be valid, and takes no room then', () => {
    const clocks = new TestClocks()
    const table = new Revocations(clocks)
    table.add(of())
    clocks.pass(HOUR_MS - 1)
    expect(table.refuses(session({ issuedAtMs: null }))).toBe(true)
    clocks.pass(1)
    expect(table.refuses(session({ issuedAtMs: null }))).toBe(false)
    for (const name of ['a', 'b', 'c']) table.add(of({ on: { sub: name }, untilMs: clocks.epoch + HOUR_MS }))
    expect(table.size).toBe(3)
    table.add(of({ on: { sub: 'late' } }))
    expect(table.size).toBe(3)
  })

  it('outlives a wall clock that is set forward for a while', () => {
    const clocks = new TestClocks()
    const table = new Revocations(clocks)
    table.add(of())
    clocks.epoch += 10 * HOUR_MS
    for (let index = 0; index < 20; index++)
      table.add(of({ on: { sid: `${index}` }, untilMs: clocks.epoch + HOUR_MS }))
    clocks.epoch -= 10 * HOUR_MS
    expect(table.refuses(session())).toBe(true)
  })

  it('without an end is never over', () => {
    const clocks = new TestClocks()
    const table = new Revocations(clocks)
    table.add(of({ untilMs: Number.POSITIVE_INFINITY }))
    clocks.pass(1e12)
    expect(table.refuses(session())).toBe(true)
  })
})

describe('a logout token', () => {
  it('counts as used for as long as it could be used again', () => {
    const clocks = new TestClocks()
    const table = new Revocations(clocks)
    table.add(of({ jti: 'l1' }))
    expect(table.hasUsed(ISSUER, 'l1')).toBe(true)
    expect(table.hasUsed(ISSUER, 'l2')).toBe(false)
    expect(table.hasUsed('https://b.example', 'l1')).toBe(false)
    expect(table.refuses(session({ subject: 'bob', tokenId: 'l1' }))).toBe(false)
    clocks.pass(240_000)
    expect(table.hasUsed(ISSUER, 'l1')).toBe(false)
    expect(table.refuses(session())).toBe(true)
  })
})

describe('the limit', () => {
  const named = (name: string, untilMs = START_MS + HOUR_MS) => of({ on: { sub: name }, untilMs })

  it('holds as many as it says; one more is told until it would be over', () => {
    const clocks = new TestClocks()
    const table = new Revocations(clocks, 3)
    for (const name of ['a', 'b', 'c']) table.add(named(name))
    expect([table.size, table.isFull]).toEqual([3, false])
    table.add(named('a', START_MS + 2 * HOUR_MS))
    expect(table.isFull).toBe(false)
    table.add(named('d', START_MS + 3 * HOUR_MS))
    expect([table.size, table.isFull]).toEqual([3, true])
    for (const name of ['a', 'b', 'c']) expect(table.refuses(session({ subject: name }))).toBe(true)
    clocks.pass(3 * HOUR_MS - 1)
    expect(table.isFull).toBe(true)
    clocks.pass(1)
    expect(table.isFull).toBe(false)
  })

  it('counts only what is not over', () => {
    const clocks = new TestClocks()
    const table = new Revocations(clocks, 1000)
    for (let index = 0; index < 995; index++) table.add(named(`long ${index}`, START_MS + 2 * HOUR_MS))
    for (let index = 0; index < 5; index++) table.add(named(`short ${index}`))
    clocks.pass(HOUR_MS)
    table.add(named('new', clocks.epoch + HOUR_MS))
    expect([table.size, table.isFull]).toEqual([996, false])
  })
})

describe('another thread', () => {
  it('gets a table that refuses the same', () => {
    const table = tableOf(
      of({ issuer: 'x y 3', on: { sub: 'a b' }, jti: 'l1' }),
      of({ on: { sid: '' } }),
      of({ on: { jti: '12 a' }, untilMs: Number.POSITIVE_INFINITY }),
      of({ on: { client: 'é' } }),
    )
    const other = new Revocations(new TestClocks())
    for (const row of structuredClone([...table.rows()])) other.put(row)
    expect([...other.rows()]).toEqual([...table.rows()])
    expect(other.refuses(session({ issuer: 'x y 3', subject: 'a b' }))).toBe(true)
    expect(other.hasUsed('x y 3', 'l1')).toBe(true)
    expect(other.size).toBe(5)
  })
})

describe('the table', () => {
  const name = fc.constantFrom('a', 'b', 'c')
  const issuer = fc.constantFrom('https://a.example', 'https://b.example')
  const offsetMs = fc.integer({ min: -5000, max: 5000 })
  const arbitraryRevocation = fc.record({
    issuer,
    on: fc.oneof(
      fc.record({ sub: name }),
      fc.record({ sid: name }),
      fc.record({ jti: name }),
      fc.record({ client: name }),
    ),
    beforeMs: offsetMs.map((ms) => START_MS + ms),
    untilMs: fc.constant(START_MS + HOUR_MS),
    jti: fc.constant(null),
    reason: fc.constant(null),
  })
  const arbitrarySession = fc
    .record({
      issuer,
      subject: fc.option(name),
      sessionId: fc.option(name),
      tokenId: fc.option(name),
      client: fc.option(name),
      issuedAtMs: fc.option(offsetMs.map((ms) => START_MS + ms)),
    })
    .map(session)

  /** By the contract's words, without a table. */
  const isNamed = ({ issuer: by, on, beforeMs }: Revocation, one: Session): boolean => {
    const names = { sub: one.subject, sid: one.sessionId, jti: one.tokenId, client: one.client }
    const isMeant = Object.entries(on).every(([kind, value]) => names[kind as keyof typeof names] === value)
    const second = (ms: number) => Math.floor(ms / 1000)
    return (
      by === one.issuer && isMeant && (one.issuedAtMs === null || second(one.issuedAtMs) <= second(beforeMs))
    )
  }

  it('refuses a session if one of the revocations names it, in any order of arrival', () => {
    fc.assert(
      fc.property(fc.array(arbitraryRevocation), fc.array(arbitrarySession), (revocations, sessions) => {
        const forwards = tableOf(...revocations)
        const backwards = tableOf(...[...revocations].reverse(), ...revocations)
        for (const one of sessions) {
          const expected = revocations.some((revocation) => isNamed(revocation, one))
          expect(forwards.refuses(one)).toBe(expected)
          expect(backwards.refuses(one)).toBe(expected)
        }
      }),
    )
  })

  it('never forgets a revocation before its end, in silence, however clocks are set and whatever else comes', () => {
    const step = fc.oneof(
      fc.record({ add: arbitraryRevocation }),
      fc.record({ pass: fc.integer({ min: 0, max: HOUR_MS }) }),
      fc.record({ set: fc.integer({ min: -2 * HOUR_MS, max: 2 * HOUR_MS }) }),
    )
    fc.assert(
      fc.property(fc.array(step), fc.integer({ min: 1, max: 8 }), (steps, rowsMax) => {
        const clocks = new TestClocks()
        const table = new Revocations(clocks, rowsMax)
        /** Once both clocks are past its end, by the time that was left as it came, it may be forgotten. */
        const added: { revocation: Revocation; leftUntilMs: number; isOver: boolean }[] = []
        for (const one of steps) {
          if ('pass' in one) clocks.pass(one.pass)
          else if ('set' in one) clocks.epoch += one.set
          else {
            table.add(one.add)
            const leftUntilMs = clocks.now + one.add.untilMs - clocks.epoch
            added.push({ revocation: one.add, leftUntilMs, isOver: false })
          }
          for (const each of added)
            each.isOver ||= clocks.epoch >= each.revocation.untilMs && clocks.now >= each.leftUntilMs
          expect(table.size).toBeLessThanOrEqual(rowsMax)
          for (const { revocation, isOver } of added) {
            const [[kind, value] = ['', '']] = Object.entries(revocation.on)
            const named = { sub: 'subject', sid: 'sessionId', jti: 'tokenId', client: 'client' }[kind] ?? ''
            const holder = session({ subject: null, issuer: revocation.issuer, [named]: value })
            const refused = table.refuses({ ...holder, issuedAtMs: revocation.beforeMs })
            if (!isOver) expect(refused || table.isFull).toBe(true)
          }
        }
      }),
    )
  })
})
