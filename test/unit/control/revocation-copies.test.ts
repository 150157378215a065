// Revocations are written again before Kafka drops them: by one replica, in time, and not more often.

import { describe, expect, it } from 'vitest'
import { COPY_AGE_MS, RevocationCopies } from '../../../src/control/revocation-copies.ts'
import { revocationOf, START_MS } from './control-scene.ts'

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
const PLACE = { partition: 0, offset: 5 }
const LONG = revocationOf({ untilMs: START_MS + 100 * HOUR_MS })

describe('A revocation', () => {
  it('is written again between 12 and 13 hours after its newest copy, once for each time', () => {
    for (let replica = 0; replica < 20; replica++) {
      const copies = new RevocationCopies(`replica ${replica}`)
      copies.note(LONG, START_MS, PLACE)
      const at: number[] = []
      for (let ms = START_MS; ms < START_MS + 30 * HOUR_MS; ms += MINUTE_MS)
        for (const revocation of copies.step(ms)) {
          at.push(ms)
          copies.note(revocation, ms, PLACE)
        }
      const ages = at.map((ms, index) => ms - (at[index - 1] ?? START_MS))
      expect(ages.length).toBe(2)
      for (const age of ages) {
        expect(age).toBeGreaterThanOrEqual(COPY_AGE_MS)
        expect(age).toBeLessThanOrEqual(COPY_AGE_MS + HOUR_MS + MINUTE_MS)
      }
    }
  })

  it('is mostly written by one of ten replicas, since the others see its copy', () => {
    const replicas = Array.from({ length: 10 }, (_, at) => new RevocationCopies(`replica ${at}`))
    const many = Array.from({ length: 50 }, (_, at) => ({ ...LONG, on: { sub: `user ${at}` } }))
    for (const copies of replicas) for (const revocation of many) copies.note(revocation, START_MS, PLACE)
    let written = 0
    // A second between two looks, once copies are old enough: that long a copy may take to arrive.
    for (let ms = START_MS + COPY_AGE_MS; ms < START_MS + COPY_AGE_MS + HOUR_MS; ms += 1_000) {
      const due = replicas.flatMap((copies) => copies.step(ms))
      written += due.length
      for (const revocation of due) for (const copies of replicas) copies.note(revocation, ms, PLACE)
    }
    expect(written).toBeGreaterThanOrEqual(50)
    expect(written).toBeLessThanOrEqual(53)
  })

  it('that Kafka did not take is offered again after 10 s, until a copy is read', () => {
    const copies = new RevocationCopies('me')
    copies.noteUnwritten(LONG, START_MS)
    expect(copies.step(START_MS + 9_999)).toEqual([])
    expect(copies.step(START_MS + 10_000)).toEqual([LONG])
    expect(copies.step(START_MS + 10_000)).toEqual([])
    expect(copies.step(START_MS + 20_000)).toEqual([LONG])
    copies.note(LONG, START_MS + 20_000, PLACE)
    expect(copies.step(START_MS + 9 * MINUTE_MS)).toEqual([])
  })

  it('is written again until the latest end that any copy of it had, in each order', () => {
    const later = { ...LONG, beforeMs: LONG.beforeMs + 1 }
    const longest = { ...LONG, untilMs: LONG.untilMs + HOUR_MS }
    for (const order of [
      [later, longest],
      [longest, later],
    ]) {
      const copies = new RevocationCopies('me')
      for (const revocation of order) copies.note(revocation, START_MS, PLACE)
      expect(copies.step(START_MS + 13 * HOUR_MS)).toEqual([{ ...later, untilMs: longest.untilMs }])
    }
  })

  it('is written again at once if Kafka has deleted its newest copy', () => {
    const copies = new RevocationCopies('me')
    copies.note(LONG, START_MS, PLACE)
    copies.noteStart(1, 100)
    copies.noteStart(0, 5)
    expect(copies.step(START_MS + MINUTE_MS)).toEqual([])
    copies.noteStart(0, 6)
    expect(copies.step(START_MS + MINUTE_MS)).toEqual([LONG])
    expect(copies.step(START_MS + MINUTE_MS)).toEqual([])
    copies.note(LONG, START_MS + MINUTE_MS, { partition: 0, offset: 6 })
    expect(copies.step(START_MS + HOUR_MS)).toEqual([])
  })

  it('is written again in time, although the wall clock was ahead by days as it was written or tried', () => {
    const aheadMs = START_MS + 240 * HOUR_MS
    const written = new RevocationCopies('me')
    written.note({ ...LONG, untilMs: aheadMs * 2 }, aheadMs, PLACE)
    expect(written.step(START_MS)).toEqual([])
    expect(written.step(START_MS + 13 * HOUR_MS).length).toBe(1)
    const tried = new RevocationCopies('me')
    tried.noteUnwritten(LONG, aheadMs)
    expect(tried.step(START_MS)).toEqual([])
    expect(tried.step(START_MS + 10_000)).toEqual([LONG])
  })

  it('that is over is forgotten', () => {
    const copies = new RevocationCopies('me')
    copies.note(revocationOf({ untilMs: START_MS + 13 * HOUR_MS }), START_MS, PLACE)
    expect(copies.step(START_MS + 13 * HOUR_MS)).toEqual([])
    expect(copies.size).toBe(0)
  })

  it('replaces one that revokes less, in any order of arrival', () => {
    const earlier = { ...LONG, beforeMs: START_MS - 1_000 }
    for (const order of [
      [earlier, LONG],
      [LONG, earlier],
    ]) {
      const copies = new RevocationCopies('me')
      for (const revocation of order) copies.note(revocation, START_MS, PLACE)
      expect(copies.size).toBe(1)
      expect(copies.step(START_MS + 14 * HOUR_MS)).toEqual([LONG])
    }
  })

  it('is not made young by a copy of one that revokes less', () => {
    const copies = new RevocationCopies('me')
    copies.note(LONG, START_MS, PLACE)
    copies.note({ ...LONG, beforeMs: START_MS - 1_000 }, START_MS + 13 * HOUR_MS, PLACE)
    expect(copies.step(START_MS + 14 * HOUR_MS)).toEqual([LONG])
  })

  it('has no copy kept beyond the bound, and a step looks at a thousand', () => {
    const copies = new RevocationCopies('me', 2_500)
    for (let at = 0; at < 2_600; at++) copies.note({ ...LONG, on: { sub: `user ${at}` } }, START_MS, PLACE)
    expect(copies.size).toBe(2_500)
    const later = START_MS + 20 * HOUR_MS
    expect([1, 2, 3, 4].map(() => copies.step(later).length)).toEqual([1_000, 1_000, 500, 0])
  })
})
