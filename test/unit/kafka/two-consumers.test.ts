// Two consumers that look like one, for any number of buses: which reads what when. Moving a partition between them, or
// a bus that comes later, loses nothing, repeats nothing and does not hold up other partitions.

import { beforeEach, describe, expect, it } from 'vitest'
import type { Receiver } from '../../../plugins/kafka/following/assignment.ts'
import { TwoConsumers } from '../../../plugins/kafka/following/two-consumers.ts'
import { KafkaInMemory } from './kafka-in-memory.ts'
import { NO_EVENTS } from './no-events.ts'

/** Takes what it has not got, as a feed does. */
class Recorder implements Receiver {
  readonly heard: string[] = []
  private readonly offsets = new Map<number, number>()

  append({ partition, offset }: { partition: number; offset: number }): void {
    if (offset < this.next(partition)) return
    this.offsets.set(partition, offset + 1)
    this.heard.push(`${partition}/${offset}`)
  }
  endOfPartition(partition: number, offset: number): void {
    this.heard.push(`${partition} ends at ${offset}`)
  }
  noteStop(partition: number): void {
    this.heard.push(`${partition} stops`)
  }
  next(partition: number): number {
    return this.offsets.get(partition) ?? 0
  }
  /** What came before is gone. */
  skipTo(partition: number, offset: number): void {
    this.offsets.set(partition, offset)
  }
}

describe('A source of two consumers', () => {
  let kafka: KafkaInMemory
  let source: TwoConsumers
  let bus: Recorder
  let nowMs = 0

  beforeEach(() => {
    nowMs = 0
    kafka = new KafkaInMemory()
    source = new TwoConsumers(kafka.createConsumer, NO_EVENTS, () => nowMs)
    bus = new Recorder()
  })

  const tells = (
    consumer: 'live' | 'behind',
    ...told: [partition: number, offset: number, what?: 'end'][]
  ) => {
    for (const [partition, offset, what] of told) {
      kafka[consumer].next.push(() => kafka[consumer].tell('table', partition, offset, what))
    }
  }
  const assigned = () => [kafka.live, kafka.behind].map((each) => Object.fromEntries(each.assigned))

  it('reads a partition with one consumer, and from its end on with the other', async () => {
    source.follow('table', 0, 5, bus)
    source.follow('table', 1, 7, bus)
    tells('behind', [0, 5], [1, 7], [0, 6])
    await source.read()
    expect(assigned()).toEqual([{}, { 'table 0': 5, 'table 1': 7 }])
    source.goLive('table', 0, 7, bus)
    tells('behind', [1, 8])
    await source.read()
    expect(assigned()).toEqual([{ 'table 0': 7 }, { 'table 1': 7 }])
    tells('live', [0, 7])
    await source.read()
    expect(bus.heard).toEqual(['0/5', '1/7', '0/6', '1/8', '0/7'])
  })

  it('drops records that a read under way brings of an assignment that has ended', async () => {
    source.follow('table', 0, 0, bus)
    await source.read()
    kafka.behind.next.push(() => source.goLive('table', 0, 1, bus))
    tells('behind', [0, 1])
    await source.read()
    expect(bus.heard).toEqual([])
    tells('live', [0, 1])
    await source.read()
    expect(bus.heard).toEqual(['0/1'])
  })

  it('feeds a later bus from the beginning, while the first goes on live, and brings them together', async () => {
    source.goLiveAgain('table', 0, 10, bus)
    await source.read()
    const later = new Recorder()
    source.follow('table', 0, 0, later)
    tells('live', [0, 10])
    tells('behind', [0, 0], [0, 1])
    await source.read()
    expect([bus.heard, later.heard]).toEqual([['0/10'], ['0/0', '0/1']])
    // It has passed the end that it knew, behind where the first one is by now: both go on from where it is.
    source.goLive('table', 0, 2, later)
    await source.read()
    expect(assigned()).toEqual([{ 'table 0': 2 }, {}])
    tells('live', [0, 2], [0, 10], [0, 11])
    await source.read()
    expect([bus.heard, later.heard]).toEqual([
      ['0/10', '0/11'],
      ['0/0', '0/1', '0/2', '0/10', '0/11'],
    ])
  })

  it('reads a partition once for two buses that begin together, and goes back for a third meanwhile', async () => {
    const [second, third] = [new Recorder(), new Recorder()]
    source.follow('table', 0, 0, bus)
    source.follow('table', 0, 0, second)
    tells('behind', [0, 0])
    await source.read()
    expect(kafka.assigned).toEqual([['table', { 0: 0 }]])
    source.follow('table', 0, 0, third)
    tells('behind', [0, 0], [0, 1])
    await source.read()
    for (const each of [bus, second, third]) expect(each.heard).toEqual(['0/0', '0/1'])
    expect(kafka.assigned).toHaveLength(2)
  })

  it('reads on for the others when a bus leaves, and no more after the last', async () => {
    const second = new Recorder()
    source.goLiveAgain('table', 0, 0, bus)
    source.goLiveAgain('table', 0, 0, second)
    await source.read()
    source.leave('table', 0, bus)
    tells('live', [0, 0])
    await source.read()
    expect([bus.heard, second.heard]).toEqual([[], ['0/0']])
    source.leave('table', 0, second)
    await source.read()
    expect(assigned()).toEqual([{}, {}])
  })

  it('repeats a failed assignment at the next read, and loses nothing', async () => {
    source.follow('table', 0, 3, bus)
    kafka.assignError = new Error('Local: Erroneous state')
    await expect(source.read()).rejects.toThrow('Erroneous')
    kafka.assignError = null
    await source.read()
    expect(assigned()).toEqual([{}, { 'table 0': 3 }])
    // Nor of what was taken back before it could be assigned elsewhere.
    source.follow('table', 0, 1, bus)
    kafka.assignError = new Error('Local: Erroneous state')
    await expect(source.read()).rejects.toThrow('Erroneous')
    kafka.assignError = null
    tells('behind', [0, 1])
    await source.read()
    expect(bus.heard).toEqual(['0/1'])
    source.goLive('table', 0, 2, bus)
    kafka.assignError = new Error('Local: Erroneous state')
    await expect(source.read()).rejects.toThrow('Erroneous')
    kafka.assignError = null
    tells('live', [0, 2])
    await source.read()
    expect(bus.heard).toEqual(['0/1', '0/2'])
  })

  it('goes on at the bus that is furthest behind, once what it was to read is gone', async () => {
    const second = new Recorder()
    for (const each of [bus, second]) source.follow('table', 0, 0, each)
    await source.read()
    // Kafka deleted what comes before 5: librdkafka has stopped at 0, and would stop there again.
    for (const each of [bus, second]) {
      each.skipTo(0, 5)
      source.follow('table', 0, 5, each)
    }
    await source.read()
    expect(assigned()).toEqual([{}, { 'table 0': 5 }])
    for (const each of [bus, second]) source.goLiveAgain('table', 0, 5, each)
    await source.read()
    expect(assigned()).toEqual([{ 'table 0': 5 }, {}])
  })

  it('reads live records before each batch from behind, and waits for them if none comes from behind', async () => {
    source.goLiveAgain('small', 0, 0, bus)
    await source.read()
    expect(kafka.live.waits).toEqual([undefined])
    source.follow('table', 0, 0, bus)
    tells('behind', [0, 0])
    await source.read()
    await source.read()
    expect(kafka.live.waits).toEqual([undefined, 0, 0])
    // Nothing came of what is behind.
    await source.read()
    expect(kafka.live.waits.at(-1)).toBe(5)
    expect(kafka.behind.waits).toEqual([0, 0, 0])
    source.goLive('table', 0, 1, bus)
    await source.read()
    expect(kafka.live.waits.at(-1)).toBeUndefined()
  })

  it('waits for records from behind if nothing is live', async () => {
    source.follow('table', 0, 0, bus)
    await source.read()
    expect([kafka.live.waits, kafka.behind.waits]).toEqual([[], [5]])
  })

  it('goes on with partitions behind while live ones have an error', async () => {
    source.goLiveAgain('small', 0, 0, bus)
    source.follow('table', 0, 0, bus)
    kafka.live.error = new Error('Broker: Topic authorization failed')
    tells('behind', [0, 0])
    await expect(source.read()).rejects.toThrow('authorization')
    expect(bus.heard).toEqual(['0/0'])
  })

  it('tells of a stop only the buses that read the partition with the stopped consumer', async () => {
    const later = new Recorder()
    source.goLiveAgain('table', 0, 10, bus)
    source.follow('table', 0, 0, later)
    await source.read()
    kafka.behind.events.onStop({ topic: 'table', partition: 0, isTruncated: false })
    expect([bus.heard, later.heard]).toEqual([[], ['0 stops']])
  })

  it('begins to read again, for all buses, if reading has stopped and another bus comes', async () => {
    const later = new Recorder()
    for (const each of [bus, later]) each.skipTo(0, 10)
    source.goLiveAgain('table', 0, 10, bus)
    source.follow('table', 0, 10, later)
    await source.read()
    kafka.live.events.onStop({ topic: 'table', partition: 0, isTruncated: false })
    later.skipTo(0, 12)
    source.goLive('table', 0, 12, later)
    tells('live', [0, 10])
    await source.read()
    expect(kafka.assigned).toEqual([
      ['table', { 0: 10 }],
      ['table', { 0: 10 }],
      ['table', { 0: 10 }],
    ])
    expect(kafka.unassigned).toContainEqual(['table', [0]])
    expect([bus.heard, later.heard]).toEqual([['0 stops', '0/10'], []])
    // Once is enough: a bus that comes now joins what is read.
    source.goLiveAgain('table', 1, 0, bus)
    source.goLive('table', 0, 12, new Recorder())
    await source.read()
    expect(kafka.assigned.slice(3)).toEqual([['table', { 1: 0 }]])
  })

  it('assigns thousands of partitions a few hundred at a time', async () => {
    for (let partition = 0; partition < 1_200; partition++) source.goLiveAgain('table', partition, 0, bus)
    for (let reads = 0; reads < 12; reads++) await source.read()
    expect(kafka.assigned.map(([, offsets]) => Object.keys(offsets).length)).toEqual(Array(12).fill(100))
    // It waits for records once all are assigned.
    expect(kafka.live.waits).toEqual([...Array(11).fill(0), undefined])
  })

  it('reads a consumer without partitions once a second, because its events would pile up', async () => {
    for (nowMs = 0; nowMs < 10_000; nowMs += 500) await source.read()
    expect(kafka.behind.waits).toEqual(Array(9).fill(0))
    source.follow('table', 0, 0, bus)
    for (; nowMs < 20_000; nowMs += 500) await source.read()
    expect(kafka.live.waits.filter((waitMs) => waitMs === 0)).toHaveLength(10)
  })

  it('lets the other consumer fetch a topic’s metadata before it reads it', async () => {
    kafka.hold('table', [0, 0])
    await source.prepare(['table'])
    expect(kafka.lists).toEqual([['table']])
    expect(await source.partitions(['table'])).toEqual(new Map([['table', [{ partition: 0, leader: 1 }]]]))
  })
})
