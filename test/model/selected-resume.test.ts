// What an event id promises to a client that selects: its own records, and a delete for each key that leaves. In a file
// of its own, so that each half of the model has a core.

import { describe, it } from 'vitest'
import { expectPromiseKept, narrowSetting, PROMISE_TIMEOUT_MS, setting } from './promise.ts'

describe('a client that selects', { timeout: PROMISE_TIMEOUT_MS }, () => {
  const isSelected = true

  it('has the newest of its own, each once and in order, no others, and a delete for each key that leaves', async () => {
    await expectPromiseKept(setting({ isSelected, isCleaned: true }), 1_250)
  })

  it('has each of its own records once where each counts', async () => {
    await expectPromiseKept(setting({ isSelected, keeps: 'all', isCleaned: true }), 625)
  })

  it('is told what a full bus had no room for', async () => {
    await expectPromiseKept(narrowSetting({ isSelected }), 625)
  })
})
