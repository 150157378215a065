// What the status page tells of refusals and ends: the newest of each, counted, and no subject in the clear.

import { expect, it } from 'vitest'
import {
  newestOf,
  OUTCOMES_MAX,
  type RecentEnd,
  RecentOutcomes,
  type RecentRefusal,
} from '../../../src/outcomes/recent-outcomes.ts'
import { SubjectHashes } from '../../../src/outcomes/subject-hashes.ts'

const SUBJECTS = new SubjectHashes([new Uint8Array(32)])

const REFUSAL: Omit<RecentRefusal, 'count'> = {
  atMs: 1_000,
  path: '/events',
  code: 'FKS_TOKEN_INVALID',
  check: 'exp',
  reason: null,
  offSeconds: 3,
}
const END: RecentEnd = {
  atMs: 1_000,
  path: '/events',
  subject: 'alice@example.com',
  reason: 'expired',
  seconds: 30,
  records: 2,
  bytes: 100,
}

it('counts refusals of the same kind together, with what the newest one says', () => {
  const outcomes = new RecentOutcomes(SUBJECTS)
  outcomes.refused(REFUSAL)
  outcomes.refused({ ...REFUSAL, check: 'aud', offSeconds: null })
  outcomes.refused({ ...REFUSAL, atMs: 5_000, offSeconds: 7 })
  expect(outcomes.list().refusals).toEqual([
    { ...REFUSAL, atMs: 5_000, offSeconds: 7, count: 2 },
    { ...REFUSAL, check: 'aud', offSeconds: null, count: 1 },
  ])
})

it('keeps the newest of each, however many come, and cuts a long reason', () => {
  const outcomes = new RecentOutcomes(SUBJECTS)
  for (let at = 0; at < 100_000; at++) {
    outcomes.refused({ ...REFUSAL, atMs: at, reason: `${at} ${'x'.repeat(1_000)}` })
    outcomes.ended({ ...END, atMs: at })
  }
  const { refusals, ends } = outcomes.list()
  expect([refusals.length, ends.length]).toEqual([OUTCOMES_MAX, OUTCOMES_MAX])
  expect([refusals[0]?.atMs, ends[0]?.atMs, ends.at(-1)?.atMs]).toEqual([99_999, 99_999, 99_980])
  expect(refusals[0]?.reason).toHaveLength(200)
})

it('tells the hash of a subject, and none where there is none', () => {
  const outcomes = new RecentOutcomes(SUBJECTS)
  outcomes.ended(END)
  outcomes.ended({ ...END, subject: null })
  const { ends } = outcomes.list()
  expect(ends.map(({ subject }) => subject)).toEqual([null, SUBJECTS.of(END.subject)])
  expect(JSON.stringify(ends)).not.toContain('alice')
})

it('takes the newest of several threads', () => {
  const threads = [1, 2].map((thread) => {
    const outcomes = new RecentOutcomes(SUBJECTS)
    for (let at = 0; at < 15; at++) outcomes.ended({ ...END, atMs: at * 2 + thread })
    return outcomes.list()
  })
  const { ends } = newestOf(threads)
  expect(ends.map(({ atMs }) => atMs)).toEqual(Array.from({ length: OUTCOMES_MAX }, (_, at) => 30 - at))
})

it('counts refusals of the same kind in several threads together', () => {
  const threads = [1_000, 3_000, 2_000].map((atMs) => {
    const outcomes = new RecentOutcomes(SUBJECTS)
    for (let times = 0; times < 2; times++) outcomes.refused({ ...REFUSAL, atMs, offSeconds: atMs / 1_000 })
    return outcomes.list()
  })
  expect(newestOf(threads).refusals).toEqual([{ ...REFUSAL, atMs: 3_000, offSeconds: 3, count: 6 }])
})
