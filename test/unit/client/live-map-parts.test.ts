// The parts of the live map: its immutable map, the comparison of values, frames, and when it loads again.

import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Frames } from '../../../client/src/live-map/frames.ts'
import { PersistentMap } from '../../../client/src/live-map/persistent-map.ts'
import { ReloadPlan } from '../../../client/src/live-map/reload-plan.ts'
import { isSameJson } from '../../../client/src/live-map/same-json.ts'
import { Tasks } from '../../../client/src/live-map/tasks.ts'

describe('the immutable map', () => {
  const batches = fc.array(
    fc.array(
      fc.tuple(fc.oneof(fc.nat(40).map(String), fc.string()), fc.option(fc.nat(), { nil: undefined })),
    ),
  )

  it('is a Map after each batch of changes, and each one stays as it is', () => {
    fc.assert(
      fc.property(batches, (all) => {
        const expected = new Map<string, number>()
        const kept: [PersistentMap<number>, Map<string, number>][] = []
        let map = PersistentMap.empty<number>()
        for (const batch of all) {
          map = map.with(new Map(batch))
          for (const [key, value] of new Map(batch)) {
            if (value === undefined) expected.delete(key)
            else expected.set(key, value)
          }
          kept.push([map, new Map(expected)])
        }
        for (const [one, copy] of kept) {
          expect(new Map(one)).toEqual(copy)
          expect(one.size).toBe(copy.size)
          for (const [key, value] of copy) expect([one.has(key), one.get(key)]).toEqual([true, value])
        }
      }),
    )
  })

  it('tells keys of equal hash apart', () => {
    vi.spyOn(Math, 'imul').mockReturnValue(5)
    const keys = ['a', 'b', 'c', 'd']
    let map = PersistentMap.empty<number>().with(new Map(keys.map((key, at) => [key, at])))
    expect([map.size, keys.map((key) => map.get(key))]).toEqual([4, [0, 1, 2, 3]])
    map = map.with(
      new Map([
        ['b', undefined],
        ['c', 9],
        ['nothing', undefined],
      ]),
    )
    expect(new Map(map)).toEqual(
      new Map([
        ['a', 0],
        ['c', 9],
        ['d', 3],
      ]),
    )
    expect(map.with(new Map(keys.map((key) => [key, undefined]))).size).toBe(0)
    vi.restoreAllMocks()
  })

  it('has 100,000 keys, and loses them again', () => {
    const keys = Array.from({ length: 100_000 }, (_, at) => `key ${at}`)
    const map = PersistentMap.empty<string>().with(new Map(keys.map((key) => [key, key])))
    expect(map.size).toBe(100_000)
    expect(keys.every((key) => map.get(key) === key)).toBe(true)
    const rest = map.with(new Map(keys.slice(1).map((key) => [key, undefined])))
    expect([...rest]).toEqual([['key 0', 'key 0']])
    expect(map.size).toBe(100_000)
  })
})

describe('values of JSON', () => {
  it('are the same if their texts are, whatever the order of their names', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value)
        expect(isSameJson(JSON.parse(text), JSON.parse(text))).toBe(true)
      }),
    )
    expect(isSameJson({ a: 1, b: [2] }, { b: [2], a: 1 })).toBe(true)
  })

  it('are never the same if they differ', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        fc.pre(JSON.stringify(one) !== JSON.stringify(other))
        if (isSameJson(one, other)) expect(one).toEqual(other)
      }),
    )
  })

  it.each([
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ a: undefined }, { b: undefined }],
    [[], {}],
    [{}, null],
    [new Date(0), new Date(0)],
    [new Map([[1, 2]]), new Map([[1, 2]])],
  ])('%o and %o are not', (one, other) => {
    expect(isSameJson(one, other)).toBe(false)
  })

  it('that are nested without end are different, and no stack overflows', () => {
    const nested = () => JSON.parse('['.repeat(50_000) + ']'.repeat(50_000))
    expect(isSameJson(nested(), nested())).toBe(false)
  })
})

describe('frames', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
    vi.useRealTimers()
  })

  function page(visibilityState: string) {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'requestAnimationFrame', 'cancelAnimationFrame'],
    })
    vi.stubGlobal('document', { visibilityState })
    const run = vi.fn()
    return { run, frames: new Frames(run) }
  }

  it('run once before the next paint, however often they are asked for', () => {
    const { run, frames } = page('visible')
    frames.request()
    frames.request()
    expect(run).not.toHaveBeenCalled()
    vi.advanceTimersToNextFrame()
    vi.advanceTimersByTime(1_000)
    expect(run).toHaveBeenCalledOnce()
    frames.request()
    vi.advanceTimersToNextFrame()
    expect(run).toHaveBeenCalledTimes(2)
  })

  it('are a timer on a page that is hidden', () => {
    const { run, frames } = page('hidden')
    frames.request()
    vi.advanceTimersByTime(0)
    expect(run).toHaveBeenCalledOnce()
  })

  it('are a timer on a page that is hidden before its frame', () => {
    const { run, frames } = page('visible')
    vi.stubGlobal('requestAnimationFrame', () => 1)
    vi.stubGlobal('cancelAnimationFrame', () => {})
    frames.request()
    vi.advanceTimersByTime(249)
    expect(run).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(run).toHaveBeenCalledOnce()
  })

  it('do not run when they are cancelled', () => {
    const { run, frames } = page('visible')
    frames.request()
    frames.cancel()
    vi.advanceTimersByTime(1_000)
    expect(run).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('tasks', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
    vi.useRealTimers()
  })

  it('end after half a frame on a page that is shown', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] })
    vi.stubGlobal('document', { visibilityState: 'visible' })
    const tasks = new Tasks()
    vi.advanceTimersByTime(7)
    expect(tasks.pause()).toBeUndefined()
    vi.advanceTimersByTime(1)
    const pause = tasks.pause()
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(0)
    await pause
    expect(tasks.pause()).toBeUndefined()
  })

  it.each([{ visibilityState: 'hidden' }, undefined])('do not end early with the document %o', (document) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] })
    vi.stubGlobal('document', document)
    const tasks = new Tasks()
    vi.advanceTimersByTime(1_000)
    expect(tasks.pause()).toBeUndefined()
  })
})

describe('the plan of reloads', () => {
  function planned() {
    const plan = new ReloadPlan(() => 0)
    const loadsAgainAfter = (...eventIds: string[]) => {
      for (const eventId of eventIds) plan.foundInSnapshot(eventId)
      return plan.snapshotEnds()
    }
    return { plan, loadsAgainAfter }
  }

  it('learns the IDs of each server once, because they may differ for the same record', () => {
    const { loadsAgainAfter } = planned()
    expect([['a1'], ['b1'], ['a1'], ['b1'], ['b1', 'b2']].map((ids) => loadsAgainAfter(...ids))).toEqual([
      true,
      true,
      false,
      false,
      true,
    ])
  })

  it('remembers fewer of a server whose IDs are long, and holds 4 Mi units of them at most', () => {
    const { plan, loadsAgainAfter } = planned()
    const long = (at: number) => `${at} ${'x'.repeat(1_048_576)}`
    for (let at = 0; at < 4; at++) plan.foundLive(long(at))
    expect([loadsAgainAfter(long(3)), loadsAgainAfter(long(1))]).toEqual([false, false])
    expect(loadsAgainAfter(long(0))).toBe(true)
    plan.foundLive('short')
    plan.foundLive('x'.repeat(4_194_305))
    expect(loadsAgainAfter('short')).toBe(true)
  })

  it('remembers the last 10,000', () => {
    const { plan, loadsAgainAfter } = planned()
    for (let eventId = 0; eventId <= 10_000; eventId++) plan.foundLive(`${eventId}`)
    expect([loadsAgainAfter('1'), loadsAgainAfter('10000'), loadsAgainAfter('0')]).toEqual([
      false,
      false,
      true,
    ])
  })
})
