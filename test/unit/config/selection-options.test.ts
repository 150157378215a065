// The options that narrow a stream: what is accepted, what is an error at start, and what they come to for a topic.

import { describe, expect, it } from 'vitest'
import { ConfigError, validateOptions } from '../../../src/config/parse.ts'
import { selectorsOf } from '../../../src/config/streams/stream-selectors.ts'
import type { KafkaSseOptions, ResolvedStream, StreamOptions } from '../../../src/options.ts'

const PLACE = { path: '/orders/:customer', topic: 'orders' }

/** Options with these streams, as a caller without types may hand them over. */
function optionsOf(streams: readonly object[]): KafkaSseOptions {
  const options = { kafka: { bootstrapServers: 'k:1' }, auth: { issuer: 'https://id.test', audience: 'api' } }
  return { ...options, streams } as KafkaSseOptions
}

function resolved(...streams: object[]): ResolvedStream[] {
  return validateOptions(optionsOf(streams)).streams
}

function problemsOf(...streams: object[]): string[] {
  try {
    resolved(...streams)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map((problem) => problem.replace('options.', ''))
  }
}

/** `count` names of headers, from the `first` on. */
function headers(count: number, first = 0): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`h${first + at}`, 'x']))
}

describe('the options that narrow a stream', () => {
  it('are accepted together, and stay as they are', () => {
    const stream = {
      ...PLACE,
      key: '{params.customer}/{token.org["a.b"]}',
      headers: { user: '{token.sub}', région: 'eu' },
      fields: { '/tenant/~1id': '{token.org.id}', '/': 'x' },
      where: { 'params.customer': '{token.customers}' },
      select: ['key', 'headers.région', 'fields./a/b'],
    }
    expect(resolved(stream)[0]).toMatchObject(stream)
  })

  it.each([
    [{}, 'plain'],
    [{ key: '{params.customer}' }, 'plain'],
    [{ select: ['key'] }, 'plain'],
    [{ key: '{token.sub}' }, 'sealed'],
    [{ where: { 'params.customer': '{token.customers}' } }, 'sealed'],
    [{ key: '{token.sub}', ids: 'plain' }, 'plain'],
    [{ select: ['key'], ids: 'sealed' }, 'sealed'],
    [{ key: '{token.sub}', ids: 'plain', encoding: 'envelope' }, 'plain'],
    [{ key: '{params.customer}', encoding: 'envelope' }, 'plain'],
  ])('%j has ids that are %s', (options, ids) => {
    expect(resolved({ ...PLACE, ...options })[0]?.ids).toBe(ids)
  })

  it.each<[string, object, string]>([
    [
      'no template',
      { key: '{customer}' },
      '.key is no template: {customer} is neither {params.NAME} nor {token.CLAIM}',
    ],
    [
      'a claim whose name has dots',
      { key: '{token.https://example.com/customers}' },
      '.key is no template: {token.https://example.com/customers} names a claim with dots, which stands in brackets: ' +
        '{token["https://example.com/org"].id}',
    ],
    ['an open brace', { key: 'a{' }, '.key is no template: { is neither {params.NAME} nor {token.CLAIM}'],
    ['a closing brace', { headers: { user: 'a}' } }, '.headers.user is no template: } without a {'],
    ['nothing', { key: '' }, '.key takes a template of 1 to 1000 characters, not ""'],
    [
      '1,001 characters',
      { key: 'x'.repeat(1001) },
      `.key takes a template of 1 to 1000 characters, not "${'x'.repeat(60)}…"`,
    ],
    ['a number', { fields: { '/a': 1 } }, '.fields./a takes a template of 1 to 1000 characters, not 1'],
    ['a lone surrogate', { key: 'a\ud800' }, '.key holds a half of a surrogate pair'],
    [
      'a parameter that the path lacks',
      { key: '{params.id}' },
      '.key names {params.id}, which the path does not have as :id',
    ],
    [
      'such a one in where',
      { where: { 'params.id': 'a' } },
      '.where.params.id is not a parameter of the path',
    ],
    [
      'where without params',
      { where: { customer: 'a' } },
      '.where.customer is not params.NAME, a parameter of the path',
    ],
    [
      'a header without a name',
      { headers: { '': 'a' } },
      '.headers. is not a name of a header: 1 to 200 characters',
    ],
    [
      'an empty pointer',
      { fields: { '': 'a' } },
      '.fields. is not a JSON Pointer (RFC 6901) of 1 to 1000 characters, such as /tenant',
    ],
    [
      'a pointer that is none',
      { fields: { tenant: 'a' } },
      '.fields.tenant is not a JSON Pointer (RFC 6901) of 1 to 1000 characters, such as /tenant',
    ],
    [
      'a wrong escape',
      { fields: { '/a~2': 'a' } },
      '.fields./a~2 is not a JSON Pointer (RFC 6901) of 1 to 1000 characters, such as /tenant',
    ],
    [
      '33 headers',
      { headers: headers(33) },
      '.headers takes at most 32 templates by the name of a header, not an object',
    ],
    [
      'an unknown selector',
      { select: ['value'] },
      '.select[0] takes key, headers.NAME or fields./POINTER, not "value"',
    ],
    [
      'a header without a name to choose',
      { select: ['headers.'] },
      '.select[0] takes key, headers.NAME or fields./POINTER, not "headers."',
    ],
    ['a selector twice', { select: ['key', 'key'] }, '.select lists "key" twice'],
    [
      'an empty list',
      { select: [] },
      '.select takes a list of 1 to 33 of key, headers.NAME, fields./POINTER, not an empty list',
    ],
    [
      'ids of a stream of everything',
      { ids: 'sealed' },
      '.ids needs one of key, headers, fields, where, select: other streams have plain ids',
    ],
    [
      'an envelope with sealed ids',
      { key: '{token.sub}', encoding: 'envelope' },
      '.encoding writes the offsets that sealed ids hide. If clients may know them, set ids to plain',
    ],
    [
      'an envelope with ids that are to be sealed',
      { select: ['key'], ids: 'sealed', encoding: 'envelope' },
      '.encoding writes the offsets that sealed ids hide. If clients may know them, set ids to plain',
    ],
    ['other ids', { key: 'a', ids: 'secret' }, '.ids takes one of sealed, plain, not "secret"'],
    ['a misspelt name', { haeders: {} }, '.haeders is not an option; did you mean headers?'],
  ])('%s is an error that names the stream and the option', (_, options, problem) => {
    expect(problemsOf({ path: '/other', topic: 'a' }, { ...PLACE, ...options })).toContain(
      `streams[1]${problem}`,
    )
  })

  it.each<[object, string]>([
    [
      { where: '{token.customers}' },
      'where takes at most 32 templates by params.NAME, not "{token.customers}"',
    ],
    [
      { headers: 'x'.repeat(33) },
      `headers takes at most 32 templates by the name of a header, not "${'x'.repeat(33)}"`,
    ],
    [{ headers: ['{user}'] }, 'headers takes at most 32 templates by the name of a header, not a list'],
  ])('one value in place of an object of templates is one error: %j', (options, problem) => {
    expect(problemsOf({ ...PLACE, ...options })).toEqual([`streams[0].${problem}`])
  })

  it('are checked by the compiler, too', () => {
    const streams: StreamOptions[] = [
      // @ts-expect-error: headers.NAME
      { path: '/a', topic: 'a', select: ['header.region'] },
      // @ts-expect-error: a JSON Pointer
      { path: '/b', topic: 'b', fields: { tenant: '{token.tenant}' } },
      // @ts-expect-error: params.NAME
      { path: '/c/:who', topic: 'c', where: { who: '{token.who}' } },
      // @ts-expect-error: key
      { path: '/d/:who', topic: 'd', keys: '{params.who}' },
    ]
    expect(problemsOf(...streams)).toHaveLength(streams.length)
  })

  it.each([
    ['/:a/:a', 'streams[0].path names the parameter "a" twice'],
    ['/:__proto__', 'streams[0].path names a parameter __proto__'],
  ])('the path %s is an error', (path, problem) => {
    expect(problemsOf({ path, topic: 'a' })).toEqual([problem])
  })

  it.each([
    ['/a/:b', '/a/:c'],
    ['/::a/:a', '/::a/:b'],
    ['/:a-:b', '/:x-:y'],
  ])('the paths %s and %s are one', (one, other) => {
    expect(problemsOf({ path: one, topic: 'a' }, { path: other, topic: 'a' })).toEqual([
      `streams[1].path is taken by another stream: "${other}"`,
    ])
    const others = ['/:a', '/b', '/*', '/:a/b', '/:a(^x)']
    expect(problemsOf(...others.map((path) => ({ path, topic: 'a' })))).toEqual([])
  })

  it('all problems are told at once', () => {
    expect(
      problemsOf({ ...PLACE, key: '{x}', select: ['a'] }, { path: '/b', topic: 'b', key: '{params.b}' }),
    ).toHaveLength(3)
  })
})

describe('the selectors of a topic', () => {
  const names = (streams: readonly ResolvedStream[], at: number) =>
    selectorsOf(streams[at] as ResolvedStream, streams).map(({ name }) => name)

  it('are those of all its streams, in an order that does not depend on theirs', () => {
    const one = { path: '/a', topic: 'orders', headers: { user: '{token.sub}' }, select: ['key'] }
    const other = { path: '/b', topic: 'orders', fields: { '/tenant': 'x' }, select: ['headers.user'] }
    const plain = { path: '/c', topic: 'orders' }
    const all = ['fields./tenant', 'headers.user', 'key']
    for (const streams of [resolved(one, other, plain), resolved(plain, other, one)])
      expect([0, 1, 2].map((at) => names(streams, at))).toEqual([all, all, all])
  })

  it('are none where no stream of the same bus selects', () => {
    const streams = resolved(
      { path: '/a', topic: 'orders', key: '{token.sub}' },
      { path: '/b', topic: 'orders', replay: 'all' },
      { path: '/c', topic: 'orders', encoding: 'base64' },
      { path: '/d', topic: 'audit' },
      { path: '/e', topic: 'orders', replay: 'latest', encoding: 'text' },
    )
    expect([0, 1, 2, 3, 4].map((at) => names(streams, at))).toEqual([['key'], [], [], [], ['key']])
  })

  it('are those of every stream that may have the topic, by its name or by its path', () => {
    const byPath = {
      path: '/t/:topic',
      topic: '{params.topic}',
      topics: ['orders', 'audit'],
      select: ['key'],
    }
    const named = { path: '/a', topic: 'orders', headers: { user: '{token.sub}' } }
    const other = {
      ...byPath,
      path: '/u/:topic',
      topics: ['audit', 'more'],
      fields: { '/x': '1' },
      select: ['key'],
    }
    const otherBus = { path: '/b', topic: 'audit', replay: 'all', headers: { h: '1' } }
    const streams = resolved(byPath, named, other, otherBus)
    const namesFor = (at: number, topic: string) =>
      selectorsOf(streams[at] as ResolvedStream, streams, topic).map(({ name }) => name)
    expect([namesFor(0, 'orders'), names(streams, 1)]).toEqual([
      ['headers.user', 'key'],
      ['headers.user', 'key'],
    ])
    expect([namesFor(0, 'audit'), namesFor(2, 'audit')]).toEqual([
      ['fields./x', 'key'],
      ['fields./x', 'key'],
    ])
    expect([namesFor(2, 'more'), names(streams, 3)]).toEqual([['fields./x', 'key'], ['headers.h']])
  })

  it('are counted for every topic that a path may name', () => {
    const named = { path: '/a', topic: 'orders', headers: headers(32) }
    const byPath = { path: '/t/:topic', topic: '{params.topic}', topics: ['audit', 'orders'] }
    expect(problemsOf(named, byPath)).toEqual([])
    expect(problemsOf(named, { ...byPath, fields: { '/x': '1' } })).toEqual([
      'streams[1] makes 33 headers and fields by which orders is selected; at most 32',
    ])
  })

  it('are 32 besides the key at most, together', () => {
    const half = { path: '/a', topic: 'orders', headers: headers(20) }
    const most = { path: '/b', topic: 'orders', headers: headers(12, 20), select: ['key', 'headers.h0'] }
    const more = { path: '/c', topic: 'orders', fields: { '/x': 'x', '/y': 'y' } }
    expect(problemsOf(half, most)).toEqual([])
    expect(problemsOf(half, most, { ...more, replay: 'all' })).toEqual([])
    expect(problemsOf(half, most, more, { path: '/d', topic: 'orders' })).toEqual([
      'streams[2] makes 34 headers and fields by which orders is selected; at most 32',
    ])
  })
})
