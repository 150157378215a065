// The sum of the counters of several threads.

import { describe, expect, it } from 'vitest'
import { createConnectionFigures } from '../../../src/http/connection-limits.ts'
import { createCounters, sumOf, withOpenEnded } from '../../../src/stream/counters.ts'

describe('the sum of what several have counted', () => {
  it('covers every number, at any depth', () => {
    const one = { ...createCounters(), streamsOpen: 2, refusals: { FKS_BUSY: 1 } }
    const other = {
      ...createCounters(),
      streamsOpen: 3,
      streamsEnded: { ...createCounters().streamsEnded, slow: 4 },
    }
    expect(sumOf([one, other])).toEqual({
      ...createCounters(),
      streamsOpen: 5,
      streamsEnded: { ...createCounters().streamsEnded, slow: 4 },
      refusals: { FKS_BUSY: 1 },
    })
  })

  it('has every name that any of them has', () => {
    const sum = sumOf<{ gaps: Record<string, number> }>([
      { gaps: { 'too-old': 1 } },
      { gaps: { recreated: 2 } },
      { gaps: { 'too-old': 3 } },
    ])
    expect(sum).toEqual({ gaps: { 'too-old': 4, recreated: 2 } })
  })

  it('adds up the buckets of histograms one by one, and they stay lists', () => {
    const one = { delivery: { counts: [1, 0, 2], sum: 0.5 } }
    const other = { delivery: { counts: [0, 4, 1], sum: 1.5 } }
    expect(sumOf([one, other])).toEqual({ delivery: { counts: [1, 4, 3], sum: 2 } })
  })

  it('of one is an equal copy, so that neither changes with the other', () => {
    const connections = createConnectionFigures()
    const sum = sumOf([connections])
    expect(sum).toEqual(connections)
    sum.closed.idle++
    expect(connections.closed.idle).toBe(0)
  })

  it('of none is nothing', () => {
    expect(sumOf([])).toEqual({})
  })
})

describe('the counts of a thread that is over', () => {
  it('tell its open streams as ended, so that all that were opened are accounted for', () => {
    const ended = { ...createCounters().streamsEnded, client: 4, 'worker-died': 1 }
    const paths = { '/a': { open: 2, opened: 5 }, '/b': { open: 1, opened: 3 } }
    const counted = { ...createCounters(), streamsOpen: 3, streamsOpened: 8, streamsEnded: ended, paths }
    expect(withOpenEnded(counted, 'worker-died')).toEqual({
      ...counted,
      streamsOpen: 0,
      streamsEnded: { ...ended, 'worker-died': 4 },
      paths: { '/a': { open: 0, opened: 5 }, '/b': { open: 0, opened: 3 } },
    })
    expect([counted.streamsOpen, counted.streamsEnded['worker-died']]).toEqual([3, 1])
  })
})
