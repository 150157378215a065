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

  it('is the same while it only grows', () => {
    expect(look([5, 5], 5)).toBeNull()
    expect(look([5, 90], 5)).toBeNull()
    expect(look([5, 90], 90)).toBeNull()
    expect(log.isSettled).toBe(true)
  })

  it('was trimmed if records that were read are deleted, also up to the next one', () => {
    expect(look([6, 9], 9)).toBe('trimmed')
    expect(look([6, 9], 9)).toBeNull()
    expect(look([9, 9], 9)).toBe('trimmed')
    expect(log.isSettled).toBe(true)
  })

  it('has passed the reader once nothing from before its start is under way any more', () => {
    expect(look([9, 20], 6)).toBeNull()
    expect(log.isSettled).toBe(false)
    expect(look([9, 20], 7)).toBeNull()
    expect(look([9, 20], 7)).toBe('passed')
    expect(log.isSettled).toBe(true)
    expect(look([9, 20], 9)).toBeNull()
  })

  it('has not passed a reader that goes on with what it fetched in time', () => {
    expect(look([9, 20], 6)).toBeNull()
    expect(look([9, 20], 20)).toBe('trimmed')
    expect(log.isSettled).toBe(true)
  })

  it('is another one if it ends before what was read, in two refreshes in a row', () => {
    expect(look([5, 8], 9)).toBeNull()
    expect(log.isSettled).toBe(false)
    expect(look([5, 9], 9)).toBeNull()
    expect(log.isSettled).toBe(true)
    expect(look([5, 8], 9)).toBeNull()
    expect(look([5, 8], 9)).toBe('replaced')
  })

  it('is the same if more was read since Kafka was asked', () => {
    expect(look([5, 8], 9, { whenAsked: 8 })).toBeNull()
    expect(look([5, 9], 12, { whenAsked: 9 })).toBeNull()
    expect(log.isSettled).toBe(true)
  })

  it('is another one if it was cut off, even if it has grown since', () => {
    log.noteStop(true)
    expect(look([5, 90], 9)).toBe('replaced')
  })

  it('is another one if its start moved back, unless its topic id is the same', () => {
    expect(look([3, 9], 9)).toBeNull()
    expect(look([3, 9], 9)).toBeNull()
    expect(log.isSettled).toBe(true)
    expect(look([3, 9], 9, { id: false })).toBeNull()
    expect(look([3, 9], 9, { id: false })).toBe('replaced')
  })

  it('has stalled if librdkafka has stopped, once all that it had fetched is read', () => {
    look([5, 20], 6)
    log.noteStop(false)
    expect(look([5, 20], 8)).toBeNull()
    expect(log.isSettled).toBe(false)
    expect(look([5, 20], 8)).toBe('stalled')
    expect(look([5, 20], 8)).toBeNull()
    expect(log.isSettled).toBe(true)
  })

  it('has stalled if an error came and nothing since, although there is more', () => {
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

  it('may have stopped at its end, which shows only when there is more, any number of refreshes later', () => {
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

  it('has stalled although its start moves at each refresh', () => {
    look([5, 20], 10)
    log.noteStop(false)
    expect(look([6, 20], 10)).toBe('trimmed, stalled')
    expect(look([7, 20], 10)).toBe('trimmed')
  })

  it('is reported at each refresh until the report was handled', () => {
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

  it('distinguishes a stop that librdkafka told from one that is only suspected', () => {
    look([5, 8], 8)
    log.noteStop(false)
    log.suspectStop()
    expect(look([5, 8], 8)).toBe('stalled')
  })
})
