// Which topics are open: opened once, kept while in use and for a while after, closed when others need the room.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type LeaseBounds, type TopicCloseReason, TopicLeases } from '../../../src/topics/topic-leases.ts'

class OpenTopic {
  bytes = 0
  isGone = false
  closedFor: TopicCloseReason | null = null
  readonly key: string

  constructor(key: string) {
    this.key = key
  }
}

class LeasesScene {
  nowMs = 0
  /** In the order in which they were opened. */
  readonly opened: OpenTopic[] = []
  readonly leases: TopicLeases<OpenTopic>

  constructor(bounds: Partial<LeaseBounds> = {}) {
    this.leases = new TopicLeases({
      ...{ idleMs: 300, bytesMax: 1000, openMax: 3, ...bounds },
      bytesOf: ({ bytes }) => bytes,
      isOver: ({ isGone }) => isGone,
      close: (topic, reason) => {
        if (topic.closedFor !== null) throw new Error('closed twice')
        topic.closedFor = reason
      },
      nowMs: () => this.nowMs,
    })
  }

  take(key: string) {
    return this.leases.take(key, () => {
      const topic = new OpenTopic(key)
      this.opened.push(topic)
      return topic
    })
  }

  get open(): string[] {
    return this.leases.topics.map(({ key }) => key)
  }

  pass(ms: number): void {
    this.nowMs += ms
    this.leases.sweep()
  }
}

describe('a topic that streams ask for', () => {
  test('is opened once, however many ask', () => {
    const scene = new LeasesScene()
    const uses = Array.from({ length: 10_000 }, () => scene.take('a'))
    expect(scene.opened).toHaveLength(1)
    expect(new Set(uses.map((use) => use?.topic)).size).toBe(1)
  })

  test('stays open for idleMs after its last use, and no longer', () => {
    const scene = new LeasesScene()
    const [one, other] = [scene.take('a'), scene.take('a')]
    one?.release()
    one?.release() // twice is once
    scene.pass(10_000)
    expect(scene.open).toEqual(['a'])
    other?.release()
    scene.pass(299)
    expect(scene.open).toEqual(['a'])
    scene.pass(1)
    expect(scene.open).toEqual([])
    expect(scene.opened[0]?.closedFor).toBe('idle')
  })

  test('that is asked for again in time is the same, and its time begins again', () => {
    const scene = new LeasesScene()
    scene.take('a')?.release()
    scene.pass(299)
    const use = scene.take('a')
    scene.pass(10_000)
    use?.release()
    scene.pass(299)
    expect(scene.opened).toHaveLength(1)
    expect(scene.open).toEqual(['a'])
  })

  test('that is over closes with its last use', () => {
    const scene = new LeasesScene()
    const use = scene.take('a')
    if (use !== null) use.topic.isGone = true
    scene.pass(1)
    expect(scene.open).toEqual(['a'])
    use?.release()
    scene.pass(1)
    expect(scene.open).toEqual([])
  })
})

describe('the bound of bytes', () => {
  test('closes unused topics, the least recently used first, until the others fit', () => {
    const scene = new LeasesScene({ openMax: 10 })
    for (const key of ['a', 'b', 'c']) {
      const use = scene.take(key)
      if (use !== null) use.topic.bytes = 300
      use?.release()
    }
    scene.take('a')?.release() // now b is the oldest
    scene.pass(1)
    expect(scene.open).toEqual(['a', 'b', 'c'])
    for (const topic of scene.opened) topic.bytes = 400
    scene.pass(1)
    expect(scene.open).toEqual(['a', 'c'])
    expect(scene.opened[1]?.closedFor).toBe('room')
  })

  test('closes none in use, and opens none beyond it', () => {
    const scene = new LeasesScene({ openMax: 10 })
    const [a, b] = [scene.take('a'), scene.take('b')]
    for (const topic of scene.opened) topic.bytes = 500
    scene.pass(10_000)
    expect(scene.open).toEqual(['a', 'b'])
    expect(scene.take('c')).toBeNull()
    expect(scene.take('a')?.topic).toBe(a?.topic) // open already
    b?.release()
    expect(scene.take('c')?.topic.key).toBe('c')
    expect(scene.open).toEqual(['a', 'c'])
  })

  test('of the number of topics is the same', () => {
    const scene = new LeasesScene({ openMax: 2 })
    const a = scene.take('a')
    scene.take('b')
    expect(scene.take('c')).toBeNull()
    a?.release()
    expect(scene.take('c')).not.toBeNull()
    expect(scene.open).toEqual(['b', 'c'])
  })
})

test('once closed, everything is closed and nothing opens', () => {
  const scene = new LeasesScene()
  const use = scene.take('a')
  scene.take('b')?.release()
  scene.leases.close()
  expect(scene.opened.map(({ closedFor }) => closedFor)).toEqual(['idle', 'idle'])
  expect(scene.take('a')).toBeNull()
  use?.release()
  scene.pass(1000)
  expect(scene.open).toEqual([])
})

test('in any order of uses: none in use is closed, no key is open twice, and in the end nothing is left', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd')
  const step = fc.oneof(
    fc.record({ do: fc.constant('take' as const), key }),
    fc.record({ do: fc.constant('release' as const), at: fc.nat(30) }),
    fc.record({ do: fc.constant('grow' as const), at: fc.nat(30), bytes: fc.nat(600) }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.nat(400) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const scene = new LeasesScene()
      const uses: NonNullable<ReturnType<LeasesScene['take']>>[] = []
      for (const each of steps) {
        if (each.do === 'take') {
          const use = scene.take(each.key)
          if (use !== null) uses.push(use)
        }
        if (each.do === 'release') uses.splice(each.at, 1)[0]?.release()
        const grown = each.do === 'grow' ? scene.leases.topics[each.at] : undefined
        if (each.do === 'grow' && grown !== undefined) grown.bytes = each.bytes
        if (each.do === 'pass') scene.pass(each.ms)
        expect(uses.filter(({ topic }) => topic.closedFor !== null)).toEqual([])
        expect(new Set(scene.open).size).toBe(scene.open.length)
        expect(scene.open.length).toBeLessThanOrEqual(3)
        const unclosed = scene.opened.filter(({ closedFor }) => closedFor === null)
        expect(scene.leases.topics).toEqual(unclosed)
      }
      for (const use of uses) use.release()
      scene.pass(300)
      expect(scene.opened.filter(({ closedFor }) => closedFor === null)).toEqual([])
    }),
  )
})
