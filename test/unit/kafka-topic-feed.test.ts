import { beforeEach, describe, expect, it } from 'vitest'
import { type RecordWriter, TopicFeed } from '../../plugins/kafka/topic-feed.ts'
import type { KafkaRecord } from '../../src/topic.ts'

/** Writes down what it is told. */
class Recorder implements RecordWriter {
  readonly calls: string[] = []
  setPartition = (partition: number, start: number) => void this.calls.push(`set ${partition} ${start}`)
  append = ({ partition, offset }: KafkaRecord) => void this.calls.push(`append ${partition} ${offset}`)
  advance = (partition: number, offset: number) => void this.calls.push(`advance ${partition} ${offset}`)
  publish = () => void this.calls.push('publish')
  markCaughtUp = () => void this.calls.push('caught up')
}

function record(partition: number, offset: number): KafkaRecord {
  return { partition, offset, timestampMs: -1, key: null, value: null, headers: [] }
}

const led = (...partitions: number[]) => partitions.map((partition) => ({ partition, hasLeader: true }))
const leaderless = (...partitions: number[]) =>
  partitions.map((partition) => ({ partition, hasLeader: false }))

describe('A topic feed', () => {
  let writer: Recorder
  let feed: TopicFeed

  beforeEach(() => {
    writer = new Recorder()
    feed = new TopicFeed('events', writer)
  })

  it('has not caught up before Kafka has listed a partition', () => {
    expect(feed.catchUp(0)).toBe(false)
    expect(feed.progress()).toBe('topic events: waiting for Kafka')
  })

  it('declares each partition once, at its log start', () => {
    feed.list(led(0, 1), 0)
    expect(feed.unread()).toEqual([0, 1])
    feed.begin(0, { start: 5, end: 7 })
    expect(feed.unread()).toEqual([1])
    feed.list(led(0, 1), 1)
    expect(feed.unread()).toEqual([1])
    expect(writer.calls).toEqual(['set 0 5'])
  })

  it('has caught up, once, when every partition has reached the end that it had at the start', () => {
    feed.list(led(0, 1), 0)
    feed.begin(0, { start: 0, end: 2 })
    feed.begin(1, { start: 3, end: 3 })
    feed.append(record(0, 0))
    expect(feed.catchUp(0)).toBe(false)
    expect(feed.progress()).toBe('topic events: reading what Kafka holds, 1 of 2 partitions to go')
    feed.append(record(0, 1))
    expect(feed.catchUp(0)).toBe(true)
    expect(feed.catchUp(0)).toBe(false)
    expect(feed.progress()).toBeNull()
    expect(writer.calls.filter((call) => call === 'caught up')).toHaveLength(1)
  })

  it('catches up by the end of a partition whose last offsets hold no record', () => {
    feed.list(led(0), 0)
    feed.begin(0, { start: 0, end: 10 })
    feed.append(record(0, 4))
    expect(feed.catchUp(0)).toBe(false)
    feed.endOfPartition(0, 10)
    expect(feed.catchUp(0)).toBe(true)
    expect(writer.calls).toContain('advance 0 10')
  })

  it('is held up by a partition without a leader for 10 s, which is then said to be at its beginning', () => {
    feed.list([...led(0), ...leaderless(1)], 1_000)
    expect(feed.unread()).toEqual([0])
    feed.begin(0, { start: 0, end: 0 })
    feed.list([...led(0), ...leaderless(1)], 6_000)
    expect(feed.catchUp(10_999)).toBe(false)
    expect(feed.catchUp(11_000)).toBe(true)
    expect(writer.calls).toEqual(['set 0 0', 'set 1 -2', 'caught up'])
    expect(feed.lacksLeader()).toBe(true)
    feed.list(led(0, 1), 12_000)
    expect(feed.unread()).toEqual([1])
  })

  it('counts the time without a leader anew when a partition had one in between', () => {
    feed.list(leaderless(0), 0)
    feed.list(led(0), 9_000)
    feed.begin(0, { start: 0, end: 1 })
    feed.list(leaderless(0), 9_500)
    expect(feed.catchUp(19_499)).toBe(false)
    expect(feed.catchUp(19_500)).toBe(true)
  })

  it('publishes once for what came since the last time, and not for what it knew', () => {
    feed.list(led(0), 0)
    feed.begin(0, { start: 2, end: 4 })
    feed.endOfPartition(0, 2)
    expect(feed.publish()).toBe(false)
    feed.append(record(0, 2))
    feed.append(record(0, 3))
    expect(feed.publish()).toBe(true)
    expect(feed.publish()).toBe(false)
    expect(writer.calls.filter((call) => call === 'publish')).toHaveLength(1)
  })
})
