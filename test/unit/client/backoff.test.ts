// How long the client waits before it comes back.

import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { StreamError } from '../../../client/src/index.ts'
import { createRetries } from '../../../client/src/retries.ts'
import { forThisTest } from '../../support/scene.ts'
import { pass } from '../../support/time.ts'
import { ClientScene, status } from './client-scene.ts'

const open = () => forThisTest(ClientScene.open())

describe('a client that has lost its connection', () => {
  it('waits twice as long after each failure, up to the bound, and starts over after a good connection', async () => {
    const scene = await open()
    const { server, errors } = scene
    server.answers = [() => Promise.reject(new Error('refused'))]
    scene.connect({ retryMaxMs: 10_000 })
    await pass(2_000 + 4_000 + 8_000 + 10_000 + 10_000)
    expect(errors.map(({ retryInMs }) => retryInMs)).toEqual([2_000, 4_000, 8_000, 10_000, 10_000, 10_000])
    server.answers = [() => server.stream()]
    await pass(10_000)
    await pass(5_000)
    server.breakOff()
    await pass()
    expect(errors.at(-1)?.retryInMs).toBe(2_000)
  })

  it('starts over after a connection that lasted, and after no other, however the clock is set meanwhile', async () => {
    const scene = await open()
    const { server, errors } = scene
    server.answers = [() => server.stream()]
    scene.connect()
    await pass(5_000)
    vi.setSystemTime(Date.now() - 3_600_000)
    server.breakOff()
    await pass(2_000)
    vi.setSystemTime(Date.now() + 7_200_000)
    server.breakOff()
    await pass(4_000)
    server.breakOff()
    await pass()
    expect(errors.map(({ retryInMs }) => retryInMs)).toEqual([2_000, 4_000, 8_000])
  })

  it('does not start over for connections that break at once, nor hurry where retry is 0', async () => {
    const scene = await open()
    const { server, errors } = scene
    server.answers = [() => server.stream('retry:0\n\n')]
    scene.connect({ retryMaxMs: 5_000 })
    for (let times = 0; times < 14; times++) {
      await pass(5_000)
      server.breakOff()
      await pass(0)
      vi.setSystemTime(Date.now() - 5_000)
    }
    expect(errors.map(({ retryInMs }) => retryInMs).slice(-2)).toEqual([4_096, 5_000])
  })

  it('waits for any time up to the limit, so that clients do not come back together, and for a twentieth of it at least', async () => {
    const waits = [0, 0.25, 0.999999].map((number) => {
      const retries = createRetries(30_000, () => number)
      return [1, 2, 3].map(() => retries({ failure: null, openMs: 0, retryMs: null }, false))
    })
    expect(waits).toEqual([
      [100, 200, 400],
      [500, 1_000, 2_000],
      [2_000, 4_000, 8_000],
    ])
  })

  it('never comes sooner than the server’s retry and Retry-After say, at any time and with any jitter', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: 1, max: 600_000 }),
        fc.option(fc.integer({ min: 0, max: 600_000 })),
        fc.integer({ min: 1, max: 40 }),
        (number, retryMs, retryAfterMs, failures) => {
          const retries = createRetries(30_000, () => number)
          const failure = new StreamError('unavailable', '', { status: 503, retryAfterMs })
          let waitMs: number | null = 0
          for (let count = 0; count < failures; count++)
            waitMs = retries({ failure, openMs: 0, retryMs }, false)
          expect(waitMs).toBeGreaterThanOrEqual(Math.max(retryMs, retryAfterMs ?? 0))
          expect(waitMs).toBeLessThanOrEqual((retryAfterMs ?? 0) + Math.max(30_000, retryMs))
        },
      ),
    )
  })

  it.each([
    [429, '7', 9_000],
    [503, '0', 2_000],
    [503, '99999999', 602_000],
    [500, 'soon', 2_000],
  ])('waits at least what a %i says with Retry-After: %s', async (code, retryAfter, waitMs) => {
    const scene = await open()
    const { server, errors } = scene
    server.answers = [() => status(code, { 'retry-after': retryAfter })]
    scene.connect()
    await pass()
    expect(errors).toMatchObject([{ error: { code: 'unavailable', status: code }, retryInMs: waitMs }])
  })

  it('reads a Retry-After that is a date', async () => {
    const scene = await open()
    const { server, errors } = scene
    vi.setSystemTime(Date.parse('2026-01-01T00:00:00Z'))
    server.answers = [() => status(503, { 'retry-after': 'Thu, 01 Jan 2026 00:00:20 GMT' })]
    scene.connect()
    await pass()
    expect(errors[0]?.retryInMs).toBe(22_000)
  })
})
