// The account of a private stream against deliveries that are wrong on purpose: each fault is counted as what it is,
// and a sound stream is not accused.

import { beforeEach, describe, expect, it } from 'vitest'
import { formatEventId } from '../../src/bus/event-id.ts'
import { SealedIds } from '../../src/sealing/sealed-ids.ts'
import { PrivateAccount } from './private-account.ts'
import { courseOf, keyOf, PARTITIONS, TOPICS, valueText } from './private-course.mjs'
import { PrivateIds } from './private-ids.ts'
import { type OwnEvent, PrivateRecords, SHAPES, type Shape } from './private-shapes.ts'

const COURSE = { seed: 1, records: 3_000, customers: 20 }
const SOUND = { ofOthers: 0, lost: 0, twice: 0, wrongIds: 0 }
const records = new PrivateRecords(COURSE)

interface Delivery {
  readonly event: OwnEvent
  /** The id of the record at a server that read all in the order in which it was written. */
  readonly position: readonly number[]
}

/** All that a stream of one customer or order gets that is open from the beginning. */
function deliveriesOf(shape: Shape, value = 3): { events: OwnEvent[][]; deliveries: Delivery[] } {
  const events = records.eventsOf(shape, new Set([value]))
  const position = new Array<number>(PARTITIONS).fill(0)
  const deliveries: Delivery[] = []
  for (const { topic, partition, offset } of courseOf(COURSE)) {
    if (topic !== TOPICS.indexOf(shape.topic)) continue
    position[partition] = offset + 1
    const event = events[partition]?.find(({ record }) => record.offset === offset)
    const former = deliveries.findLast((delivery) => delivery.event.record.order === event?.record.order)
    const isTold = event?.isLeaving === true && former?.event.kind === 'delete'
    if (event !== undefined && !isTold) deliveries.push({ event, position: [...position] })
  }
  return { events, deliveries }
}

function take(account: PrivateAccount, { event, position }: Delivery): string[] {
  const { record, kind } = event
  if (kind === 'delete') return account.takeDelete(keyOf(record.order), position)
  return account.takeValue(valueText(record) ?? '', position)
}

describe.each(SHAPES.map((shape) => [shape.options.path, shape] as const))('At %s', (_path, shape) => {
  const isLatest = shape.options.replay === 'latest'
  const { events, deliveries } = deliveriesOf(shape)
  let written: number
  let account: PrivateAccount
  beforeEach(() => {
    written = Number.POSITIVE_INFINITY
    account = new PrivateAccount({ events, isLatest, written: () => written })
  })

  const takeAll = (taken: readonly Delivery[]) => taken.flatMap((delivery) => take(account, delivery))

  it('a sound stream is not accused, and has all only with its last record', () => {
    expect(takeAll(deliveries.slice(0, -1))).toEqual([])
    expect(account.missing()).toHaveLength(1)
    expect(takeAll(deliveries.slice(-1))).toEqual([])
    expect(account.missing()).toEqual([])
    expect(account).toMatchObject({ ...SOUND, received: deliveries.length })
    if (shape.topic !== 'cleaned') expect(account.passedOver).toBe(0)
    expect(account.deletes).toBeGreaterThan(0)
  })

  it('each record that is left out is lost, unless one that was written by then supersedes it', () => {
    for (const [left, { event }] of deliveries.entries()) {
      const rest = deliveries.filter((_, index) => index !== left)
      const isOfSame = (delivery: Delivery) => delivery.event.record.order === event.record.order
      const isSuperseded = isLatest && deliveries.slice(left + 1).some(isOfSame)
      const unknown = new PrivateAccount({ events, isLatest, written: () => 0 })
      for (const delivery of rest) take(unknown, delivery)
      unknown.takeId(deliveries.at(-1)?.position ?? [])
      expect(unknown).toMatchObject({ lost: 1, twice: 0, ofOthers: 0 })
      const known = new PrivateAccount({ events, isLatest, written: () => written })
      for (const delivery of rest) take(known, delivery)
      expect(known.lost + known.missing().length).toBe(isSuperseded ? 0 : 1)
    }
  })

  it('what comes again is twice', () => {
    const [first, second] = deliveries.slice(4)
    if (first === undefined || second === undefined) throw new Error('the course is too short')
    takeAll(deliveries.slice(0, 6))
    expect(take(account, second)).toEqual([expect.stringContaining('again')])
    expect(account).toMatchObject({ ...SOUND, twice: 1 })
    take(account, { event: first.event, position: second.position })
    expect(account).toMatchObject({ ...SOUND, twice: 2 })
  })

  it('values and deletes that are not its own are of others', () => {
    const position = new Array<number>(PARTITIONS).fill(0)
    let foreign = 0
    for (const record of courseOf(COURSE)) {
      if (record.topic !== TOPICS.indexOf(shape.topic)) continue
      position[record.partition] = record.offset + 1
      const isOwn = events[record.partition]?.some((own) => own.record.offset === record.offset)
      if (isOwn) continue
      foreign++
      const text = valueText(record)
      const told = [...position]
      if (text === null) account.takeDelete(keyOf(record.order), told)
      else account.takeValue(text, told)
    }
    expect(foreign).toBeGreaterThan(100)
    expect(account).toMatchObject({ ofOthers: foreign, twice: 0 })
  })

  it('an id that goes back, or says less or more than came, is wrong', () => {
    takeAll(deliveries.slice(0, 5))
    const [next, further] = deliveries.slice(5)
    if (next === undefined || further === undefined) throw new Error('the course is too short')
    expect(account.takeId(new Array<number>(PARTITIONS).fill(0)).length).toBeGreaterThan(0)
    expect(account.wrongIds).toBeGreaterThan(0)
    account.wrongIds = 0
    const { partition, offset } = next.event.record
    const behind = next.position.map((told, at) => (at === partition ? offset : told))
    take(account, { event: next.event, position: behind })
    expect(account.wrongIds).toBeGreaterThan(0)
    written = 0
    account.takeId(further.position)
    expect(account.lost).toBe(1)
  })

  it('a client that has to forget is owed everything again', () => {
    takeAll(deliveries)
    account.forget()
    written = 0
    expect(account.missing().length).toBeGreaterThan(0)
    expect(takeAll(deliveries)).toEqual([])
    expect(account).toMatchObject(SOUND)
    expect(account.missing()).toEqual([])
  })
})

it('a delete of what left unseen may be left out, if the client does not have it', () => {
  const shape = SHAPES.find(({ options }) => options.path === '/mine')
  if (shape === undefined) throw new Error('there is no such kind of stream')
  let kept = 0
  let lost = 0
  for (let customer = 0; customer < COURSE.customers; customer++) {
    const { events, deliveries } = deliveriesOf(shape, customer)
    const account = new PrivateAccount({ events, isLatest: true, written: () => Number.POSITIVE_INFINITY })
    account.takeId(deliveries.at(-1)?.position ?? [])
    lost += account.lost
    const isKept = ({ kind, supersededBy }: OwnEvent) => kind === 'value' && supersededBy === Infinity
    kept += events.flat().filter(isKept).length
  }
  expect(kept).toBeGreaterThan(10)
  expect(lost).toBe(kept)
})

it('ids are read as servers make them', () => {
  const secret = new Uint8Array(32).fill(7)
  const ids = new PrivateIds(secret, 3)
  const seal = new SealedIds([secret]).of('/mine', '["headers.user","c1"]')
  for (const offsets of [[], [1, 0, 0], [1, 70_000, 2 ** 40], [5, -2, 7]]) {
    const position = new Map(offsets.entries())
    const expected = [0, 1, 2].map((partition) => Math.max(0, offsets[partition] ?? 0))
    expect(ids.read(seal.seal(position), true)).toEqual(expected)
    expect(ids.read(seal.seal(position), false)).toBe(null)
    expect(ids.read(formatEventId(position), false)).toEqual(expected)
    expect(ids.read(formatEventId(position), true)).toBe(null)
  }
})
