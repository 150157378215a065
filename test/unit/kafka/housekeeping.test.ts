// When the buses get their turns of housekeeping.

import { describe, expect, it, vi } from 'vitest'
import { forThisTest } from '../../support/scene.ts'
import { pass } from '../../support/time.ts'
import { ReaderScene } from './reader-scene.ts'

const open = () => forThisTest(ReaderScene.open())

describe('Housekeeping', () => {
  /** How many steps came after each read of the next three seconds, while there is always more to do. */
  async function stepsAfterReads({ kafka, writer }: ReaderScene): Promise<number[]> {
    const steps = new Map<number, number>()
    writer.maintain.mockImplementation(() => {
      steps.set(kafka.reads, (steps.get(kafka.reads) ?? 0) + 1)
      return true
    })
    await pass(3_000)
    return [...steps.values()].slice(1, -1)
  }

  it('runs between two reads while there is something to do, in turns of at most sixteen steps', async () => {
    const scene = await open()
    const { kafka, writer } = scene
    kafka.hold('events', [0, 0])
    vi.setSystemTime(1_700_000_000_000)
    const steps = await stepsAfterReads(scene)
    expect(steps.length).toBeGreaterThan(5)
    expect(new Set(steps)).toEqual(new Set([16]))
    expect(writer.maintain.mock.calls[0]).toEqual([expect.closeTo(1_700_000_000_000, -5)])
  })

  it('runs about once a second when nothing comes, and after each batch', async () => {
    const scene = await open()
    const { kafka, writer } = scene
    kafka.hold('events', [0, 0])
    await pass(1_500)
    writer.maintain.mockClear()
    await pass(10_000)
    expect(writer.maintain.mock.calls.length).toBeGreaterThan(7)
    expect(writer.maintain.mock.calls.length).toBeLessThan(12)
    writer.maintain.mockClear()
    scene.batch(0, 0)
    await pass(110)
    expect(writer.maintain).toHaveBeenCalled()
  })
})
