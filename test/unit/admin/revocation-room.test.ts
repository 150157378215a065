// Readiness that turns because a process cannot remember more revocations has a line for each turn.

import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { RevocationRoom } from '../../../plugins/admin/revocation-room.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it('tells once that there is no room, once that there is again, and nothing when it is closed', () => {
  const revocations = { isFull: false }
  const log = { info: vi.fn(), warn: vi.fn() }
  const room = new RevocationRoom(revocations, log)
  vi.advanceTimersByTime(5_000)
  expect([log.warn, log.info].map((each) => each.mock.calls)).toEqual([[], []])
  revocations.isFull = true
  vi.advanceTimersByTime(5_000)
  expect(log.warn.mock.calls).toEqual([['there is no room for more revocations: no stream opens']])
  revocations.isFull = false
  vi.advanceTimersByTime(5_000)
  expect(log.info.mock.calls).toEqual([['there is room for revocations again']])
  room.close()
  revocations.isFull = true
  vi.advanceTimersByTime(5_000)
  expect(log.warn).toHaveBeenCalledTimes(1)
})
