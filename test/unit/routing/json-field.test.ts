// Which text a field of a JSON value has, for every kind of value, and for values that are not JSON.

import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { fieldTexts, parsePointer } from '../../../src/routing/json-field.ts'
import { WantedFields } from '../../../src/routing/wanted-fields.ts'
import { randomOf } from '../../support/random.mjs'
import { BAD_VALUES, randomPath, randomValue } from './random-json.ts'
import { referenceTexts } from './reference-fields.ts'

const MIB = 2 ** 20

function field(json: string | Uint8Array, pointer: string): string | null {
  const bytes = typeof json === 'string' ? Buffer.from(json) : json
  return fieldTexts(bytes, wanted(pointer))[0] ?? null
}

function wanted(...pointers: string[]): WantedFields {
  return new WantedFields(pointers.map(parsePointer))
}

describe('a JSON Pointer', () => {
  it.each([
    ['/a', ['a']],
    ['/', ['']],
    ['/a~1b/m~0n', ['a/b', 'm~n']],
    ['/~01', ['~1']],
    ['/a/0', ['a', '0']],
  ])('%s is read as RFC 6901 says', (pointer, path) => {
    expect(parsePointer(pointer)).toEqual(path)
  })

  it.each(['', 'a', 'a/b', '/~', '/~2', '#/a'])('%j is refused', (pointer) => {
    expect(() => parsePointer(pointer)).toThrow(SyntaxError)
  })
})

describe('a field', () => {
  it.each([
    ['{"a":"x"}', '/a', 'x'],
    ['{"a":{"b":["x","y"]}}', '/a/b/1', 'y'],
    ['["x"]', '/0', 'x'],
    [' { "a" : "\\u00e9\\n" } ', '/a', 'é\n'],
    ['{"a":7}', '/a', '7'],
    ['{"a":1.0}', '/a', '1.0'],
    ['{"a":-0}', '/a', '-0'],
    ['{"a":1e2}', '/a', '1e2'],
    ['{"a":12345678901234567890}', '/a', '12345678901234567890'],
    ['{"b":{"a":1,"c":["]}\\""]},"a":[null,{"a":true}, 2.50 ]}', '/a/2', '2.50'],
    ['{"a":1,"a":2}', '/a', '2'],
    ['{"a":"x","a":2}', '/a', '2'],
    ['{"a":{"b":1},"a":{"b":3}}', '/a/b', '3'],
    ['{"a":1,"b":"\\\\","a":"\\\\\\"1","a":[ ],"a":9}', '/a', '9'],
    ['{"x\\"":{"a":[[],{},"]",[{"b":1}],\t4.0]}}', '/x"/a/4', '4.0'],
    ['{"\\u0061":5}', '/a', '5'],
    ['{"":{"":6}}', '//', '6'],
    ['{"__proto__":"own"}', '/__proto__', 'own'],
    ['{"a~b/c":"x"}', '/a~0b~1c', 'x'],
  ])('of %s at %s is %j', (json, pointer, text) => {
    expect(field(json, pointer)).toBe(text)
  })

  it.each([
    ['{"a":""}', '/a'],
    ['{"a":null}', '/a'],
    ['{"a":true}', '/a'],
    ['{"a":{}}', '/a'],
    ['{"a":["x"]}', '/a'],
    ['{"a":"x","a":{}}', '/a'],
    ['{}', '/a'],
    ['{}', '/__proto__'],
    ['{}', '/constructor/name'],
    ['["x"]', '/00'],
    ['["x"]', '/-'],
    ['["x"]', '/length'],
    ['"x"', '/0'],
    ['"x"', '/length'],
    ['{"a":"\\ud800"}', '/a'],
    ['{"a":"x"', '/a'],
    ['{"a":"x"} x', '/a'],
    ['{a:"x"}', '/a'],
    ['\ufeff{"a":"x"}', '/a'],
    ['', '/a'],
  ])('of %s at %s is none', (json, pointer) => {
    expect(field(json, pointer)).toBeNull()
  })

  it('of bytes that are not UTF-8 is none', () => {
    expect(field(Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]), '/a')).toBeNull()
  })

  it('of several is read at once, each as often as it is asked for', () => {
    const fields = wanted('/a', '/b', '/c', '/a')
    expect(fieldTexts(Buffer.from('{"a":"x","b":3.0}'), fields)).toEqual(['x', '3.0', null, 'x'])
  })

  it('is not taken from a value that was read before', () => {
    const fields = wanted('/a/b', '/c')
    expect(fieldTexts(Buffer.from('{"a":{"b":"x"},"c":1}'), fields)).toEqual(['x', '1'])
    expect(fieldTexts(Buffer.from('{"a":{} , "d":"where b stood before"}'), fields)).toEqual([null, null])
    expect(fieldTexts(Buffer.from('{"a":{"b":"x"},"c":1'), fields)).toEqual([null, null])
    expect(fieldTexts(Buffer.from('{"c":2}'), fields)).toEqual([null, '2'])
  })

  it('is read although a path leads through it', () => {
    const fields = wanted('/a', '/a/b')
    expect(fieldTexts(Buffer.from('{"a":{"b":"x"}}'), fields)).toEqual([null, 'x'])
    expect(fieldTexts(Buffer.from('{"a":{"b":"x"},"a":"y"}'), fields)).toEqual(['y', null])
    expect(fieldTexts(Buffer.from('{"a":"y","a":{"b":"x"}}'), fields)).toEqual([null, 'x'])
  })

  it('is found beside a depth of 10,000, and at it', () => {
    const deep = `${'{"a":'.repeat(10_000)}1.50${'}'.repeat(10_000)}`
    expect(field(`{"deep":${deep},"b":"x"}`, '/b')).toBe('x')
    expect(field(`{"deep":${deep},"b":2.0}`, '/b')).toBe('2.0')
    expect(field(deep, '/a'.repeat(10_000))).toBe('1.50')
  })

  it.each([
    ['nested lists', '['.repeat(2 * MIB) + ']'.repeat(2 * MIB)],
    ['nested objects', `${'{"":'.repeat(MIB)}1${'}'.repeat(MIB)}`],
    ['empty lists', `[${'[],'.repeat(MIB)}[]]`],
    ['numbers', `[${'1,'.repeat(2 * MIB)}1]`],
    ['members of one name', `{${'"n31":7,'.repeat(MIB / 2)}"n31":8}`],
    ['names with escapes', `{${'"\\u0061":7,'.repeat(MIB / 2)}"b":8}`],
  ])('beside some MiB of %s is read without a document', (_name, hostile) => {
    const names = Array.from({ length: 32 }, (_, at) => `n${at}`)
    const value = Buffer.from(
      `{"hostile":${hostile},${names.map((name) => `"${name}":${name.length}.0`).join()}}`,
    )
    const parse = vi.spyOn(JSON, 'parse')
    onTestFinished(() => parse.mockRestore())
    const fields = wanted(...names.map((name) => `/${name}`), '/hostile/n31', '/hostile/b')
    const texts = fieldTexts(value, fields)
    expect(texts.slice(0, 32)).toEqual(names.map((name) => `${name.length}.0`))
    expect(texts.slice(32)).toEqual([
      hostile.includes('n31') ? '8' : null,
      hostile.includes('"b"') ? '8' : null,
    ])
    expect(parse).not.toHaveBeenCalled()
    expect(fieldTexts(value.subarray(0, -1), fields)).toEqual(texts.map(() => null))
  })

  it.each(BAD_VALUES)('is none if %j is the value, beside it or in it', (bad) => {
    for (const json of [
      bad,
      `{"b":${bad},"a":"x"}`,
      `{"b":[${bad}],"a":"x"}`,
      `["x",${bad}]`,
      `["x",[${bad}]]`,
    ]) {
      expect(() => JSON.parse(json)).toThrow(SyntaxError)
      expect(fieldTexts(Buffer.from(json), wanted('/a', '/0', '/1/0', '/b'))).toEqual([
        null,
        null,
        null,
        null,
      ])
    }
  })

  it('is what JSON.parse finds in any bytes, and none where it finds no JSON', () => {
    const seen = { json: 0, other: 0, texts: 0 }
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = randomOf(seed)
        const value = randomValue(random)
        const paths = Array.from({ length: 3 }, () => randomPath(random))
        const { isJson, texts } = referenceTexts(value, paths)
        expect(JSON.stringify(fieldTexts(value, new WantedFields(paths)))).toBe(JSON.stringify(texts))
        seen[isJson ? 'json' : 'other']++
        seen.texts += texts.filter((text) => text !== null).length
      }),
      { numRuns: 20_000 },
    )
    expect(Math.min(seen.json, seen.other, seen.texts)).toBeGreaterThan(1_000)
  })

  it('is the same as JSON.parse finds, in any spelling of any value', () => {
    const pointer = (path: readonly string[]) =>
      path.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(0, 1, 2), (value, indent) => {
        const json = JSON.stringify(value, null, indent)
        for (const [path, leaf] of leaves(value)) {
          const text = typeof leaf === 'number' ? JSON.stringify(leaf) : leaf
          const wanted = typeof text === 'string' && text !== '' ? text : null
          const isText = typeof leaf === 'string' && /\p{Surrogate}/u.test(leaf)
          expect(field(json, pointer(path))).toBe(isText ? null : wanted)
        }
      }),
    )
  })
})

/** Every value below the root that is no list and no object, with its path. */
function leaves(value: unknown, path: readonly string[] = []): [readonly string[], unknown][] {
  if (typeof value !== 'object' || value === null) return path.length === 0 ? [] : [[path, value]]
  return Object.entries(value).flatMap(([name, inner]) => leaves(inner, [...path, name]))
}
