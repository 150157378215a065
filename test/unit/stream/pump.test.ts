// The pump: which stream gets the next turn, and for how long.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Bus } from '../../../src/bus/bus.ts'
import { AFTER_URGENT_MAX, Pump, type Urgent } from '../../../src/stream/pump.ts'
import type { Pumped, WaitingList, Waits } from '../../../src/stream/waiting-list.ts'
import { TopicInMemory } from '../../support/topic-in-memory.ts'

/** Every piece of work of a test, by name, in the order in which it was done. */
let done: string[]

class Worker implements Pumped {
  readonly bus: Bus
  readonly name: string
  waitsIn: WaitingList | null = null
  waitsAt = -1
  isQueued = false
  writtenBytes = 0
  /** What it waits for after its next pieces of work; 'publish' once these are used up. */
  waits: Waits[]
  /** What else a piece of work does. */
  act = (): void => {}

  constructor(name: string, bus: Bus, waits: Waits[] = []) {
    this.name = name
    this.bus = bus
    this.waits = waits
  }

  work(): Waits {
    done.push(this.name)
    this.act()
    return this.waits.shift() ?? 'publish'
  }
}

describe('the pump', () => {
  let bus: Bus
  let pump: Pump
  /** What the pump's clock says: a piece of work takes no time unless a test says so. */
  let nowMs: number

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setImmediate'] })
    nowMs = 0
    vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
    bus = new TopicInMemory().bus
    pump = new Pump(0.3)
    done = []
  })
  afterEach(() => {
    vi.restoreAllMocks()
    vi.useRealTimers()
  })

  function workers(count: number, waits: () => Waits[] = () => []): Worker[] {
    return Array.from({ length: count }, (_, i) => new Worker(`${i}`, bus, waits()))
  }

  function enqueue(...pumped: Worker[]): void {
    for (const worker of pumped) pump.enqueue(worker)
  }

  /** Pieces of work that take 1 ms each. */
  function urgently(pieces: number, name = 'urgent', ms = 1): Urgent {
    let left = pieces
    return {
      step: () => {
        if (left === 0) return false
        left--
        done.push(name)
        nowMs += ms
        return true
      },
    }
  }

  /** Takes what was done since the last call. */
  function taken(): string[] {
    return done.splice(0)
  }

  /** One turn of the pump. */
  function turn(): void {
    vi.advanceTimersToNextTimer()
  }

  it('does nothing on its own stack, and each queued worker once, in order', () => {
    const [a, b] = workers(2)
    if (a === undefined || b === undefined) return
    enqueue(a, b, a)
    expect(done).toEqual([])
    vi.runAllTimers()
    expect(done).toEqual(['0', '1'])
  })

  it('lets everyone work before anyone works again', () => {
    enqueue(...workers(3, () => ['turn', 'turn']))
    vi.runAllTimers()
    expect(done).toEqual(['0', '1', '2', '0', '1', '2', '0', '1', '2'])
  })

  it('begins with another stream at each publish, so that none is always late', () => {
    enqueue(...workers(10))
    vi.runAllTimers()
    taken()
    const ranks = new Map<string, number>()
    for (let publish = 0; publish < 100; publish++) {
      bus.publish()
      vi.runAllTimers()
      for (const [rank, name] of taken().entries()) ranks.set(name, (ranks.get(name) ?? 0) + rank)
    }
    expect(ranks.size).toBe(10)
    for (const sum of ranks.values()) expect(Math.abs(sum / 100 - 4.5)).toBeLessThan(1)
  })

  it('ends a turn after a fraction of a millisecond, and goes on where it was in the next', () => {
    const slow = workers(40)
    for (const worker of slow)
      worker.act = () => {
        nowMs += 0.1
      }
    enqueue(...slow)
    turn()
    const first = taken().length
    expect(first).toBeGreaterThan(0)
    expect(first).toBeLessThanOrEqual(4)
    vi.runAllTimers()
    expect(done).toEqual(Array.from({ length: 40 - first }, (_, i) => `${first + i}`))
  })

  it('ends a turn after a mebibyte, too, because that is encrypted after the turn', () => {
    const large = workers(40)
    for (const worker of large) worker.writtenBytes = 400 * 1024
    enqueue(...large)
    turn()
    expect(taken()).toEqual(['0', '1', '2'])
    turn()
    expect(taken()).toEqual(['3', '4', '5'])
    vi.runAllTimers()
    expect(done).toHaveLength(34)
  })

  it('does what is urgent before everything that is queued, however long the queue', () => {
    const slow = workers(100)
    for (const worker of slow)
      worker.act = () => {
        nowMs += 0.1
      }
    enqueue(...slow)
    turn()
    const before = taken().length
    pump.addUrgent(urgently(1))
    vi.runAllTimers()
    expect(done[0]).toBe('urgent')
    expect(done).toHaveLength(1 + 100 - before)
  })

  it('reaches its queue even if there is always urgent work', () => {
    const slow = workers(4)
    for (const worker of slow)
      worker.act = () => {
        nowMs += 1
      }
    enqueue(...slow)
    pump.addUrgent(urgently(10))
    turn()
    expect(done).toEqual(['urgent', '0'])
    for (let i = 0; i < 3; i++) turn()
    expect(done).toEqual(['urgent', '0', 'urgent', '1', 'urgent', '2', 'urgent', '3'])
    vi.runAllTimers()
    expect(done.filter((name) => name === 'urgent')).toHaveLength(10)
  })

  it('keeps a quarter of its turns for the queue, and divides the rest evenly among urgent kinds', () => {
    const [worker] = workers(1, () => Array.from({ length: 999 }, () => 'turn' as const))
    if (worker === undefined) return
    worker.act = () => {
      nowMs += 0.01
    }
    enqueue(worker)
    for (const kind of ['a', 'b']) pump.addUrgent(urgently(1000, kind, 0.01))
    for (let i = 0; i < 20; i++) turn()
    const [a = 0, b = 0, queued = 0] = ['a', 'b', '0'].map(
      (kind) => done.filter((name) => name === kind).length,
    )
    expect(a / b).toBeCloseTo(1, 1)
    expect(queued / (a + b)).toBeGreaterThan(0.2)
    expect(queued / (a + b)).toBeLessThan(0.3)
  })

  it('wakes at a publish those who wait for it, and no others', () => {
    const other = new TopicInMemory().bus
    const [a, b] = [new Worker('a', bus), new Worker('b', bus, ['call', 'publish'])]
    const elsewhere = new Worker('elsewhere', other)
    enqueue(a, b, elsewhere)
    vi.runAllTimers()
    taken()
    bus.publish()
    bus.publish()
    vi.runAllTimers()
    expect(taken()).toEqual(['a'])
    enqueue(b)
    vi.runAllTimers()
    other.publish()
    vi.runAllTimers()
    expect(taken()).toEqual(['b', 'elsewhere'])
  })

  it('misses no publish that comes while a worker finds nothing left', () => {
    const worker = new Worker('a', bus)
    let published = 0
    worker.act = () => {
      if (published++ === 0) pump.enqueue(worker)
    }
    enqueue(worker)
    vi.runAllTimers()
    expect(taken()).toEqual(['a', 'a'])
    bus.publish()
    vi.runAllTimers()
    expect(taken()).toEqual(['a'])
  })

  it('forgets idle workers from any place of their list, and wakes all the others', () => {
    const idle = workers(50)
    enqueue(...idle)
    vi.runAllTimers()
    taken()
    const removed = [0, 49, 25, 48, 1, 13].map((i) => `${i}`)
    for (const worker of idle) if (removed.includes(worker.name)) pump.remove(worker)
    bus.publish()
    vi.runAllTimers()
    const left = idle.map(({ name }) => name).filter((name) => !removed.includes(name))
    expect(taken().sort()).toEqual(left.sort())
    bus.publish()
    vi.runAllTimers()
    expect(taken().sort()).toEqual(left.sort())
  })

  it('gives a worker that was removed while it was queued its turn once, and never again', () => {
    const worker = new Worker('a', bus, ['call'])
    enqueue(worker)
    pump.remove(worker)
    vi.runAllTimers()
    bus.publish()
    vi.runAllTimers()
    expect(done).toEqual(['a'])
  })

  it('enqueues an idle worker once, even if a publish comes, too', () => {
    const worker = new Worker('a', bus)
    enqueue(worker)
    vi.runAllTimers()
    taken()
    enqueue(worker)
    bus.publish()
    vi.runAllTimers()
    expect(taken()).toEqual(['a'])
  })

  it('listens to a bus no more once it is closed', () => {
    const worker = new Worker('a', bus)
    enqueue(worker)
    vi.runAllTimers()
    taken()
    pump.close()
    bus.publish()
    vi.runAllTimers()
    expect(done).toEqual([])
    pump.remove(worker)
    expect(worker.waitsIn).toBeNull()
  })

  it('calls deferred work at once if no work is urgent', () => {
    pump.afterUrgent(() => done.push('after'))
    expect(done).toEqual(['after'])
  })

  it('calls deferred work after all urgent work, in order, a turn at a time, and tells when none is left', async () => {
    pump.addUrgent(urgently(5))
    let isSettled = false
    for (let i = 0; i < 10; i++)
      pump.afterUrgent(() => {
        done.push(`after ${i}`)
        nowMs += 0.1
      })
    const settled = pump.settled().then(() => {
      isSettled = true
    })
    while (!done.includes('after 0')) turn()
    expect(done.slice(0, 5)).toEqual(Array(5).fill('urgent'))
    expect(done.length).toBeLessThanOrEqual(9)
    await Promise.resolve()
    expect(isSettled).toBe(false)
    vi.runAllTimers()
    await settled
    expect(done.slice(5)).toEqual(Array.from({ length: 10 }, (_, i) => `after ${i}`))
    await pump.settled()
  })

  it('keeps at most its limit of deferred work waiting', () => {
    pump.addUrgent(urgently(1))
    for (let i = 0; i < AFTER_URGENT_MAX; i++) pump.afterUrgent(() => done.push('kept'))
    expect(done).toEqual([])
    pump.afterUrgent(() => done.push('beyond'))
    expect(done).toEqual(['beyond'])
    vi.runAllTimers()
    expect(done).toHaveLength(AFTER_URGENT_MAX + 2)
  })
})
