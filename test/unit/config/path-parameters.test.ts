// The parameters of a path, compared with what Fastify's own router gives.

import fc from 'fast-check'
import fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import { bracedPath, pathParameters } from '../../../src/config/streams/path-parameters.ts'

/** The names that a request of this URL has; null if the router refuses the path. */
async function namesByRouter(path: string, url: string): Promise<string[] | null> {
  const app = fastify()
  try {
    app.get(path, async ({ params }) => Object.keys(Object(params)).filter((name) => name !== '*'))
    const answer = await app.inject(url)
    return answer.statusCode === 200 ? answer.json() : null
  } finally {
    await app.close()
  }
}

it.each([
  ['/events', '/events'],
  ['/orders/:customer/items', '/orders/{customer}/items'],
  ['/:a-:b', '/{a}-{b}'],
  ['/at/:hour(^\\d{2})h:minute(^\\d{2})m', '/at/{hour}h{minute}m'],
  ['/a::b/:c', '/a:b/{c}'],
  ['/all/*', '/all/{*}'],
  ['/a{b}/:c', '/a%7Bb%7D/{c}'],
])('%s is %s with braces', (path, braced) => {
  expect(bracedPath(path)).toBe(braced)
})

describe('the parameters of a path', () => {
  it.each([
    ['/events', '/events', []],
    ['/orders/:customer', '/orders/1', ['customer']],
    ['/:a/:b', '/1/2', ['a', 'b']],
    ['/:a-:b', '/1-2', ['a', 'b']],
    ['/at/:hour(^\\d{2})h:minute(^\\d{2})m', '/at/08h15m', ['hour', 'minute']],
    ['/:file(^a\\)b).json', '/a)b.json', ['file']],
    ['/:file(^a\\):b)', '/a):b', ['file']],
    ['/:name.:extension', '/a.b', ['name', 'extension']],
    ['/a::b/:c', '/a:b/1', ['c']],
    ['/all/*', '/all/1/2', []],
  ])('%s', async (path, url, names) => {
    expect(pathParameters(path)).toEqual(names)
    expect(await namesByRouter(path, url)).toEqual(names)
  })

  it('are those of the router, for any segments of names', async () => {
    const name = fc.stringMatching(/^[a-z_][a-zA-Z0-9_]{0,5}$/)
    const segment = fc.oneof(
      fc.record({ text: name.map((given) => `:${given}`), url: fc.constant('1') }),
      fc.record({ text: name.map((given) => `:${given}(^[0-9]+)`), url: fc.constant('23') }),
      fc.record({ text: fc.tuple(name, name).map(([a, b]) => `:${a}-:${b}`), url: fc.constant('1-2') }),
      fc.record({ text: fc.constant('a::b'), url: fc.constant('a:b') }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(segment, { minLength: 1, maxLength: 4 }), async (segments) => {
        const path = `/${segments.map(({ text }) => text).join('/')}`
        const names = pathParameters(path)
        fc.pre(new Set(names).size === names.length)
        const url = `/${segments.map((one) => one.url).join('/')}`
        expect(new Set(await namesByRouter(path, url))).toEqual(new Set(names))
      }),
      { numRuns: 50 },
    )
  })
})
