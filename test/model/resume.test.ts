// What an event id promises, over random records, compactions, losses and clients that move between servers:
// commands.ts has what may happen, ledger.ts what must hold. selected-resume.test.ts has clients that select.

import { describe, it } from 'vitest'
import { expectPromiseKept, narrowSetting, PROMISE_TIMEOUT_MS, setting } from './promise.ts'

describe('a client that comes back with its id, to any server', { timeout: PROMISE_TIMEOUT_MS }, () => {
  it('has the newest of every key, each record at most once and in order, and is told every gap', async () => {
    await expectPromiseKept(setting({ isCleaned: true }), 1_000)
  })

  it('has every record once where each counts', async () => {
    await expectPromiseKept(setting({ keeps: 'all', isCleaned: true }), 750)
  })

  it('is told what a full bus had no room for', async () => {
    await expectPromiseKept(narrowSetting(), 750)
  })
})
