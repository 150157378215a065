// Leaders that are missing or silent: what they hold up, for how long, and what is reported of them.

import { describe, expect, it, vi } from 'vitest'
import { forThisTest } from '../../support/scene.ts'
import { pass } from '../../support/time.ts'
import { ReaderScene } from './reader-scene.ts'

const open = () => forThisTest(ReaderScene.open())

describe('A leader that does not answer', () => {
  it('is reported after some refreshes, not after one; so is a partition without a leader', async () => {
    const { kafka, feeding, log } = await open()
    kafka.hold('events', [0, 0], [0, 0])
    await pass(1_000)
    kafka.lead('events', 1, 2)
    kafka.silent.add(2)
    await pass(6_500)
    expect(feeding.notReady()).toBeNull()
    await pass(7_000)
    expect(feeding.notReady()).toBe('topic events: no answer from the leader of partition 1')
    kafka.lead('events', 0, null)
    await pass(5_000)
    expect(feeding.notReady()).toBe(
      'topic events: no leader for partition 0, no answer from the leader of partition 1',
    )
    kafka.hold('events', [0, 0], [0, 0])
    await pass(5_000)
    expect(feeding.notReady()).toBeNull()
    expect(log.warn).toHaveBeenCalledTimes(1)
    expect(log.info.mock.calls.at(-1)).toEqual(['topic events: every partition has a leader that answers'])
  })

  it('holds up only its own partitions, and streams for at most 8 s', async () => {
    const { kafka, writer } = await open()
    kafka.hold('events', [0, 0], [0, 4], [0, 0])
    kafka.lead('events', 1, 2)
    kafka.lead('events', 2, 3)
    kafka.silent.add(2)
    await pass(1_500)
    // The one that answers after the silent one is not lost with it, and is asked before it from then on.
    expect([...kafka.live.assigned.keys()]).toEqual(['events 0', 'events 2'])
    kafka.offsets.length = 0
    await pass(5_000)
    expect(kafka.offsets.slice(0, 5).map(([leader]) => leader)).toEqual([1, 1, 3, 3, 2])
    expect(writer.markCaughtUp).not.toHaveBeenCalled()
    await pass(1_500)
    expect(writer.markCaughtUp).toHaveBeenCalledTimes(1)
    expect(writer.setPartition.mock.calls).toContainEqual([1, -2])
    kafka.silent.clear()
    await pass(5_000)
    expect([...kafka.behind.assigned.keys()]).toEqual(['events 1'])
  })

  it('holds up streams for at most 8 s, also while a question is pending', async () => {
    const { kafka, writer } = await open()
    kafka.hold('events', [0, 0], [0, 4])
    kafka.lead('events', 1, 2)
    kafka.silent.add(2)
    await pass(1_500)
    vi.spyOn(kafka.live, 'starts').mockReturnValue(new Promise(() => {}))
    await pass(5_900)
    expect(writer.markCaughtUp).not.toHaveBeenCalled()
    await pass(600)
    expect(writer.markCaughtUp).toHaveBeenCalledTimes(1)
  })

  it('is the last to be asked where no broker lists partitions: librdkafka asks no other by itself', async () => {
    const { kafka } = await open()
    kafka.hold('events', [0, 0], [0, 0], [0, 0])
    for (const partition of [0, 1, 2]) kafka.lead('events', partition, partition)
    await pass(1_000)
    kafka.deaf.add(0)
    kafka.silent.add(1)
    kafka.offsets.length = 0
    await pass(6_500)
    expect(kafka.offsets.slice(0, 3)).toEqual([
      [0, 1],
      [0, 1],
      [1, 1],
    ])
  })
})
