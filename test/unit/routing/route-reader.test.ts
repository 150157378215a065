// The values of a record that selectors find: its key, its headers, fields of its value.

import { describe, expect, it } from 'vitest'
import {
  HEADER_VALUES_MAX,
  type RoutedRecord,
  RouteReader,
  SELECTORS_MAX,
} from '../../../src/routing/route-reader.ts'
import { parseSelector } from '../../../src/routing/selector.ts'

function valuesOf(record: Partial<RoutedRecord>, ...names: string[]): [number, string][] {
  const reader = new RouteReader(names.map(parseSelector))
  const values = reader.read({ value: null, headers: [], ...record })
  return values.map(({ selector, bytes }) => [selector, Buffer.from(bytes).toString('latin1')])
}

const header = (name: string, value: string | null) => ({
  name,
  value: value === null ? null : Buffer.from(value),
})

describe('a selector', () => {
  it.each(['', 'keys', 'headers', 'headers.', 'fields.', 'fields.a', 'value'])('is not named %j', (name) => {
    expect(() => parseSelector(name)).toThrow(SyntaxError)
  })

  it('may be a header whose name holds dots, and a field at any depth', () => {
    expect(parseSelector('headers.a.b')).toMatchObject({ kind: 'header', header: 'a.b' })
    expect(parseSelector('fields./a/b')).toMatchObject({ kind: 'field', path: ['a', 'b'] })
  })
})

describe('a record', () => {
  it('has each different value of a header once, and none where it is null or missing', () => {
    const headers = [
      header('a', 'x'),
      header('b', 'y'),
      header('a', null),
      header('a', 'z'),
      header('a', 'x'),
    ]
    expect(valuesOf({ headers }, 'headers.a', 'headers.b', 'headers.c')).toEqual([
      [0, 'x'],
      [0, 'z'],
      [1, 'y'],
    ])
  })

  it(`has the first ${HEADER_VALUES_MAX} values of a header`, () => {
    const headers = Array.from({ length: HEADER_VALUES_MAX + 1 }, (_, at) => header('a', `${at}`))
    expect(valuesOf({ headers }, 'headers.a')).toHaveLength(HEADER_VALUES_MAX)
  })

  it('has the text of each field, and none where the value is no JSON', () => {
    const value = Buffer.from('{"a":"x","b":{"c":1.0}}')
    expect(valuesOf({ value }, 'fields./b/c', 'key', 'fields./a', 'fields./d')).toEqual([
      [0, '1.0'],
      [1, 'x'],
    ])
    expect(valuesOf({ value: Buffer.from('text') }, 'fields./a')).toEqual([])
  })

  it('that is a tombstone has no fields, but its headers', () => {
    expect(valuesOf({ headers: [header('a', 'x')] }, 'key', 'headers.a', 'fields./a')).toEqual([[0, 'x']])
  })
})

describe('the selectors of a topic', () => {
  it('have numbers, the key one of its own', () => {
    const reader = new RouteReader(['headers.a', 'key', 'fields./b'].map(parseSelector))
    const numbers = ['headers.a', 'key', 'fields./b', 'fields./c'].map((name) =>
      reader.numberOf(parseSelector(name)),
    )
    expect(numbers).toEqual([0, 255, 1, -1])
    expect(new RouteReader([]).numberOf(parseSelector('key'))).toBe(-1)
  })

  it(`are ${SELECTORS_MAX} besides the key at most`, () => {
    const selectors = Array.from({ length: SELECTORS_MAX }, (_, at) => parseSelector(`headers.${at}`))
    expect(() => new RouteReader([...selectors, parseSelector('key')])).not.toThrow()
    expect(() => new RouteReader([...selectors, parseSelector('headers.more')])).toThrow(RangeError)
  })

  it('let a key leave a value, unless they are the key alone', () => {
    expect(new RouteReader([parseSelector('key')]).canLeave).toBe(false)
    expect(new RouteReader([parseSelector('headers.a')]).canLeave).toBe(true)
  })
})
