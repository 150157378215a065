import { beforeEach, describe, expect, it } from 'vitest'
import { LogWatch } from '../../plugins/kafka/log-watch.ts'

describe('A watched log', () => {
  let log: LogWatch

  beforeEach(() => {
    log = new LogWatch(5)
  })

  /** A look at a log from `start` to `end`, read up to `next`. */
  function look(
    [start, end]: [number, number],
    next: number,
    read: { whenAsked?: number; id?: boolean } = {},
  ) {
    const { whenAsked = next, id = true } = read
    return log.compare({ start, end }, { next, nextWhenAsked: whenAsked, hasTopicId: id })
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
    log.fearStop()
    expect(look([5, 9], 8)).toBe('stalled')
    log.fearStop()
    expect(look([5, 20], 9)).toBeNull()
    expect(log.isSettled).toBe(true)
    log.fearStop()
    expect(look([5, 9], 9)).toBeNull()
    expect(log.isSettled).toBe(true)
  })

  it('does not take a stop that was told for one that was only feared', () => {
    look([5, 8], 8)
    log.noteStop(false)
    log.fearStop()
    expect(look([5, 8], 8)).toBe('stalled')
  })
})
