// The control of one thread: what it refuses, when it counts as blind, and what it does to open streams.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ControlNews } from '../../../src/control/control-center.ts'
import { ThreadControl } from '../../../src/control/thread-control.ts'
import type { Renewal } from '../../../src/stream/holders.ts'
import type { Revocation } from '../../../src/token/revocation.ts'
import { Revocations } from '../../../src/token/revocations.ts'
import { MovedClock, renewalOf, revocationOf, START_MS } from './control-scene.ts'

class ThreadScene {
  readonly clock = new MovedClock()
  readonly revocations = new Revocations(this.clock)
  readonly done: string[] = []
  readonly control: ThreadControl

  constructor(whenBlind: 'continue' | 'end' = 'continue') {
    const { clock, revocations, done } = this
    const streams = {
      revocations,
      renewHere: ({ session }: Renewal) => done.push(`renew ${session.subject}`),
      revokeHere: (revocation: Revocation) => {
        revocations.add(revocation)
        done.push(`revoke ${JSON.stringify(revocation.on)}`)
      },
      endAll: () => done.push('end all'),
    }
    const center = { renew: async ({ route }: Renewal) => void done.push(`told ${route}`) }
    this.control = new ThreadControl({ center, streams, whenBlind, clock })
  }

  receive(news: Partial<ControlNews>): void {
    const state = { trouble: null, blindInMs: 30_000 }
    this.control.receive({ rows: [], revocations: [], renewals: [], state, ...news })
  }

  /** Both clocks and the timers. */
  pass(ms: number): void {
    this.clock.pass(ms)
    vi.advanceTimersByTime(ms)
  }
}

describe('The control of a thread', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('lets no stream open before the whole table of revocations has come', () => {
    const scene = new ThreadScene()
    expect(scene.control.trouble()).toMatch(/not known/)
    const row = { kind: 'sub' as const, issuer: 'https://auth.example.com', name: 'alice' }
    scene.receive({ rows: [{ ...row, beforeMs: START_MS, untilMs: START_MS + 9_000 }], state: null })
    expect(scene.control.trouble()).toMatch(/not known/)
    scene.receive({})
    expect(scene.control.trouble()).toBeNull()
    expect(scene.revocations.refuses({ ...renewalOf().session, subject: 'alice' })).toBe(true)
  })

  it('revokes before it renews what came with it', () => {
    const scene = new ThreadScene()
    scene.receive({ renewals: [renewalOf()], revocations: [revocationOf()] })
    expect(scene.done).toEqual(['revoke {"sub":"alice"}', 'renew example'])
  })

  it('ends open streams by a table that comes whole, too, and remembers which logout tokens were used', () => {
    const scene = new ThreadScene()
    scene.receive({})
    const row = { issuer: 'https://auth.example.com', beforeMs: START_MS, untilMs: START_MS + 9_000 }
    const rows = (['sub', 'sid', 'jti', 'client', 'logout'] as const).map((kind) => ({
      ...row,
      kind,
      name: kind,
    }))
    scene.receive({ rows, state: null })
    const ended = ['sub', 'sid', 'jti', 'client'].map((kind) => `revoke {"${kind}":"${kind}"}`)
    expect(scene.done).toEqual(ended)
    expect([...scene.revocations.rows()]).toEqual(rows)
    expect(scene.revocations.hasUsed(row.issuer, 'logout')).toBe(true)
  })

  it('hands renewals over to the main thread', async () => {
    const scene = new ThreadScene()
    await scene.control.renew(renewalOf())
    expect(scene.done).toEqual(['told /events'])
  })

  it('is in the trouble that the main thread tells', () => {
    const scene = new ThreadScene()
    scene.receive({ state: { trouble: 'not read', blindInMs: 0 } })
    expect(scene.control.trouble()).toBe('not read')
  })

  it('counts as blind by itself once it hears nothing any more, in the time that the main thread has left', () => {
    const scene = new ThreadScene()
    scene.receive({ state: { trouble: null, blindInMs: 7_000 } })
    scene.pass(6_999)
    expect(scene.control.trouble()).toBeNull()
    scene.pass(1)
    expect(scene.control.trouble()).toMatch(/for too long/)
    scene.receive({})
    expect(scene.control.trouble()).toBeNull()
  })

  it('counts as blind by the wall clock, too, after the machine was suspended', () => {
    const scene = new ThreadScene()
    scene.receive({})
    scene.clock.step(30_000)
    expect(scene.control.trouble()).toMatch(/for too long/)
  })

  it('ends all streams once when it goes blind, if that is asked for', () => {
    const scene = new ThreadScene('end')
    scene.receive({})
    scene.pass(29_750)
    expect(scene.done).toEqual([])
    scene.pass(250)
    expect(scene.done).toEqual(['end all'])
    scene.pass(60_000)
    expect(scene.done).toEqual(['end all'])
    scene.receive({})
    scene.pass(30_000)
    expect(scene.done).toEqual(['end all', 'end all'])
  })

  it('leaves open streams alone otherwise, and while the topic is read for the first time', () => {
    const continuing = new ThreadScene('continue')
    continuing.receive({})
    continuing.pass(60_000)
    expect(continuing.done).toEqual([])
    const starting = new ThreadScene('end')
    starting.pass(60_000)
    expect(starting.done).toEqual([])
  })
})
