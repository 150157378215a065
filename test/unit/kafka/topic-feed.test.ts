// The feed of one bus: how far each partition is read, and what a new answer of Kafka changes.

import { beforeEach, describe, expect, it } from 'vitest'
import { type RecordWriter, TopicFeed } from '../../../plugins/kafka/following/topic-feed.ts'
import type { KafkaRecord, Watermarks } from '../../../src/bus/record.ts'

/** Writes down what it is told. */
class Recorder implements RecordWriter {
  readonly calls: string[] = []
  readonly ends = new Map<number, number | undefined>()
  setPartition = (partition: number, start: number, end?: number) => {
    this.calls.push(`set ${partition} ${start}`)
    this.ends.set(partition, end)
  }
  append = ({ partition, offset }: KafkaRecord) => void this.calls.push(`append ${partition} ${offset}`)
  advance = (partition: number, offset: number) => void this.calls.push(`advance ${partition} ${offset}`)
  publish = () => void this.calls.push('publish')
  markCaughtUp = () => void this.calls.push('caught up')
  trim = (partition: number, start: number) => void this.calls.push(`trim ${partition} ${start}`)
  skip = (partition: number, start: number) => void this.calls.push(`skip ${partition} ${start}`)
  recreate = () => void this.calls.push('recreate')
  startOver = () => void this.calls.push('start over')
  noteEnd = () => undefined
  missed: RecordWriter['missed'] = null
  maintain = () => false
  /** As a bus that keeps the last hundred. */
  readFrom = (marks: ReadonlyMap<number, Watermarks>) =>
    new Map([...marks].map(([partition, { start, end }]) => [partition, Math.max(start, end - 100)]))
}

function record(partition: number, offset: number): KafkaRecord {
  return { partition, offset, timestampMs: -1, key: null, value: null, headers: [] }
}

const ASKED_AT = { nowMs: 0, epochMs: 0 }
const asked = (...next: [number, number | null][]) => new Map(next)
const led = (...partitions: number[]) => partitions.map((partition) => ({ partition, leader: 1 }))
const leaderless = (...partitions: number[]) => partitions.map((partition) => ({ partition, leader: null }))

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
    feed.list(led(0, 1))
    expect(feed.askable()).toEqual(asked([0, null], [1, null]))
    feed.begin(0, 5, { start: 5, end: 7 }, ASKED_AT)
    expect(writer.ends).toEqual(new Map([[0, 7]]))
    expect(feed.askable()).toEqual(asked([0, 5], [1, null]))
    feed.list(led(0, 1))
    expect(feed.askable()).toEqual(asked([0, 5], [1, null]))
    expect(feed.hasUnread).toBe(true)
    expect(writer.calls).toEqual(['set 0 5'])
  })

  it('begins to read where the writer says, and does not later report what is below as gone', () => {
    feed.list(led(0))
    expect(feed.startsOf(new Map([[0, { start: 5, end: 900 }]]))).toEqual(new Map([[0, 800]]))
    feed.begin(0, 800, { start: 5, end: 900 }, ASKED_AT)
    feed.compare({
      askedAt: ASKED_AT,
      asked: asked([0, 800]),
      watermarks: new Map([[0, { start: 5, end: 900 }]]),
    })
    expect(writer.calls).toEqual(['set 0 800'])
  })

  it('has caught up, once, when every partition has reached the end that it had at the start', () => {
    feed.list(led(0, 1))
    feed.begin(0, 0, { start: 0, end: 2 }, ASKED_AT)
    feed.begin(1, 3, { start: 3, end: 3 }, ASKED_AT)
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
    feed.list(led(0))
    feed.begin(0, 0, { start: 0, end: 10 }, ASKED_AT)
    feed.append(record(0, 4))
    expect(feed.catchUp(0)).toBe(false)
    feed.endOfPartition(0, 10)
    expect(feed.catchUp(0)).toBe(true)
    expect(writer.calls).toContain('advance 0 10')
  })

  it('catches up with what is left of a log that was cut off, and counts each partition once', () => {
    feed.list(led(0, 1))
    feed.begin(0, 0, { start: 0, end: 1_000 }, ASKED_AT)
    feed.begin(1, 0, { start: 0, end: 2 }, ASKED_AT)
    const look = (next: number, end: number) => {
      const watermarks = new Map([[0, { start: 0, end }]])
      expect(
        feed.compare({ askedAt: ASKED_AT, asked: asked([0, next], [1, 0]), watermarks }).isReplaced,
      ).toBe(false)
    }
    feed.append(record(0, 799))
    feed.endOfPartition(0, 800)
    look(800, 1_000)
    // A follower that has just become the leader may not know of the end yet, and tells the readers a lower one.
    expect(feed.progress()).toContain('2 of 2 partitions')
    for (let looks = 0; looks < 3; looks++) look(800, 800)
    expect(feed.progress()).toContain('1 of 2 partitions')
    feed.append(record(0, 800))
    look(801, 801)
    expect(feed.catchUp(0)).toBe(false)
    feed.append(record(1, 1))
    expect(feed.catchUp(0)).toBe(true)
  })

  it('does not trust an end before what was read while that may be a mistake', () => {
    feed.list(led(0))
    feed.begin(0, 0, { start: 0, end: 10 }, ASKED_AT)
    feed.append(record(0, 4))
    feed.compare({
      askedAt: ASKED_AT,
      asked: asked([0, 5]),
      watermarks: new Map([[0, { start: 0, end: 3 }]]),
    })
    feed.compare({
      askedAt: ASKED_AT,
      asked: asked([0, 5]),
      watermarks: new Map([[0, { start: 0, end: 10 }]]),
    })
    expect(feed.catchUp(0)).toBe(false)
    feed.append(record(0, 9))
    expect(feed.catchUp(0)).toBe(true)
  })

  it.each([
    ['without a leader', leaderless(1)],
    ['whose leader does not answer', led(1)],
  ])('is held up for 7.5 s by a partition %s, which is then said to be at its beginning', (_, other) => {
    feed.list([...led(0), ...other])
    feed.noteSilence(new Map([[1, 1_000]]))
    feed.begin(0, 0, { start: 0, end: 0 }, ASKED_AT)
    feed.list([...led(0), ...other])
    feed.noteSilence(new Map([[1, 1_000]]))
    expect(feed.catchUp(8_499)).toBe(false)
    expect(feed.catchUp(8_500)).toBe(true)
    expect(writer.calls).toEqual(['set 0 0', 'set 1 -2', 'caught up'])
    expect(feed.isSettled).toBe(false)
    feed.list(led(0, 1))
    feed.noteSilence(new Map())
    expect(feed.askable()).toEqual(asked([0, 0], [1, null]))
  })

  it('restarts the time without an answer when a partition had one in between', () => {
    feed.list(leaderless(0))
    feed.noteSilence(new Map([[0, 0]]))
    feed.list(led(0))
    feed.noteSilence(new Map())
    feed.begin(0, 0, { start: 0, end: 1 }, ASKED_AT)
    feed.noteSilence(new Map([[0, 9_500]]))
    expect(feed.catchUp(16_999)).toBe(false)
    expect(feed.catchUp(17_000)).toBe(true)
  })

  it('lets a partition go live once it has passed the end that Kafka last reported, even if much more follows', () => {
    feed.list(led(0, 1))
    feed.begin(0, 0, { start: 0, end: 2 }, ASKED_AT)
    feed.setReadBehind(0)
    feed.append(record(0, 0))
    expect(feed.takeReadyForLive()).toEqual([])
    // Meanwhile it has grown, which a refresh finds.
    feed.compare({
      askedAt: ASKED_AT,
      asked: asked([0, 1]),
      watermarks: new Map([[0, { start: 0, end: 3 }]]),
    })
    feed.append(record(0, 1))
    expect(feed.takeReadyForLive()).toEqual([])
    feed.append(record(0, 2))
    feed.append(record(0, 3))
    expect(feed.takeReadyForLive()).toEqual([0])
    feed.append(record(0, 4))
    expect(feed.takeReadyForLive()).toEqual([])
  })

  it('lets a partition go live at its end, too, if the last offsets hold no record', () => {
    feed.list(led(0))
    feed.begin(0, 0, { start: 0, end: 5 }, ASKED_AT)
    feed.setReadBehind(0)
    feed.endOfPartition(0, 5)
    expect(feed.takeReadyForLive()).toEqual([0])
  })

  it('skips records that it has, and those that are not its own', () => {
    feed.list(led(0))
    feed.begin(0, 3, { start: 3, end: 5 }, ASKED_AT)
    feed.append(record(0, 2))
    feed.append(record(7, 2))
    feed.append(record(0, 3))
    feed.append(record(0, 3))
    expect(writer.calls).toEqual(['set 0 3', 'append 0 3'])
  })

  it('publishes once for what came since the last time, and not for what it had', () => {
    feed.list(led(0))
    feed.begin(0, 2, { start: 2, end: 4 }, ASKED_AT)
    expect(feed.publish()).toBe(true)
    feed.endOfPartition(0, 2)
    expect(feed.publish()).toBe(false)
    feed.append(record(0, 2))
    feed.append(record(0, 3))
    expect(feed.publish()).toBe(true)
    expect(feed.publish()).toBe(false)
    expect(writer.calls.filter((call) => call === 'publish')).toHaveLength(2)
  })

  describe('when Kafka tells of its logs again', () => {
    /** Partition 0 is read up to 10, and so is partition 1; both began at 5. */
    beforeEach(() => {
      feed.list(led(0, 1))
      for (const partition of [0, 1]) {
        feed.begin(partition, 5, { start: 5, end: 10 }, ASKED_AT)
        feed.endOfPartition(partition, 10)
      }
      feed.catchUp(0)
      feed.publish()
      writer.calls.length = 0
    })

    const look = (...marks: [start: number, end: number][]) =>
      feed.compare({
        askedAt: ASKED_AT,
        asked: feed.askable(),
        watermarks: new Map(marks.map(([start, end], partition) => [partition, { start, end }])),
      })

    it('trims what Kafka deleted of what was read', () => {
      look([8, 10], [5, 10])
      look([8, 10], [10, 12])
      expect(writer.calls).toEqual(['trim 0 8', 'trim 1 10'])
    })

    it('skips what was deleted before it was read, once nothing more comes, and publishes that', () => {
      look([5, 30], [5, 10])
      expect(look([20, 30], [5, 10])).toMatchObject({
        passed: [{ partition: 0, from: 10, to: 20 }],
        stalled: [],
        isReplaced: false,
      })
      expect(feed.next(0)).toBe(20)
      expect(feed.publish()).toBe(true)
      expect(writer.calls).toEqual(['skip 0 20', 'publish'])
    })

    it('loses nothing if the writer throws at a part of an answer: the next refresh finds that part again', () => {
      look([5, 10], [5, 12])
      feed.noteStop(1, false)
      const { trim } = writer
      writer.trim = () => {
        throw new Error('no room')
      }
      const found = look([8, 10], [6, 12])
      expect(found.stalled).toEqual([1])
      expect(found.failure).toEqual({ error: new Error('no room') })
      writer.trim = trim
      expect(look([8, 10], [6, 12])).toMatchObject({ stalled: [], failure: null })
      expect(writer.calls).toEqual(['trim 0 8', 'trim 1 6'])
    })

    it('is still another topic if the writer threw at that', () => {
      feed.noteTopicId('one')
      feed.noteTopicId('two')
      const { recreate } = writer
      writer.recreate = () => {
        throw new Error('no room')
      }
      expect(() => feed.recreate()).toThrow('no room')
      writer.recreate = recreate
      expect(look([5, 10], [5, 10]).isReplaced).toBe(true)
    })

    it('goes on where it was when reading stopped without a loss', () => {
      look([5, 10], [5, 12])
      feed.noteStop(1, false)
      expect(feed.isSettled).toBe(false)
      expect(look([5, 10], [5, 12])).toMatchObject({ passed: [], stalled: [1], isReplaced: false })
      expect(feed.isSettled).toBe(true)
      expect(writer.calls).toEqual([])
    })

    it('forgets everything when the topic is recreated, and catches up again by the same rules', () => {
      feed.append(record(0, 10))
      feed.recreate()
      expect(writer.calls).toEqual(['append 0 10', 'recreate'])
      expect(feed.caughtUp).toBe(false)
      expect(feed.publish()).toBe(false)
      expect(feed.progress()).toBe('topic events: waiting for Kafka')
      feed.list([...led(0), ...leaderless(1)])
      feed.begin(0, 0, { start: 0, end: 1 }, ASKED_AT)
      feed.noteSilence(new Map([[1, 1_000]]))
      feed.append(record(0, 0))
      expect(feed.catchUp(8_499)).toBe(false)
      expect(feed.catchUp(8_500)).toBe(true)
      expect(writer.calls.slice(2)).toEqual(['set 0 0', 'append 0 0', 'set 1 -2', 'caught up'])
    })

    it('recognizes another topic by its id, as soon as one is known', () => {
      expect(feed.noteTopicId('one')).toBe(false)
      expect(feed.noteTopicId('one')).toBe(false)
      expect(feed.noteTopicId('two')).toBe(true)
      expect(look([5, 10], [5, 10]).isReplaced).toBe(true)
      feed.recreate()
      expect(feed.noteTopicId('two')).toBe(false)
    })

    it('ignores another id while nothing of the topic was read', () => {
      feed.recreate()
      feed.noteTopicId('one')
      feed.list(led(0))
      expect(feed.noteTopicId('two')).toBe(false)
    })

    it('takes the topic for another one if a list lacks a partition twice, unless the topic id is the same', () => {
      feed.list(led(0))
      expect(look([5, 10]).isReplaced).toBe(false)
      expect(feed.isSettled).toBe(false)
      feed.list(led(0))
      expect(look([5, 10]).isReplaced).toBe(true)
      feed.list(led(0, 1))
      feed.noteTopicId('one')
      feed.list(led(0))
      feed.list(led(0))
      expect(look([5, 10]).isReplaced).toBe(false)
    })

    it('forgets a partition that was listed once and never read', () => {
      feed.list(led(0, 1, 2))
      expect(feed.askable().has(2)).toBe(true)
      feed.list(led(0, 1))
      expect(feed.askable().has(2)).toBe(false)
      expect(feed.isSettled).toBe(true)
    })
  })
})
