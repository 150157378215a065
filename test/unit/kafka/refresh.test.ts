// Refreshes: how many questions many topics take, and the watermarks that streams ask for.

import { describe, expect, it, vi } from 'vitest'
import { forThisTest } from '../../support/scene.ts'
import { pass } from '../../support/time.ts'
import { createWriter, ReaderScene } from './reader-scene.ts'

const open = () => forThisTest(ReaderScene.open())

describe('A refresh of many topics', () => {
  const NAMES = Array.from({ length: 200 }, (_, index) => `topic-${index}`)

  it('asks one question for all partitions, then two of each leader, and starts all topics at once', async () => {
    const { kafka, reader, log, writer } = await open()
    const writers = NAMES.map(() => createWriter())
    for (const [index, name] of NAMES.entries()) {
      kafka.hold(name, [0, index % 2], [0, 0])
      kafka.lead(name, 1, 2)
    }
    await pass(100)
    kafka.lists.length = 0
    kafka.offsets.length = 0
    for (const [index, name] of NAMES.entries()) reader.feed(name, writers[index] ?? writer, log)
    await pass(300)
    // All of them, and the other consumer of those that it is to read.
    expect(kafka.lists.map((names) => names.length)).toEqual([201, 200])
    expect(kafka.offsets).toEqual([
      [1, 200],
      [1, 200],
      [2, 200],
      [2, 200],
    ])
    expect(kafka.live.assigned.size + kafka.behind.assigned.size).toBe(400)
    for (const [index, name] of NAMES.entries()) if (index % 2 === 1) kafka.tell(name, 0, 0)
    kafka.live.events.onBatchEnd()
    for (const each of writers) expect(each.markCaughtUp).toHaveBeenCalledTimes(1)
  })

  it('is not held up by a topic that is missing or fails', async () => {
    const { kafka, reader, feeding, log } = await open()
    const [broken, fine] = [createWriter(), createWriter()]
    for (const name of ['broken', 'fine']) kafka.hold(name, [0, 0])
    broken.setPartition.mockImplementation(() => {
      throw new Error('no room')
    })
    const one = reader.feed('broken', broken, log)
    const other = reader.feed('fine', fine, log)
    await pass(2_000)
    expect(feeding.notReady()).toBe('topic events does not exist, or this principal may not Describe it')
    expect(one.notReady()).toBe('topic broken: no room')
    expect(other.notReady()).toBeNull()
    expect(fine.markCaughtUp).toHaveBeenCalledTimes(1)
  })
})

describe('Watermarks', () => {
  it('resolve when every leader has answered or was given up; a partition without an answer has null', async () => {
    const { kafka, feeding } = await open()
    const answered = vi.fn()
    feeding.watermarks().then(answered)
    await pass(3_000)
    expect(answered).not.toHaveBeenCalled()
    kafka.hold('events', [0, 5], [2, 7], [3, 9])
    kafka.lead('events', 1, 2)
    kafka.lead('events', 2, null)
    kafka.silent.add(2)
    await pass(5_000)
    expect(answered).toHaveBeenCalledWith(
      new Map([
        [0, { start: 0, end: 5 }],
        [1, null],
        [2, null],
      ]),
    )
  })

  it('do not wait again for a leader that was silent for several refreshes, until it answers one', async () => {
    const { kafka, feeding } = await open()
    kafka.hold('events', [0, 5], [2, 7])
    kafka.lead('events', 1, 2)
    kafka.silent.add(2)
    await pass(8_000)
    const answered = vi.fn()
    feeding.watermarks().then(answered)
    await pass(100)
    expect(answered.mock.calls).toEqual([
      [
        new Map([
          [0, { start: 0, end: 5 }],
          [1, null],
        ]),
      ],
    ])
    kafka.silent.clear()
    await pass(4_000)
    feeding.watermarks().then(answered)
    await pass(100)
    expect(answered.mock.calls[1]?.[0].get(1)).toEqual({ start: 2, end: 7 })
  })

  it('are null only for a partition with an error, although librdkafka drops the whole answer', async () => {
    const { kafka, feeding } = await open()
    kafka.hold('events', [0, 5], [2, 7], [3, 9])
    kafka.refused.add('events 1')
    const answered = vi.fn()
    feeding.watermarks().then(answered)
    await pass(1_000)
    expect(answered).toHaveBeenCalledWith(
      new Map([
        [0, { start: 0, end: 5 }],
        [1, null],
        [2, { start: 3, end: 9 }],
      ]),
    )
  })
})
