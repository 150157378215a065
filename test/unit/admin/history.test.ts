// The ring of the charts: its size does not change, and it keeps the newest ten minutes.

import { expect, it } from 'vitest'
import { History, type HistorySample } from '../../../src/admin/history.ts'

function sampleAt(atMs: number): HistorySample {
  const [recordsPerSecond, latencyP50Ms, loopDelayP99Ms] = [atMs / 2, atMs % 4_000 === 0 ? null : 1.5, 20]
  return { atMs, streams: 3, recordsPerSecond, latencyP50Ms, latencyP99Ms: null, loopDelayP99Ms }
}

it('has nothing at first', () => {
  const history = new History()
  expect(history.latest()).toBeNull()
  expect(history.columns().atMs).toEqual([])
})

it('gives back what was noted, and null where nothing was measured', () => {
  const history = new History()
  for (const atMs of [2_000, 4_000]) history.add(sampleAt(atMs))
  expect(history.latest()).toEqual(sampleAt(4_000))
  expect(history.columns()).toEqual({
    atMs: [2_000, 4_000],
    streams: [3, 3],
    recordsPerSecond: [1_000, 2_000],
    latencyP50Ms: [1.5, null],
    latencyP99Ms: [null, null],
    loopDelayP99Ms: [20, 20],
  })
})

it('keeps 300 samples in 14,400 bytes, however many come', () => {
  const history = new History()
  expect(history.bytes).toBe(14_400)
  for (let at = 1; at <= 1_000; at++) history.add(sampleAt(at * 2_000))
  expect(history.bytes).toBe(14_400)
  const { atMs } = history.columns()
  expect([atMs.length, atMs[0], atMs.at(-1)]).toEqual([300, 1_402_000, 2_000_000])
  expect(history.latest()).toEqual(sampleAt(2_000_000))
})
