// Ids with an offset of -1, which mean "from now on" in that partition.

import { describe, expect, it } from 'vitest'
import { formatEventId } from '../../../src/bus/event-id.ts'
import { StreamsScene } from '../../support/streams-scene.ts'
import { pass, useFakeTime } from '../../support/time.ts'
import { recordOf, TopicInMemory } from '../../support/topic-in-memory.ts'
import { BeginningScene, begun, FEW_RECORDS, marks, records, threeRecords } from './beginning-scene.ts'

useFakeTime()

describe('an id with an offset of -1', () => {
  const id = formatEventId(
    new Map([
      [0, -1],
      [1, 1],
    ]),
  )
  const recreate = (scene: BeginningScene) => {
    scene.topic.bus.recreate()
    scene.topic.answer(marks(3, 1))
    for (const partition of [0, 1]) scene.topic.bus.setPartition(partition, 0)
    scene.produce(0, 3, 'new ')
    scene.topic.bus.append(recordOf(0, 'new other', null, 1))
    scene.catchUp()
  }

  it('begins at the beginning of that partition if the topic was recreated while it waited', async () => {
    const scene = new BeginningScene(new TopicInMemory(2))
    scene.produce(0, 2, 'old ')
    scene.catchUp()
    scene.topic.answer({ 0: { start: 0, end: 2 }, 1: null }) // it waits for 1, of which nothing is read
    const start = scene.begin({ id })
    expect(await scene.look(start)).toBe('publish')
    recreate(scene)
    const beginning = begun(await scene.look(start))
    expect(beginning.reason).toBeNull()
    expect(records(beginning)).toEqual(['new 0', 'new 1', 'new 2'])
  })

  it('does so, too, if the bus had yet to catch up', async () => {
    const scene = new BeginningScene(new TopicInMemory(2))
    scene.topic.answer(marks(2, 1))
    const start = scene.begin({ id })
    expect(await scene.look(start)).toBe('catch-up')
    recreate(scene)
    expect(records(begun(await scene.look(start)))).toEqual(['new 0', 'new 1', 'new 2'])
  })

  it('is not compared again with Kafka, which told it, if the topic was recreated since', async () => {
    const scene = new BeginningScene(new TopicInMemory(2))
    scene.topic.answer(marks(2, 1))
    const start = scene.begin({ id })
    expect(await scene.look(start)).toBe('catch-up')
    scene.topic.bus.append(recordOf(0, 'had', null, 1))
    scene.topic.answer(marks(0, 0)) // of another topic: the bus has yet to hear of it
    scene.catchUp()
    expect(begun(await scene.look(start)).reason).toBeNull()
  })

  it('means the end as of the request if the bus had yet to catch up', async () => {
    const scene = new BeginningScene(new TopicInMemory(0))
    scene.oldBelow = 2
    scene.topic.answer(marks(2, 1))
    const start = scene.begin({ id })
    expect(await scene.look(start)).toBe('catch-up')
    scene.produce(0, 5)
    scene.topic.bus.append(recordOf(0, 'had', null, 1))
    scene.topic.answer(marks(5, 1))
    scene.catchUp()
    const beginning = begun(await scene.look(start))
    expect(beginning.reason).toBeNull()
    expect(records(beginning)).toEqual(['2', '3', '4'])
  })
})

describe('an id with an offset of -1 whose records are lost', () => {
  const id = formatEventId(new Map([[0, -1]]))
  const begin = async (end: number) => {
    const scene = new BeginningScene(new TopicInMemory(0, FEW_RECORDS))
    scene.oldBelow = end
    scene.topic.answer(marks(end))
    const start = scene.begin({ id })
    expect(await scene.look(start)).toBe('catch-up')
    scene.produce(0, 30)
    scene.catchUp()
    return begun(await scene.look(start))
  }

  it('is too-old if they came after the request, also to an empty partition', async () => {
    for (const end of [0, 2]) expect((await begin(end)).reason).toBe('too-old')
  })

  it('has no gap if they came before the request', async () => {
    const beginning = await begin(28)
    expect(beginning.reason).toBeNull()
    expect(records(beginning)).toEqual(['28', '29'])
  })
})

describe('an id with an offset of -1 in a partition that this process does not know yet', () => {
  it('begins where Kafka says that the partition ends', async () => {
    const topic = threeRecords()
    const scene = new StreamsScene(topic)
    const sink = scene.open({ requested: { id: 'AQYABAICBAE=' } }) // {0:2, 1:1, 2:-1}
    topic.answer({ 0: { start: 0, end: 2 }, 1: { start: 0, end: 1 }, 2: { start: 0, end: 1 } })
    await pass(1)
    topic.bus.setPartition(2, 0)
    topic.produce('before', 'c', 2)
    topic.produce('after', 'c', 2)
    await pass(1)
    expect(sink.data).toEqual(['after'])
    expect(sink.text).not.toContain('gap')
  })
})
