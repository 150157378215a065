// Two consumers that look like one: what of which is read when, and that the move from one to the other loses nothing.

import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { ConsumerEvents, RecordSource } from '../../plugins/kafka/consumer.ts'
import { TwoConsumers } from '../../plugins/kafka/two-consumers.ts'
import type { KafkaRecord } from '../../src/topic.ts'

/** What one consumer would be told next: records by offset, or the end of the partition. */
type Told = { topic: string; partition: number; offset: number; isEnd?: boolean }

class FakeConsumer implements RecordSource {
  readonly assigned = new Map<string, number>()
  readonly waits: (number | undefined)[] = []
  next: Told[] = []
  error: Error | null = null
  readonly events: ConsumerEvents

  constructor(events: ConsumerEvents) {
    this.events = events
  }

  connect = vi.fn(async () => {})
  close = vi.fn(async () => {})
  partitions = vi.fn(async () => [{ partition: 0, hasLeader: true }])
  starts = vi.fn(async () => new Map([[0, 0]]))
  ends = vi.fn(async () => new Map([[0, 0]]))

  assign(topic: string, offsets: ReadonlyMap<number, number>): void {
    for (const [partition, offset] of offsets) {
      if (this.assigned.has(`${topic} ${partition}`)) throw new Error('assigned already')
      this.assigned.set(`${topic} ${partition}`, offset)
    }
  }

  unassign(topic: string, partitions: readonly number[]): void {
    for (const partition of partitions)
      if (!this.assigned.delete(`${topic} ${partition}`)) throw new Error('not assigned')
  }

  async read(waitMs?: number): Promise<void> {
    this.waits.push(waitMs)
    for (const { topic, partition, offset, isEnd } of this.next.splice(0)) {
      if (isEnd) this.events.onEnd(topic, partition, offset)
      else this.events.onRecord(topic, { partition, offset } as KafkaRecord)
    }
    if (this.error !== null) throw this.error
  }
}

describe('A source of two consumers', () => {
  let caughtUp: FakeConsumer
  let behind: FakeConsumer
  let source: TwoConsumers
  const heard: string[] = []
  let nowMs = 0

  beforeEach(() => {
    heard.length = 0
    nowMs = 0
    const made: FakeConsumer[] = []
    const create = (events: ConsumerEvents) => {
      const consumer = new FakeConsumer(events)
      made.push(consumer)
      return consumer
    }
    const events: ConsumerEvents = {
      onRecord: (topic, { partition, offset }) => heard.push(`${topic} ${partition}/${offset}`),
      onEnd: (topic, partition, offset) => heard.push(`${topic} ${partition} ends at ${offset}`),
      onBatchEnd: () => heard.push('batch ends'),
      onTrouble: () => {},
      onLog: () => {},
      onTopicId: () => {},
      onStop: () => {},
    }
    source = new TwoConsumers(create, events, () => nowMs)
    ;[caughtUp, behind] = made as [FakeConsumer, FakeConsumer]
  })

  const record = (topic: string, offset: number, partition = 0): Told => ({ topic, partition, offset })
  const end = (topic: string, offset: number, partition = 0): Told => ({
    topic,
    partition,
    offset,
    isEnd: true,
  })

  it('reads what is on its way by one, and by the other from its end on, without a record twice or lost', async () => {
    source.assign(
      'table',
      new Map([
        [0, 5],
        [1, 7],
      ]),
    )
    behind.next = [record('table', 5), record('table', 7, 1), record('table', 6)]
    await source.read()
    expect(caughtUp.assigned).toEqual(new Map())
    behind.next = [record('table', 9), end('table', 11), record('table', 8, 1)]
    await source.read()
    expect(behind.assigned).toEqual(new Map([['table 1', 7]]))
    expect(caughtUp.assigned).toEqual(new Map([['table 0', 11]]))
    expect(heard).toEqual([
      'table 0/5',
      'table 1/7',
      'table 0/6',
      'table 0/9',
      'table 0 ends at 11',
      'table 1/8',
    ])
  })

  it('goes on behind what came in the same batch as the end', async () => {
    source.assign('table', new Map([[0, 0]]))
    behind.next = [end('table', 3), record('table', 3), record('table', 4)]
    await source.read()
    expect(caughtUp.assigned).toEqual(new Map([['table 0', 5]]))
  })

  it('looks for what has caught up before each batch of what is behind, and waits for it where nothing is', async () => {
    source.assign('small', new Map([[0, 0]]))
    behind.next = [end('small', 0)]
    await source.read()
    expect(caughtUp.waits).toEqual([])
    source.assign('large', new Map([[0, 0]]))
    caughtUp.next = [record('small', 0)]
    behind.next = [record('large', 0)]
    await source.read()
    expect(heard.slice(1)).toEqual(['small 0/0', 'large 0/0'])
    expect(caughtUp.waits).toEqual([0])
    behind.next = [end('large', 1)]
    await source.read()
    await source.read()
    expect(caughtUp.waits).toEqual([0, 0, undefined])
    expect(behind.waits).toHaveLength(3)
  })

  it('takes back what is given up from where it is read, and begins anew behind', async () => {
    source.assign(
      'table',
      new Map([
        [0, 0],
        [1, 0],
      ]),
    )
    behind.next = [end('table', 4)]
    await source.read()
    source.unassign('table', [0, 1])
    expect([caughtUp.assigned, behind.assigned]).toEqual([new Map(), new Map()])
    await source.read()
    expect(caughtUp.waits).toEqual([undefined])
    source.assign('table', new Map([[0, 2]]))
    expect(behind.assigned).toEqual(new Map([['table 0', 2]]))
  })

  it('moves over what ended although the read failed', async () => {
    source.assign('table', new Map([[0, 0]]))
    behind.next = [end('table', 4)]
    behind.error = new Error('Local: Broker transport failure')
    await expect(source.read()).rejects.toThrow('transport')
    expect(caughtUp.assigned).toEqual(new Map([['table 0', 4]]))
  })

  it('leaves a partition where it is read as long as the other one does not take it', async () => {
    source.assign('table', new Map([[0, 0]]))
    behind.next = [end('table', 4)]
    vi.spyOn(caughtUp, 'assign').mockImplementationOnce(() => {
      throw new Error('Local: Erroneous state')
    })
    await expect(source.read()).rejects.toThrow('Erroneous')
    expect([caughtUp.assigned, behind.assigned]).toEqual([new Map(), new Map([['table 0', 0]])])
    await source.read()
    expect([caughtUp.assigned, behind.assigned]).toEqual([new Map([['table 0', 4]]), new Map()])
  })

  it('takes back once more what could not be assigned after it was taken back', () => {
    source.assign('table', new Map([[0, 0]]))
    source.unassign('table', [0])
    source.unassign('table', [0])
    source.assign('table', new Map([[0, 3]]))
    expect(behind.assigned).toEqual(new Map([['table 0', 3]]))
  })

  it('goes on with what is behind while something is wrong with what has caught up', async () => {
    source.assign('small', new Map([[0, 0]]))
    behind.next = [end('small', 0)]
    await source.read()
    source.assign('table', new Map([[0, 0]]))
    caughtUp.error = new Error('Broker: Topic authorization failed')
    behind.next = [record('table', 0), end('table', 1)]
    await expect(source.read()).rejects.toThrow('authorization')
    expect(heard.slice(1)).toEqual(['table 0/0', 'table 0 ends at 1'])
    expect(caughtUp.assigned.get('table 0')).toBe(1)
  })

  it('reads the one that has nothing to read once a second, since its news would pile up', async () => {
    for (nowMs = 0; nowMs < 10_000; nowMs += 100) await source.read()
    expect(behind.waits).toEqual(Array(9).fill(0))
    source.assign('table', new Map([[0, 0]]))
    for (; nowMs < 20_000; nowMs += 5) await source.read()
    expect(caughtUp.waits.filter((waitMs) => waitMs === 0)).toHaveLength(10)
  })

  it('has both hear of a topic, so that neither looks for its leaders first when it is to read', async () => {
    expect(await source.partitions('table')).toEqual([{ partition: 0, hasLeader: true }])
    expect(caughtUp.partitions).toHaveBeenCalledWith('table')
    expect(behind.partitions).toHaveBeenCalledWith('table')
  })
})
