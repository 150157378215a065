// What happened to a partition’s log, by its start and end at each refresh.

import { beforeEach, describe, expect, it } from 'vitest'
import { LogWatch } from '../../../plugins/kafka/following/log-watch.ts'

describe('A watched log', () => {
  let log: LogWatch

  beforeEach(() => {
    log = new LogWatch(5)
  })

  interface Look {
    readonly whenAsked?: number
    readonly id?: boolean
    readonly isTaken?: boolean
  }

  /** What a look at a log from `start` to `end` finds, which is read up to `next`; null: nothing. */
  function look([start, end]: [number, number], next: number, how: Look = {}): string | null {
    const { whenAsked = next, id = true, isTaken = true } = how
    const findings = log.compare({ start, end }, { next, nextWhenAsked: whenAsked, hasTopicId: id })
    if (isTaken) for (const finding of findings) log.noteTaken(finding, start)
    return findings.length === 0 ? null : findings.join(', ')
  }

  it('is what it was as long as it only grows', () => {
    expect(look([5, 5], 5)).toBeNull()
    expect(look([5, 90], 5)).toBeNull()
    expect(look([5, 90], 90)).toBeNull()
    expect(log.isSettled).toBe(true)
  })

  it('was trimmed where what was read is deleted, also up to what is read next', () => {
    expect(look([6, 9], 9)).toBe('trimmed')
    expect(look([6, 9], 9)).toBeNull()
    expect(look([9, 9], 9)).toBe('trimmed')
    expect(log.isSettled).toBe(true)
  })

  it('has passed the reader once nothing from before its start is on the way any more', () => {
    expect(look([9, 20], 6)).toBeNull()
    expect(log.isSettled).toBe(false)
    expect(look([9, 20], 7)).toBeNull()
    expect(look([9, 20], 7)).toBe('passed')
    expect(log.isSettled).toBe(true)
    expect(look([9, 20], 9)).toBeNull()
  })

  it('has not passed a reader that reads on what it fetched in time', () => {
    expect(look([9, 20], 6)).toBeNull()
    expect(look([9, 20], 20)).toBe('trimmed')
    expect(log.isSettled).toBe(true)
  })

  it('is another one when it ends before what was read, in two looks in a row', () => {
    expect(look([5, 8], 9)).toBeNull()
    expect(log.isSettled).toBe(false)
    expect(look([5, 9], 9)).toBeNull()
    expect(log.isSettled).toBe(true)
    expect(look([5, 8], 9)).toBeNull()
    expect(look([5, 8], 9)).toBe('replaced')
  })

  it('is no other one because more was read since Kafka was asked', () => {
    expect(look([5, 8], 9, { whenAsked: 8 })).toBeNull()
    expect(look([5, 9], 12, { whenAsked: 9 })).toBeNull()
    expect(log.isSettled).toBe(true)
  })

  it('is another one when it was cut off, even if it has grown since', () => {
    log.noteStop(true)
    expect(look([5, 90], 9)).toBe('replaced')
  })

  it('is another one when its start moved back, unless the id says that it is the same', () => {
    expect(look([3, 9], 9)).toBeNull()
    expect(look([3, 9], 9)).toBeNull()
    expect(log.isSettled).toBe(true)
    expect(look([3, 9], 9, { id: false })).toBeNull()
    expect(look([3, 9], 9, { id: false })).toBe('replaced')
  })

  it('has stalled when librdkafka has stopped, once what it had fetched is in', () => {
    look([5, 20], 6)
    log.noteStop(false)
    expect(look([5, 20], 8)).toBeNull()
    expect(log.isSettled).toBe(false)
    expect(look([5, 20], 8)).toBe('stalled')
    expect(look([5, 20], 8)).toBeNull()
    expect(log.isSettled).toBe(true)
  })

  it('has stalled when an error came and nothing since, although there is more', () => {
    look([5, 8], 8)
    log.suspectStop()
    expect(look([5, 9], 8)).toBe('stalled')
    log.suspectStop()
    expect(look([5, 20], 9)).toBeNull()
    expect(log.isSettled).toBe(true)
    log.suspectStop()
    expect(log.isSettled).toBe(false)
    expect(look([5, 9], 9)).toBeNull()
    expect(log.isSettled).toBe(true)
  })

  it('may have stopped at its end, which only shows when there is more, however many looks later', () => {
    look([5, 8], 8)
    log.suspectStop()
    for (let looks = 0; looks < 3; looks++) expect(look([5, 8], 8)).toBeNull()
    expect(log.isSettled).toBe(true)
    expect(look([5, 9], 8)).toBe('stalled')
    log.suspectStop()
    look([5, 9], 9)
    expect(look([5, 11], 10)).toBeNull()
    expect(look([5, 11], 10)).toBeNull() // it was read since: it had not stopped
  })

  it('has stalled although its start moves at each look', () => {
    look([5, 20], 10)
    log.noteStop(false)
    expect(look([6, 20], 10)).toBe('trimmed, stalled')
    expect(look([7, 20], 10)).toBe('trimmed')
  })

  it('is found to be what it is again and again until that was taken', () => {
    look([5, 20], 10)
    log.noteStop(false)
    for (let looks = 0; looks < 3; looks++)
      expect(look([6, 20], 10, { isTaken: false })).toBe('trimmed, stalled')
    expect(look([6, 20], 10)).toBe('trimmed, stalled')
    expect(look([6, 20], 10)).toBeNull()
    for (let looks = 0; looks < 3; looks++) expect(look([15, 20], 10, { isTaken: false })).toBe('passed')
    expect(log.isSettled).toBe(false)
    expect(look([15, 20], 10)).toBe('passed')
    expect(look([15, 20], 15)).toBeNull()
  })

  it('does not take a stop that was told for one that was only feared', () => {
    look([5, 8], 8)
    log.noteStop(false)
    log.suspectStop()
    expect(look([5, 8], 8)).toBe('stalled')
  })
})
