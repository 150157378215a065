import { describe, expect, test } from 'vitest'
import { ConfigError, validateOptions } from '../../../src/config/parse.ts'
import type { KafkaSseOptions } from '../../../src/options.ts'

/** The problems of the options with these origins. */
function problems(corsOrigins: string[], cookie: string | null = null): readonly string[] {
  const options: KafkaSseOptions = {
    kafka: { bootstrapServers: 'localhost:9092' },
    auth: { issuer: 'https://id.acme.test/', audience: 'acme', keys: 'https://id.acme.test/keys', cookie },
    streams: [{ path: '/events', topic: 'events' }],
    sse: { corsOrigins },
  }
  try {
    validateOptions(options)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

describe('the origins that pages of other sites have', () => {
  test.each([
    'https://app.acme.test',
    'http://localhost:8080',
    'https://[::1]:8443',
    'https://xn--n-nga1b.test',
    'capacitor://localhost',
    'ionic://localhost',
    'tauri://localhost',
    'app://Obsidian.md',
    'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
    'moz-extension://9a1e8a1c-0000-4000-8000-000000000000',
    'safari-web-extension://E8BEA491-9B80-45DB-8B20-3E586473BD47',
    'null',
    'file://',
    '*',
  ])('%s is one that a browser sends', (origin) => {
    expect(problems([origin])).toEqual([])
  })

  test.each([
    ['a path', 'https://app.acme.test/live', 'https://app.acme.test'],
    ['a slash at its end', 'https://app.acme.test/', 'https://app.acme.test'],
    ["a slash at the end of an app's", 'capacitor://localhost/', 'capacitor://localhost'],
    ['a query', 'https://app.acme.test?a=1', 'https://app.acme.test'],
    ['a fragment', 'https://app.acme.test#a', 'https://app.acme.test'],
    ['capitals in its host', 'https://App.acme.test', 'https://app.acme.test'],
    ['capitals in its scheme', 'HTTPS://app.acme.test', 'https://app.acme.test'],
    ["its scheme's default port", 'https://app.acme.test:443', 'https://app.acme.test'],
    ['the other default port', 'http://app.acme.test:80', 'http://app.acme.test'],
    ['a colon without a port', 'https://app.acme.test:', 'https://app.acme.test'],
    ['letters that are not ASCII', 'https://ünï.test', 'https://xn--n-nga1b.test'],
    ["a socket's scheme", 'wss://app.acme.test', 'https://app.acme.test'],
  ])('one with %s can never match, and the right one is told', (_, origin, sent) => {
    expect(problems(['https://other.test', origin])).toEqual([
      `options.sse.corsOrigins has "${origin}", which no browser sends as an origin: for such a page it is "${sent}"`,
    ])
  })

  test.each(['app.acme.test', 'localhost:3000', 'https://', 'https://a:b:c', 'data:text/html,a', ''])(
    '"%s" is no origin',
    (origin) => {
      expect(problems([origin])).toEqual([
        `options.sse.corsOrigins has "${origin}", which no browser sends as an origin: ` +
          'give scheme, host and port, such as https://app.example.com:8443',
      ])
    },
  )

  test.each(['https://*.acme.test', '*.acme.test', 'https://*', 'https://app.acme.test:*'])(
    'the * within %s can never match',
    (origin) => {
      expect(problems([origin])).toEqual([
        `options.sse.corsOrigins has "${origin}", which no browser sends as an origin: ` +
          '* stands alone, for all origins, and never within one',
      ])
    },
  )

  test('each of several is named, and no password', () => {
    const [first, second, ...others] = problems(['https://A.test', 'https://user:secret@b.test'])
    expect(first).toContain('"https://A.test"')
    expect(second).toContain('"https://b.test"')
    expect(second).not.toContain('secret')
    expect(others).toEqual([])
  })

  test.each(['null', 'file://'])('beside a cookie %s is refused: pages of any author have it', (origin) => {
    expect(problems(['https://app.acme.test', origin], '__Host-token')).toEqual([
      `options.sse.corsOrigins is ${origin} although a cookie holds the token, ` +
        "so that pages of any author could read its visitors' streams; list the origins, or none",
    ])
  })
})
