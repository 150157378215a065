// Paths of Zilla: which of two is narrower, and what Fastify makes of one. Compared with Zilla's own expressions.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { areApart, coversPath, fastifyPath, pathParams } from '../../../src/zilla/paths.ts'

/** What Zilla makes of a path: any characters for `*`, one or more for a name. */
function expressionOf(path: string): RegExp {
  const text = path
    .replaceAll('.', '\\.')
    .replaceAll('*', '[^]*')
    .replace(/\{[a-zA-Z_]+\}/g, '[^]+')
  return new RegExp(`^${text}$`)
}

const piece = fc.constantFrom('/', 'a', 'b', '/a', '/b', '.', '*', '{x}', '{y}')
const path = fc.array(piece, { maxLength: 7 }).map((pieces) => `/${pieces.join('')}`)
const request = fc
  .array(fc.constantFrom('/', 'a', 'b', '.'), { maxLength: 7 })
  .map((pieces) => `/${pieces.join('')}`)

describe('covers', () => {
  it('of a request is what Zilla matches', () => {
    fc.assert(
      fc.property(path, request, (pattern, asked) => {
        expect(coversPath(pattern, asked)).toBe(expressionOf(pattern).test(asked))
      }),
    )
  })

  it('is true of a path of which pieces became wildcards, and of all its requests', () => {
    const text = fc.constantFrom('/', 'a', '/a', '.', 'b/b')
    const part = fc.record({ text, isName: fc.boolean(), wider: fc.constantFrom('', '*', '{x}') })
    fc.assert(
      fc.property(fc.array(part, { maxLength: 7 }), (parts) => {
        const narrow = `/${parts.map((each) => (each.isName ? '{y}' : each.text)).join('')}`
        const wide = `/${parts.map((each) => each.wider || (each.isName ? '{y}' : each.text)).join('')}`
        const asked = `/${parts.map((each) => each.text).join('')}`
        expect(coversPath(wide, narrow)).toBe(true)
        expect(coversPath(narrow, asked)).toBe(true)
        expect(expressionOf(wide).test(asked)).toBe(true)
      }),
    )
  })

  it('takes no longer for many wildcards', () => {
    const many = '/{x}'.repeat(250)
    expect(coversPath(`${many}!`, '/a'.repeat(499))).toBe(false)
  })
})

describe('areApart', () => {
  it('promises that no request has both', () => {
    fc.assert(
      fc.property(path, path, request, (one, other, asked) => {
        fc.pre(areApart(one, other))
        expect(expressionOf(one).test(asked) && expressionOf(other).test(asked)).toBe(false)
      }),
    )
  })
})

describe('pathParams', () => {
  it.each([
    ['/{topic}', '/events', { topic: 'events' }],
    ['/{a}/{b}', '/x/{id}', { a: 'x', b: null }],
    ['/{a}', '/{a}', { a: null }],
    ['/x/*', '/x/y/z', {}],
  ])('%s in %s', (own, narrow, params) => {
    expect(Object.fromEntries(pathParams(own, narrow) ?? [['none', null]])).toEqual(params)
  })

  it.each([
    ['/{a}', '/x/y'],
    ['/a{b}', '/ax'],
  ])('%s in %s can be read in several ways', (own, narrow) => {
    expect(pathParams(own, narrow)).toBeNull()
  })
})

describe('fastifyPath', () => {
  it.each([
    ['/events', '/events'],
    ['/a/{b}', '/a/:b'],
    ['/{a}/{b}.json', '/:a/:b.json'],
    ['/{a}-{b}', '/:a-:b'],
    ['/live/*', '/live/*'],
    ['/a:b', '/a::b'],
    ['/a*', null],
    ['/*/b', null],
    ['/{a}b', null],
    ['/{a}{b}', null],
    ['/{a1}', null],
    ['events', null],
    ['/a?b', null],
    ['/a b', null],
  ])('%s is %s', (zilla, ours) => {
    expect(fastifyPath(zilla)).toBe(ours)
  })
})
