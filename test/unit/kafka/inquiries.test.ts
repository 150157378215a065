// When a reader asks which partitions cannot be read, and about which of them.

import { once } from 'node:events'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { FollowedTopic } from '../../../plugins/kafka/following/followed-topic.ts'
import { Inquiries, type InquiryParts } from '../../../plugins/kafka/following/inquiries.ts'
import { UnreadPartitions } from '../../../plugins/kafka/troubles/unread-partitions.ts'

const EVERY_MS = 5_000
const DENIED = new Error('Broker: Topic authorization failed')
const NOT_FOUND = `a read has failed, and no partition was found that cannot be read: ${DENIED.message}`

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at)
}

/** A topic of so many partitions, of which those in `red` cannot be read, and inquiries about it. */
class Scene {
  readonly red = new Set<number>()
  readonly asked: number[][] = []
  readonly log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn() }
  readonly unread = new UnreadPartitions('a', this.log, () => 0)
  readonly inquiries: Inquiries
  readonly closing = new AbortController()
  inquire: InquiryParts['inquire'] = async (partitions) => {
    const numbers = partitions.map(({ partition }) => partition)
    this.asked.push(numbers)
    return new Map([['a', new Map(numbers.map((each) => [each, this.red.has(each) ? 'no' : null]))]])
  }
  /** Partitions that have more records than were read. */
  readonly behind = new Set<number>()
  /** The offset that comes next of each. */
  next = 0
  private nowMs = 0

  constructor(partitions: number) {
    // What an inquiry asks of a topic.
    const known = range(0, partitions)
    const isAtEnd = (partition: number) => !this.behind.has(partition)
    const feeds = [{ known: () => known, next: () => this.next, isAtEnd }]
    const topic = { name: 'a', feeds, next: () => this.next, unread: this.unread } as unknown as FollowedTopic
    this.inquiries = new Inquiries({
      topics: new Map([['a', topic]]),
      inquire: (partitions, signal) => this.inquire(partitions, signal),
      signal: this.closing.signal,
      log: this.log,
      nowMs: () => this.nowMs,
    })
  }

  /** A read has an error. */
  async fail(): Promise<void> {
    this.inquiries.ask(DENIED)
    await this.inquiries.close()
  }

  /** So many refreshes later. */
  async later(refreshes = 1): Promise<void> {
    for (let passed = 0; passed < refreshes; passed++) {
      this.nowMs += EVERY_MS
      this.inquiries.askAgain()
      await this.inquiries.close()
    }
  }

  get told(): unknown[] {
    return this.log.info.mock.calls.flat()
  }
}

describe('Inquiries', () => {
  let scene: Scene
  beforeEach(() => {
    scene = new Scene(1_500)
  })

  it('end when their reader is closed', async () => {
    const { signal } = scene.closing
    let isOpen = false
    scene.inquire = async () => {
      isOpen = true
      await once(signal, 'abort')
      isOpen = false
      return new Map()
    }
    scene.inquiries.ask(DENIED)
    scene.inquiries.ask(DENIED)
    expect(isOpen).toBe(true)
    scene.closing.abort()
    await scene.inquiries.close()
    expect([isOpen, scene.log.debug.mock.calls]).toEqual([false, []])
  })

  it('are about other partitions each time, where there are more than one asks', async () => {
    await scene.fail()
    await scene.later()
    expect(scene.asked).toEqual([range(0, 1_000), [...range(1_000, 1_500), ...range(0, 500)]])
  })

  it('ask each time about those that cannot be read, so that one that can is found at once', async () => {
    scene.red.add(20).add(1_200)
    await scene.fail()
    await scene.later()
    expect(scene.unread.condition.trouble).toContain('partitions 20, 1200 cannot be read')
    scene.red.clear()
    await scene.later()
    expect(scene.unread.condition.trouble).toBeNull()
  })

  it('find all readable that are, also where they are more than one asks about', async () => {
    for (const each of range(0, 1_500)) scene.red.add(each)
    await scene.fail()
    await scene.later(3)
    expect(scene.unread.condition.trouble).toContain('1500 partitions cannot be read')
    scene.red.clear()
    await scene.later(3)
    expect(scene.unread.condition.trouble).toBeNull()
  })

  it('find what became unreadable while many others cannot be read', async () => {
    for (const each of range(0, 1_100)) scene.red.add(each)
    await scene.fail()
    await scene.later(2)
    scene.red.add(1_499)
    await scene.later(2)
    expect(scene.unread.has(1_499)).toBe(true)
  })

  it('are made for an error that comes soon after the last one', async () => {
    await scene.fail()
    scene.red.add(3)
    await scene.fail()
    expect(scene.unread.isEmpty).toBe(true)
    await scene.later(2)
    expect(scene.unread.has(3)).toBe(true)
  })

  it('say nothing of a partition that was read on while they were open', async () => {
    const { inquire } = scene
    scene.red.add(3)
    scene.inquire = (partitions, signal) => {
      const answer = inquire(partitions, signal)
      scene.next = 1
      return answer
    }
    await scene.fail()
    expect(scene.log.warn.mock.calls).toEqual([])
    await scene.later()
    expect(scene.log.warn.mock.calls).toEqual([['topic a: partition 3 cannot be read: no']])
  })

  it('are made again after one that could not be made', async () => {
    scene.red.add(3)
    const { inquire } = scene
    scene.inquire = () => Promise.reject(new Error('no client'))
    await scene.fail()
    scene.inquire = inquire
    await scene.later(2)
    expect(scene.unread.has(3)).toBe(true)
  })

  it('tell an error that no partition shows once all were asked, once in a minute', async () => {
    await scene.fail()
    expect(scene.told).toEqual([])
    await scene.later(3)
    expect([scene.told, scene.asked.length]).toEqual([[NOT_FOUND], 2])
    await scene.fail()
    await scene.later(3)
    expect(scene.told).toEqual([NOT_FOUND])
    await scene.later(12)
    await scene.fail()
    await scene.later()
    expect(scene.told).toEqual([NOT_FOUND, NOT_FOUND])
  })

  it('begin without an error if records of a partition do not come, since its error may have come with other records', async () => {
    scene = new Scene(10)
    scene.behind.add(7)
    scene.red.add(7)
    await scene.later()
    expect(scene.asked).toEqual([])
    await scene.later()
    expect(scene.unread.has(7)).toBe(true)
  })

  it('begin so once in a minute if nothing is found, and not while records come', async () => {
    scene = new Scene(10)
    scene.behind.add(7)
    for (let refresh = 0; refresh < 30; refresh++) {
      scene.next++
      await scene.later()
    }
    expect(scene.asked).toEqual([])
    await scene.later(13)
    expect(scene.asked).toHaveLength(2)
    expect(scene.told).toEqual([])
  })

  it('tell no error that a partition shows', async () => {
    scene.red.add(3)
    await scene.fail()
    await scene.later(3)
    expect(scene.told).toEqual([])
  })
})
