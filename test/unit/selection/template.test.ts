// What a template of a stream's options may say, and which texts it grants to a request.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasClaims, paramsOf, parseTemplate, resolveTemplate } from '../../../src/selection/template.ts'

const resolve = (text: string, params: Record<string, unknown>, claims: Record<string, unknown> = {}) =>
  resolveTemplate(parseTemplate(text), { params, claims })

describe('a template', () => {
  it.each([
    ['orders', ['orders']],
    ['{params.customer}', [{ param: 'customer' }]],
    ['c-{params.customer}/{token.sub}', ['c-', { param: 'customer' }, '/', { claim: ['sub'] }]],
    ['{token.org.id}', [{ claim: ['org', 'id'] }]],
    ['{token["https://example.com/org"].id}', [{ claim: ['https://example.com/org', 'id'] }]],
    ['{token.org["a}b"]}', [{ claim: ['org', 'a}b'] }]],
    ['{token["a\\"b"]}', [{ claim: ['a"b'] }]],
    ['', []],
  ])('%j is read in parts', (text, parts) => {
    expect(parseTemplate(text).parts).toEqual(parts)
  })

  it.each([
    '{',
    '}',
    'a}b',
    '{}',
    '{params}',
    '{params.}',
    '{params.a.b}',
    '{param.a}',
    '{token}',
    '{token.}',
    '{token.a.}',
    '{token..a}',
    '{token[a]}',
    '{token["a]}',
    '{token["\\x"]}',
    '{token.a b}',
    '{query.key}',
    '{ params.a }',
    '{params.a',
    '{token.a',
    '{{params.a}}',
  ])('%j is refused with the place in its message', (text) => {
    expect(() => parseTemplate(text)).toThrow(SyntaxError)
  })

  it('tells which parameters it needs, and whether it needs a token', () => {
    const template = parseTemplate('{params.a}-{params.b}-{token.sub}')
    expect(paramsOf(template)).toEqual(['a', 'b'])
    expect([hasClaims(template), hasClaims(parseTemplate('{params.a}'))]).toEqual([true, false])
  })
})

describe('a request', () => {
  it('is granted the text in which every place is filled', () => {
    expect(resolve('{params.c}:{token.org.id}', { c: 'é/☃' }, { org: { id: 7 } })).toEqual(['é/☃:7'])
  })

  it('is granted every element of a list, every combination of several, and each text once', () => {
    const claims = { a: ['1', 2, '1'], b: ['x', 'y'] }
    expect(resolve('{token.a}{token.b}', {}, claims)).toEqual(['1x', '1y', '2x', '2y'])
  })

  it.each([
    ['missing', undefined],
    ['null', null],
    ['empty', ''],
    ['an object', { id: 'a' }],
    ['true', true],
    ['a fraction', 1.5],
    ['2^53', 2 ** 53],
    ['not a number', Number.NaN],
    ['an empty list', []],
    ['a list with an empty text', ['a', '']],
    ['a list with an object', ['a', {}]],
    ['a list with a list', [['a']]],
    ['a list of 1,001', Array.from({ length: 1_001 }, (_, at) => at)],
    ['a lone surrogate', '\ud800'],
  ])('is granted nothing for a claim that is %s', (_, claim) => {
    expect(resolve('{token.c}', {}, { c: claim })).toBeNull()
    expect(resolve('c-{token.c}', {}, { c: claim })).toBeNull()
  })

  it('is granted 1,000 combinations, and nothing for more', () => {
    const list = (length: number) => Array.from({ length }, (_, at) => at)
    expect(resolve('{token.a}-{token.b}', {}, { a: list(40), b: list(25) })).toHaveLength(1_000)
    expect(resolve('{token.a}-{token.b}', {}, { a: list(40), b: list(26) })).toBeNull()
  })

  it('is granted 262,144 characters in all, and nothing for more', () => {
    const list = Array.from({ length: 1_000 }, (_, at) => String(at).padStart(4))
    const a = 'x'.repeat(258)
    expect(resolve('{params.a}{token.list}', { a }, { list })).toHaveLength(1_000)
    expect(resolve('{params.a}{token.list}', { a: `${a}x` }, { list })).toBeNull()
    const characters = 'x'.repeat(262_144)
    expect(resolve('{token.a}', {}, { a: characters })).toEqual([characters])
    expect(resolve('-{token.a}', {}, { a: characters })).toBeNull()
  })

  it.each(['__proto__', 'constructor', 'toString'])('finds no %s that its token does not have', (name) => {
    expect(resolve(`{token.${name}}`, {}, {})).toBeNull()
    expect(resolve(`{token.${name}.name}`, {}, {})).toBeNull()
    expect(resolve(`{params.${name}}`, {}, {})).toBeNull()
    expect(resolve(`{token.${name}}`, {}, JSON.parse(`{"${name}":"own"}`))).toEqual(['own'])
  })

  it('finds no claim within a text or a list', () => {
    expect(resolve('{token.a.length}', {}, { a: 'text' })).toBeNull()
    expect(resolve('{token.a.0}', {}, { a: ['x'] })).toBeNull()
  })

  it('is granted nothing for a template without a text', () => {
    expect(resolve('', {})).toBeNull()
  })

  it('is granted a text that holds the claims character by character', () => {
    const text = fc.string({ unit: 'binary', minLength: 1 }).filter((value) => !/\p{Surrogate}/u.test(value))
    fc.assert(
      fc.property(text, text, (first, second) => {
        expect(resolve('{token.a}{params.b}', { b: second }, { a: first })).toEqual([first + second])
      }),
    )
  })
})
