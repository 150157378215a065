// Settings that are read again, in every order of events: files half written, pairs that do not fit, a certificate that
// has expired, signals during a reload, workers that die and start meanwhile, and a stop.

import fc from 'fast-check'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { makeCertificates } from '../../src/demo/certificates.ts'
import { keepSecret } from '../support/printed.ts'
import { bitsOf } from '../support/random.mjs'
import { type Pair, ReloadWorld } from './reload-world.ts'

vi.mock('node:worker_threads', async (original) => ({
  ...(await original<typeof import('node:worker_threads')>()),
  Worker: (await import('./thread-in-process.ts')).ThreadInProcess,
}))

const YEARS_MS = 10 * 365 * 86_400_000
const pairs: Pair[] = []

beforeAll(async () => {
  for (const at of [Date.now(), Date.now(), Date.now(), Date.now() - YEARS_MS]) {
    const made = await makeCertificates(['localhost'], at)
    keepSecret(made.keyPem)
    pairs.push(made)
  }
})

describe('settings that are read again', () => {
  it('are those of the disk in every worker if they are good, and else those of before', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.integer({ min: 1, max: 25 }),
        fc.integer({ min: 0, max: 3 }),
        async (seed, steps, settles) => {
          const bits = bitsOf(seed)
          const world = new ReloadWorld((limit) => bits() % limit, pairs)
          await world.start()
          for (let step = 0; step < steps; step++) await world.step()
          if (settles > 0) await world.settle()
          await world.stop()
          expect(world.faults).toEqual([])
        },
      ),
      { numRuns: Number(process.env.RELOAD_RUNS ?? 25), endOnFailure: true },
    )
  }, 60_000)
})
