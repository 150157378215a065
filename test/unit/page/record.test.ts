// What the page reads from events: the place of a record from its id, where that is certain, and whole records.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatEventId } from '../../../src/bus/event-id.ts'
import { eventLines } from '../../../src/bus/frame.ts'
import { recordOf } from '../../support/topic-in-memory.ts'

interface Place {
  readonly partition: number
  readonly offset: number
}
interface Read {
  readonly kind: string
  readonly key: string | null
  readonly partition: number | null
  readonly offset: number | null
  readonly headers: readonly object[] | null
  readonly timestampMs: number | null
  readonly text: string
  readonly json: unknown
}
interface Event {
  readonly type: string
  readonly data: string
  readonly id: string
}
interface PageModules {
  placeOf(id: string, previousId: string): Place | null
  readEvent(event: Event, previousId: string, isWhole: boolean): Read
  isWholeRecord(event: Event): boolean
  asObject(read: Read): object
  lineOf(read: Read): string
}

// By URL, because the page's files are plain JavaScript.
const of = (name: string) => import(new URL(`../../../public/page/${name}.js`, import.meta.url).href)
const { placeOf, readEvent, isWholeRecord, asObject, lineOf } = {
  ...(await of('position')),
  ...(await of('record')),
} as PageModules

const positions = fc.uniqueArray(fc.tuple(fc.nat(300), fc.nat(Number.MAX_SAFE_INTEGER - 1)), {
  selector: ([partition]) => partition,
  minLength: 2,
  maxLength: 6,
})

describe('the place of a record', () => {
  it('is the one partition that moved, at the offset before the next one', () => {
    fc.assert(
      fc.property(positions, fc.nat(), (pairs, pick) => {
        const before = new Map(pairs)
        const [partition, offset] = pairs[pick % pairs.length] ?? [0, 0]
        const after = new Map(before).set(partition, offset + 1)
        expect(placeOf(formatEventId(after), formatEventId(before))).toEqual({ partition, offset })
      }),
    )
  })

  it('is not told where several partitions moved, or nothing is known of the others', () => {
    fc.assert(
      fc.property(positions, (pairs) => {
        const after = formatEventId(new Map(pairs))
        const before = new Map(pairs.map(([partition, next]) => [partition, next + 1]))
        expect(placeOf(after, formatEventId(before))).toBeNull()
        expect(placeOf(after, '')).toBeNull()
      }),
    )
  })

  it('is told of the first event where there is one partition', () => {
    expect(placeOf(formatEventId(new Map([[0, 65]])), '')).toEqual({ partition: 0, offset: 64 })
  })

  it('is not told by a text that is no plain id', () => {
    const previous = formatEventId(new Map([[0, 1]]))
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
        fc.pre(!text.startsWith('AQ'))
        expect(placeOf(text, previous)).toBeNull()
      }),
    )
    for (const text of ['', 'AQ', 'AQI', 'AQIAgA==', 'AQIAAgI=', 'A'.repeat(3_000)])
      expect(placeOf(text, previous), text).toBeNull()
  })

  it('is not told by an id without offsets', () => {
    expect(placeOf(formatEventId(new Map([[0, -2]])), '')).toBeNull()
  })
})

describe('an event', () => {
  const id = formatEventId(new Map([[0, 8]]))

  it('of a stream of whole records tells all of its record', () => {
    const value = '{"price":1.08}'
    const header = { name: 'trace', value: Buffer.from('a') }
    const lines = eventLines({ ...recordOf(7, value, 'eur', 3), headers: [header] }, 'envelope') ?? []
    const data = Buffer.concat(lines).toString().slice('data:'.length)
    const read = readEvent({ type: 'message', data, id }, '', true)
    expect(read).toMatchObject({ key: 'eur', partition: 3, offset: 7, text: value })
    expect(read.headers).toEqual([{ name: 'trace', value: 'a' }])
    expect(read.json).toEqual({ price: 1.08 })
    expect(asObject(read)).toMatchObject({ key: 'eur', partition: 3, offset: 7, value: { price: 1.08 } })
  })

  it('of a stream of values is a value, also where that looks like a whole record', () => {
    const whole = { key: 'eur', value: 'b', headers: [], timestamp: 1, partition: 0, offset: 7 }
    const of = (record: object, at = id) => ({ type: 'message', data: JSON.stringify(record), id: at })
    expect(isWholeRecord(of(whole))).toBe(true)
    const many = Array.from({ length: 2_000 }, (_, partition): [number, number] => [partition, 8])
    expect(isWholeRecord(of(whole, formatEventId(new Map(many))))).toBe(true)
    for (const other of [{ ...whole, offset: 8 }, { ...whole, partition: 1 }, { price: 1 }])
      expect(isWholeRecord(of(other)), JSON.stringify(other)).toBe(false)
    expect(isWholeRecord(of(whole, 'EAbc'))).toBe(false)
    const read = readEvent(of({ ...whole, partition: 3, offset: 2 }), '', false)
    expect(read).toMatchObject({ key: null, headers: null, partition: 0, offset: 7, json: { key: 'eur' } })
  })

  it('of a stream of values tells its place by the id, and no key', () => {
    const read = readEvent({ type: 'message', data: '[1]', id }, '', false)
    expect(read).toMatchObject({ key: null, headers: null, partition: 0, offset: 7, text: '[1]', json: [1] })
    expect(asObject(read)).toEqual({ partition: 0, offset: 7, value: [1], id })
  })

  it.each(['{', 'null', '12', '"text"', '', 'x{"a":1}', '{"key":"a","value":"b"}'])(
    'has its value as it was written, also where it is no record: %s',
    (data) => {
      const read = readEvent({ type: 'message', data, id }, '', true)
      expect(read).toMatchObject({ key: null, text: data })
      expect(asObject(read)).toMatchObject({ value: data.startsWith('{"') ? JSON.parse(data) : data })
    },
  )

  it('of any value has what a row can show', () => {
    const place = { partition: 3, offset: 7 }
    const whole = { key: 'a', value: 'b', headers: [{ name: 'c', value: 'd' }], timestamp: 1, ...place }
    const spoilt = fc
      .tuple(fc.constantFrom(...Object.keys(whole)), fc.jsonValue())
      .map(([name, value]): object => ({ ...whole, [name]: value }))
    const isText = (value: unknown) => value === null || typeof value === 'string'
    const check = (value: unknown) => {
      const read = readEvent({ type: 'message', data: JSON.stringify(value), id }, '', true)
      const { key, timestampMs, partition, offset, headers } = read
      expect(isText(key)).toBe(true)
      expect(() => new Date(timestampMs ?? 0).toISOString()).not.toThrow()
      expect([partition, offset].every(Number.isSafeInteger)).toBe(true)
      for (const header of (headers ?? []) as { name: unknown; value: unknown }[]) {
        expect(typeof header.name).toBe('string')
        expect(isText(header.value)).toBe(true)
      }
    }
    fc.assert(fc.property(spoilt, check), {
      examples: [{ timestamp: 9e18 }, { timestamp: 'then' }, { offset: null }, { headers: [null] }].map(
        (wrong): [object] => [{ ...whole, ...wrong }],
      ),
    })
    expect(readEvent({ type: 'message', data: JSON.stringify(whole), id }, '', true)).toMatchObject(place)
  })

  it('is copied as text if its value is nested too deeply to be written again', () => {
    const data = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    expect(JSON.parse(lineOf(readEvent({ type: 'message', data, id }, '', false)))).toMatchObject({
      value: data,
    })
    expect(JSON.parse(lineOf(readEvent({ type: 'message', data: '[1]', id }, '', false)))).toMatchObject({
      value: [1],
    })
  })

  it('of a delete has the key, as text if it is UTF-8', () => {
    expect(readEvent({ type: 'delete', data: 'MQ==', id }, '', false)).toMatchObject({ key: '1', text: '' })
    expect(readEvent({ type: 'delete', data: '_w==', id }, '', false)).toMatchObject({ key: '_w==' })
    expect(asObject(readEvent({ type: 'delete', data: 'MQ==', id }, '', false))).toMatchObject({
      value: null,
    })
  })
})
