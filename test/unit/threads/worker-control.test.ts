// What a worker is told of other replicas, one message at a time, and what happens if it takes none.

import { describe, expect, it } from 'vitest'
import type { ControlNews } from '../../../src/control/control-center.ts'
import { createControlFigures } from '../../../src/control/control-figures.ts'
import { WorkerControl } from '../../../src/threads/worker-control.ts'
import { Revocations } from '../../../src/token/revocations.ts'
import { MovedClock, renewalOf, revocationOf } from '../control/control-scene.ts'

const STATE = { trouble: null, blindInMs: 30_000 }

class WorkerScene {
  readonly revocations = new Revocations(new MovedClock())
  readonly figures = createControlFigures()
  readonly sent: ControlNews[] = []
  readonly control: WorkerControl
  private taken: () => void = () => {}

  constructor() {
    const { revocations, figures } = this
    const send = (news: ControlNews) => {
      this.sent.push(news)
      return new Promise<void>((resolve) => {
        this.taken = resolve
      })
    }
    this.control = new WorkerControl({ revocations, figures, state: () => STATE, send })
  }

  /** The worker has taken the last message. */
  async take(): Promise<void> {
    this.taken()
    await new Promise((resolve) => setImmediate(resolve))
  }

  revoke(...subjects: string[]): void {
    const revocations = subjects.map((sub) => revocationOf({ on: { sub } }))
    for (const revocation of revocations) this.revocations.add(revocation)
    this.control.receive({ revocations, renewals: [] })
  }

  renew(count: number): void {
    this.control.receive({ revocations: [], renewals: Array.from({ length: count }, () => renewalOf()) })
  }
}

describe('A worker', () => {
  it('is told the state at once', () => {
    const scene = new WorkerScene()
    expect(scene.sent).toEqual([{ rows: [], revocations: [], renewals: [], state: STATE }])
  })

  it('is told what came meanwhile in one message, when it has taken the last one', async () => {
    const scene = new WorkerScene()
    scene.revoke('alice')
    scene.renew(2)
    scene.revoke('bob')
    expect(scene.sent.length).toBe(1)
    await scene.take()
    expect(scene.sent.length).toBe(2)
    expect(scene.sent[1]?.revocations.map(({ on }) => on)).toEqual([{ sub: 'alice' }, { sub: 'bob' }])
    expect(scene.sent[1]?.renewals.length).toBe(2)
  })

  it('that takes nothing is told the whole table again in place of more than 10,000 revocations', async () => {
    const scene = new WorkerScene()
    scene.revoke(...Array.from({ length: 10_001 }, (_, at) => `user ${at}`))
    for (let messages = 0; messages < 12; messages++) await scene.take()
    const [, ...again] = scene.sent
    expect(again.flatMap(({ rows }) => rows).length).toBe(10_001)
    expect(again.map(({ state }) => state).slice(0, -1)).toEqual(Array.from({ length: 10 }, () => null))
    expect(again.at(-1)?.state).toEqual(STATE)
  })

  it('that takes nothing is told of 10,000 renewals, and the others are counted', async () => {
    const scene = new WorkerScene()
    scene.renew(9_000)
    scene.renew(2_000)
    await scene.take()
    expect(scene.sent[1]?.renewals.length).toBe(10_000)
    expect(scene.figures.renewalsDropped).toBe(1_000)
  })

  it('that has ended is told nothing more', async () => {
    const scene = new WorkerScene()
    scene.control.close()
    await scene.take()
    scene.revoke('alice')
    expect(scene.sent.length).toBe(1)
  })
})
