// What happens to a topic that is followed: partitions come, logs are cut off, topics are recreated, buses come and go.

import { describe, expect, it, vi } from 'vitest'
import { forThisTest } from '../../support/scene.ts'
import { pass, until } from '../../support/time.ts'
import { createWriter, ReaderScene } from './reader-scene.ts'

const open = () => forThisTest(ReaderScene.open())

describe('A followed topic', () => {
  it('notices a new partition within 6 s, and reads it from its beginning', async () => {
    const { kafka } = await open()
    kafka.hold('events', [0, 0])
    await pass(1_000)
    kafka.hold('events', [0, 0], [0, 4])
    await pass(7_000)
    expect(kafka.assigned).toEqual([
      ['events', { 0: 0 }],
      ['events', { 1: 0 }],
    ])
  })

  it('reads a partition again from its position, once, if an error stopped it and there is more', async () => {
    const scene = await open()
    const { kafka, log } = scene
    kafka.hold('events', [0, 4], [0, 0])
    await pass(1_000)
    scene.batch(0, 4, 'end')
    await pass(2_000)
    kafka.assigned.length = 0
    kafka.hold('events', [0, 9], [0, 0])
    kafka.readError = Object.assign(new Error('Broker: Group authorization failed'), { code: 30 })
    await pass(200)
    kafka.readError = null
    await pass(20_000)
    expect(kafka.assigned).toEqual([['events', { 0: 4 }]])
    expect(log.warn).not.toHaveBeenCalled()
  })

  it('continues at the start of the log if Kafka deleted what was unread, and warns of what is missing', async () => {
    const scene = await open()
    const { kafka, feeding, log, writer } = scene
    kafka.hold('events', [0, 4], [0, 0])
    await pass(1_000)
    scene.batch(0, 4, 'end')
    await pass(6_000)
    kafka.assigned.length = 0
    kafka.hold('events', [9, 12], [0, 0])
    kafka.live.events.onStop({ topic: 'events', partition: 0, isTruncated: false })
    await pass(2_500)
    expect(kafka.assigned).toEqual([['events', { 0: 9 }]])
    expect(writer.skip.mock.calls).toEqual([[0, 9]])
    expect(writer.publish.mock.invocationCallOrder.at(-1)).toBeGreaterThan(
      writer.skip.mock.invocationCallOrder[0] ?? Number.POSITIVE_INFINITY,
    )
    expect(log.warn.mock.calls).toEqual([
      ['topic events: records 4 to 8 of partition 0 were deleted before they were read'],
    ])
    expect(feeding.notReady()).toBeNull()
  })

  it('starts over as soon as the topic has another id, before it takes another record', async () => {
    const scene = await open()
    const { kafka, feeding, log, writer } = scene
    kafka.hold('events', [0, 4], [0, 0])
    kafka.live.events.onTopicId({ topic: 'events', id: 'one' })
    await pass(1_000)
    scene.batch(0, 4, 'end')
    await pass(1_000)
    expect(feeding.notReady()).toBeNull()
    kafka.hold('events', [0, 6])
    kafka.live.events.onTopicId({ topic: 'events', id: 'two' })
    expect(writer.recreate).toHaveBeenCalledTimes(1)
    writer.append.mockClear()
    // A read that was under way may bring records of the log that was given up.
    scene.batch(0, 4)
    expect(writer.append).not.toHaveBeenCalled()
    expect(feeding.notReady()).toBe('topic events: waiting for Kafka')
    kafka.unassigned.length = 0
    await pass(1_100)
    expect(kafka.unassigned.flatMap(([, partitions]) => partitions).sort()).toEqual([0, 1])
    expect(kafka.assigned.at(-1)).toEqual(['events', { 0: 0 }])
    scene.batch(0, 6, 'end')
    await pass(200)
    expect(writer.markCaughtUp).toHaveBeenCalledTimes(2)
    expect(feeding.notReady()).toBeNull()
    expect(log.warn.mock.calls.map(([words]) => words)).toEqual([expect.stringContaining('another topic')])
  })

  it('discards what Kafka told of the old topic if the topic was recreated meanwhile', async () => {
    const scene = await open()
    const { kafka, writer } = scene
    kafka.hold('events', [0, 4])
    kafka.live.events.onTopicId({ topic: 'events', id: 'one' })
    await pass(1_000)
    scene.batch(0, 4, 'end')
    await pass(500)
    // A look is under way: it has found a partition that was added, and what it is told of it is of the topic of
    // before.
    kafka.hold('events', [0, 4], [2, 9])
    let tell = (): void => {}
    const { live } = kafka
    const ends = live.ends.bind(live)
    vi.spyOn(live, 'ends').mockImplementationOnce(async (partitions, timeoutMs) => {
      const told = await ends(partitions, timeoutMs)
      await new Promise<void>((resolve) => {
        tell = resolve
      })
      return told
    })
    live.events.onTrouble()
    await until(() => vi.mocked(live.ends).mock.calls.length === 1)
    kafka.assigned.length = 0
    live.events.onTopicId({ topic: 'events', id: 'two' })
    expect(writer.recreate).toHaveBeenCalledTimes(1)
    await pass(100)
    kafka.hold('events', [0, 9], [0, 9])
    tell()
    await pass(2_000)
    expect(writer.recreate).toHaveBeenCalledTimes(1)
    expect(kafka.assigned).toEqual([['events', { 0: 0, 1: 0 }]])
  })

  it('starts over if the log ends before its position, once a second refresh says so, too', async () => {
    const scene = await open()
    const { kafka, writer } = scene
    kafka.hold('events', [0, 4])
    await pass(1_000)
    scene.batch(0, 4, 'end')
    await pass(1_000)
    kafka.assigned.length = 0
    kafka.hold('events', [0, 2])
    await pass(8_000)
    expect(writer.recreate).toHaveBeenCalledTimes(1)
    expect(kafka.assigned).toEqual([['events', { 0: 0 }]])
  })

  it('keeps its records while the topic is not listed, and warns once', async () => {
    const scene = await open()
    const { kafka, feeding, log, writer } = scene
    kafka.hold('events', [0, 4])
    await pass(1_000)
    scene.batch(0, 4, 'end')
    await pass(1_000)
    kafka.unassigned.length = 0
    kafka.topics.delete('events')
    await pass(10_000)
    expect(feeding.notReady()).toBe('topic events does not exist, or this principal may not Describe it')
    kafka.hold('events', [0, 4])
    await pass(3_000)
    expect(feeding.notReady()).toBeNull()
    expect(writer.recreate).not.toHaveBeenCalled()
    expect(kafka.unassigned).toEqual([])
    expect(log.warn).toHaveBeenCalledTimes(1)
  })

  it('tells the other buses if one bus throws, and tells that one again at the next refresh', async () => {
    const { kafka, reader, feeding, log, writer } = await open()
    const other = createWriter()
    kafka.hold('events', [0, 5])
    reader.feed('events', other, log)
    await pass(3_000)
    kafka.tell('events', 0, 5, 'end')
    writer.trim.mockImplementationOnce(() => {
      throw new Error('no room')
    })
    kafka.hold('events', [3, 5])
    await pass(7_000)
    expect(other.trim.mock.calls).toEqual([[0, 3]])
    expect(log.warn.mock.calls.flat().filter((line) => line.includes('no room'))).toHaveLength(1)
    await pass(7_000)
    expect(writer.trim.mock.calls).toEqual([
      [0, 3],
      [0, 3],
    ])
    expect(feeding.notReady()).toBeNull()
  })

  it('reads the topic again only for the bus that may have missed deletes, and hides what came after', async () => {
    const { kafka, reader, feeding, log, writer } = await open()
    const other = createWriter()
    kafka.hold('events', [0, 5], [0, 0])
    reader.feed('events', other, log)
    await pass(3_000)
    kafka.tell('events', 0, 5, 'end')
    await pass(7_000)
    expect(feeding.notReady()).toBeNull()
    const [published, asked] = [writer.publish.mock.calls.length, kafka.lists.length]
    writer.append.mockImplementation(() => {
      writer.missed = { partition: 0, to: 8 }
    })
    writer.startOver.mockImplementation(() => {
      writer.missed = null
      writer.append.mockReset()
    })
    kafka.tell('events', 0, 8)
    kafka.tell('events', 0, 9)
    kafka.tell('events', 1, 0)
    expect([writer.append, other.append].map(({ mock }) => mock.calls.length)).toEqual([1, 3])
    kafka.live.events.onBatchEnd()
    expect(writer.startOver).toHaveBeenCalledTimes(1)
    expect(writer.publish.mock.calls.length).toBe(published)
    expect(log.warn.mock.calls.flat().filter((line) => line.includes('may have been missed'))).toHaveLength(1)
    expect(feeding.notReady()).toContain('waiting for Kafka')
    kafka.hold('events', [0, 10], [0, 1])
    await pass(3_000)
    expect(kafka.lists.length).toBeGreaterThan(asked)
    expect(writer.setPartition.mock.calls.slice(-2)).toEqual([
      [0, 0, 10],
      [1, 0, 1],
    ])
    for (const offset of [0, 4, 8, 9]) kafka.tell('events', 0, offset)
    kafka.tell('events', 1, 0)
    kafka.behind.events.onBatchEnd()
    await pass(3_000)
    expect(writer.append.mock.calls.map(([{ partition, offset }]) => [partition, offset])).toEqual([
      [0, 0],
      [0, 4],
      [0, 8],
      [0, 9],
      [1, 0],
    ])
    expect(feeding.notReady()).toBeNull()
    expect([other.startOver, other.recreate].map(({ mock }) => mock.calls.length)).toEqual([0, 0])
    expect(other.append.mock.calls).toHaveLength(3)
  })

  it('notes the end of a partition as of before the question, and ignores a broker that is behind', async () => {
    const { kafka, writer } = await open()
    kafka.hold('events', [0, 5])
    await pass(3_000)
    kafka.tell('events', 0, 5, 'end')
    writer.noteEnd.mockClear()
    const before = Date.now()
    await pass(7_000)
    expect(writer.noteEnd.mock.calls.length).toBeGreaterThan(0)
    for (const [partition, end, { nowMs, epochMs }] of writer.noteEnd.mock.calls) {
      expect([partition, end]).toEqual([0, 5])
      expect(nowMs).toBeGreaterThanOrEqual(before)
      expect(nowMs).toBeLessThanOrEqual(Date.now() - 20) // the two answers took 10 ms each
      expect(epochMs).toBe(nowMs)
    }
    writer.noteEnd.mockClear()
    kafka.hold('events', [0, 3])
    await pass(2_000)
    expect(writer.noteEnd.mock.calls.filter(([, end]) => end !== 5)).toEqual([])
  })
})

describe('A topic with several buses', () => {
  it('is read once for buses that begin together', async () => {
    const scene = await open()
    const { kafka, reader, log, writer } = scene
    const second = createWriter()
    reader.feed('events', second, log)
    kafka.hold('events', [0, 2])
    await pass(1_500)
    expect(kafka.assigned).toEqual([['events', { 0: 0 }]])
    scene.batch(0, 0)
    for (const each of [writer, second]) expect(each.append).toHaveBeenCalledTimes(1)
  })

  it('is read from the beginning for a bus that comes later, while the first stays live, until both meet', async () => {
    const scene = await open()
    const { kafka, reader, log, writer } = scene
    kafka.hold('events', [0, 2])
    await pass(1_000)
    for (const offset of [0, 1]) scene.batch(0, offset)
    await pass(1_000)
    scene.batch(0, 2)
    const later = createWriter()
    const second = reader.feed('events', later, log)
    kafka.hold('events', [0, 3])
    await pass(1_000)
    expect(kafka.behind.assigned).toEqual(new Map([['events 0', 0]]))
    kafka.live.tell('events', 0, 3)
    expect([writer.append.mock.calls.length, later.append.mock.calls.length]).toEqual([4, 0])
    for (const offset of [0, 1, 2]) kafka.behind.tell('events', 0, offset)
    kafka.behind.events.onBatchEnd()
    expect(second.notReady()).toBeNull()
    await pass(200)
    expect([kafka.live.assigned, kafka.behind.assigned]).toEqual([new Map([['events 0', 3]]), new Map()])
    for (const offset of [3, 4]) scene.batch(0, offset)
    const offsets = (of: typeof writer) => of.append.mock.calls.map(([{ offset }]) => offset)
    expect([offsets(writer), offsets(later)]).toEqual([
      [0, 1, 2, 3, 4],
      [0, 1, 2, 3, 4],
    ])
  })

  it('lets a bus that comes later wait no longer for a silent leader than the first', async () => {
    const { kafka, reader, log } = await open()
    kafka.hold('events', [0, 0], [0, 4])
    kafka.lead('events', 1, 2)
    kafka.silent.add(2)
    await pass(12_000)
    const second = createWriter()
    reader.feed('events', second, log)
    await pass(4_000)
    expect(second.markCaughtUp).toHaveBeenCalledTimes(1)
  })

  it('gives nothing to a bus that was stopped, and is not read any more after the last', async () => {
    const scene = await open()
    const { kafka, reader, feeding, log, writer } = scene
    const second = createWriter()
    const other = reader.feed('events', second, log)
    kafka.hold('events', [0, 0])
    await pass(1_500)
    feeding.stop()
    scene.batch(0, 0)
    expect([writer.append.mock.calls.length, second.append.mock.calls.length]).toEqual([0, 1])
    other.stop()
    await pass(500)
    expect(kafka.live.assigned.size).toBe(0)
    const { length } = kafka.lists
    await pass(20_000)
    expect(kafka.lists).toHaveLength(length)
  })

  it('starts all buses over when one of them finds that the topic was recreated', async () => {
    const scene = await open()
    const { kafka, reader, log, writer } = scene
    const second = createWriter()
    kafka.hold('events', [0, 4])
    await pass(1_000)
    scene.batch(0, 4, 'end')
    reader.feed('events', second, log)
    kafka.hold('events', [0, 2])
    await pass(8_000)
    for (const each of [writer, second]) expect(each.recreate).toHaveBeenCalled()
  })
})
