// Which streams count as slow: those whose peer has taken nothing for two seconds, until it takes something or is gone.

import { expect, it } from 'vitest'
import { createCounters } from '../../../src/stream/counters.ts'
import { InFlight } from '../../../src/stream/in-flight.ts'
import { slowestOf } from '../../../src/stream/watching/slow-streams.ts'
import { StreamWatch } from '../../../src/stream/watching/stream-watch.ts'

function scene() {
  const clock = { nowMs: () => 10_000, epochMs: () => 1_000_000 }
  const counters = createCounters()
  const watch = new StreamWatch(counters, clock)
  const open = (path: string) => new InFlight(watch.tallyOf({ path, subject: 'alice@example.com' }))
  return { counters, watch, open, slow: () => watch.list().slow }
}

it('a stream is slow from two seconds on, and no more once its peer takes the write', () => {
  const { watch, open, slow } = scene()
  const inFlight = open('/a')
  inFlight.begin(500, null, 1_000)
  inFlight.look(2_999)
  expect(slow()).toEqual({ count: 0, longest: [] })
  inFlight.look(3_000)
  inFlight.look(4_000)
  const alice = { path: '/a', subject: watch.subjects.of('alice@example.com'), seconds: 9, bytes: 500 }
  expect(slow()).toEqual({ count: 1, longest: [alice] })
  inFlight.taken(4_500)
  expect(slow().count).toBe(0)
})

it('a stream is slow with a signal alone, until it is taken, and not once it is closed', () => {
  const { open, slow } = scene()
  const [one, other] = [open('/a'), open('/b')]
  for (const inFlight of [one, other]) {
    inFlight.addSignal(1_000)
    inFlight.look(5_000)
  }
  expect(slow().count).toBe(2)
  one.signalTaken()
  expect(slow().longest.map(({ path }) => path)).toEqual(['/b'])
  other.abandon()
  expect(slow().count).toBe(0)
})

it('lists the ten that have been slow longest, of all threads', () => {
  const { open, slow } = scene()
  for (let at = 0; at < 15; at++) {
    const inFlight = open(`/${at}`)
    inFlight.begin(1, null, at * 100)
    inFlight.look(9_000)
  }
  expect(slow().count).toBe(15)
  expect(slow().longest.map(({ path }) => path)).toEqual(Array.from({ length: 10 }, (_, at) => `/${at}`))
  const other = { count: 3, longest: [{ path: '/x', subject: null, seconds: 99, bytes: 1 }] }
  const { count, longest } = slowestOf([slow(), other])
  expect([count, longest.length, longest[0]?.path]).toEqual([18, 10, '/x'])
})

it('counts open and opened streams by path', () => {
  const { counters, watch } = scene()
  const owner = { path: '/a', subject: null }
  const first = watch.tallyOf(owner)
  watch.tallyOf(owner)
  first.ended('client')
  expect(counters.paths).toEqual({ '/a': { open: 1, opened: 2 } })
})
