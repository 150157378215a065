// A configuration of Zilla becomes a CONFIG_FILE, and each line that does not is named.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the expressions of Zilla are written like this

import { Ajv } from 'ajv'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isMap, isScalar, parse, parseDocument, visit } from 'yaml'
import { configFileSchema } from '../../../src/config/config-file/file-schema.ts'
import { validatePart } from '../../../src/config/parse.ts'
import { type Conversion, convertZilla } from '../../../src/zilla/conversion.ts'
import { makeKey } from '../../support/keys-and-tokens.ts'
import { tutorialZilla, WHOLE_ZILLA } from '../../support/zilla-configurations.ts'

const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(configFileSchema())

/** The command prints nothing if there is no stream. */
function converted(text: string): Conversion {
  const conversion = convertZilla(text)
  const { streams, ...groups } = conversion.config
  const config = streams.length === 0 ? groups : conversion.config
  expect(validate(config), JSON.stringify(validate.errors)).toBe(true)
  return conversion
}

/** The notes as the command prints them. */
function lines({ notes }: Conversion): string[] {
  return notes.map(({ line, words }) => `${line}: ${words}`)
}

/** The text with one piece replaced, which must be there once. */
function changed(text: string, from: string, to: string): string {
  expect(text.split(from), from).toHaveLength(2)
  return text.replace(from, () => to)
}

/** Without the lines of a streams' way that are the same in all these tests. */
function routed(routes: readonly string[], http = '', sse = ''): string {
  return `
bindings:
  tcp: { type: tcp, kind: server, options: { host: 0.0.0.0, port: 7143 }, exit: tls }
  tls: { type: tls, kind: server, exit: http }
  http: { type: http, kind: server, options: { access-control: { policy: cross-origin } }, ${http || 'exit: sse'} }
  sse: { type: sse, kind: server, ${sse || 'exit: topics'} }
  topics:
    type: sse-kafka
    kind: proxy
    routes:
${routes.map((each) => `      - ${each}`).join('\n')}
  cache: { type: kafka, kind: cache_server, options: { bootstrap: [one, two] }, exit: client }
  client: { type: kafka, kind: client, options: { servers: ["kafka:9092"] } }
guards:
  jwt: { type: jwt, options: { issuer: "https://a.example", audience: a } }
  other: { type: jwt, options: { issuer: "https://b.example", audience: b } }
`
}

/** One route, of which the tests change a part. */
function route(parts: Record<string, unknown>): string {
  const whole = {
    when: [{ path: '/a' }],
    guarded: { jwt: ['s'] },
    with: { topic: 'one' },
    exit: 'cache',
    ...parts,
  }
  return JSON.stringify(whole)
}

const TABLE =
  'is read as a table, whose newest record of each key counts: kafka-sse check says whether that fits; for a log set replay to all'
const SEALED = 'its event ids are sealed: set SECRET_KEY, the same on every replica'

describe('the configuration of the tutorial', () => {
  const { jwk } = makeKey('RS256')
  const conversion = converted(tutorialZilla(jwk))

  it('is one stream, with the keys, the challenge, the scope and the origins that Zilla has', () => {
    expect(conversion.config).toEqual({
      auth: {
        issuer: 'https://auth.example.com',
        audience: 'https://api.example.com',
        keys: JSON.stringify({ keys: [jwk] }),
        queryToken: true,
      },
      sse: { challengeSeconds: 10, corsOrigins: ['*'] },
      streams: [{ path: '/events', topic: 'events', scope: 'proxy:stream' }],
    })
    expect(conversion.streamsLeftOut).toBe(0)
  })

  it('has a note for each line that belongs elsewhere, and says what to do', () => {
    expect(lines(conversion)).toEqual([
      '7: vaults.servers.options.keys: set TLS_CERT_FILE=server.crt and TLS_KEY_FILE=server.key, made by: ' +
        'openssl pkcs12 -in tls/localhost.p12 -passin env:KEYSTORE_PASSWORD -nokeys -out server.crt && ' +
        'openssl pkcs12 -in tls/localhost.p12 -passin env:KEYSTORE_PASSWORD -nocerts -nodes -out server.key',
      '65: bindings.requests.routes[1]: files are not served here: let a web server or a proxy serve them',
      `99: bindings.topics.routes[0].with.topic: ${TABLE}`,
      '116: bindings.brokers.options.servers[0]: set KAFKA_BOOTSTRAP_SERVERS to what KAFKA_BOOTSTRAP_SERVER is',
    ])
  })
})

describe('the same configuration', () => {
  const text = tutorialZilla(makeKey('ES256').jwk)
  const same = converted(text)

  it.each([
    ['with the line ends of Windows', text.replaceAll('\n', '\r\n')],
    ['as JSON with tabs', JSON.stringify(parse(text), null, '\t')],
    ['as JSON in one line', JSON.stringify(parse(text))],
  ])('%s is converted to the same', (_, other) => {
    const conversion = converted(other)
    expect(conversion.config).toEqual(same.config)
    const words = (of: Conversion) => of.notes.map((note) => note.words).sort()
    expect(words(conversion)).toEqual(words(same))
  })
})

describe('a configuration with a line of each kind', () => {
  const conversion = converted(WHOLE_ZILLA)

  it('becomes all of our options', () => {
    expect(conversion.config).toEqual({
      kafka: {
        bootstrapServers: 'one.example.com:9094,two.example.com:9094',
        config: {
          'security.protocol': 'sasl_ssl',
          'sasl.mechanisms': 'SCRAM-SHA-512',
          'sasl.username': 'streams',
        },
      },
      auth: {
        issuer: 'https://login.example.com/',
        audience: 'https://api.example.com',
        keys: 'https://login.example.com/.well-known/jwks.json',
        scopeClaim: 'realm_access.roles',
        queryToken: false,
        cookie: '__Host-token',
      },
      sse: { challengeSeconds: 30, corsOrigins: ['https://app.example.com'], corsHeaders: ['x-trace'] },
      streams: [
        {
          path: '/live/orders/:customer',
          topic: 'orders',
          key: '{params.customer}',
          headers: { org: '{token.org.id}' },
          scope: 'orders:read',
        },
        { path: '/live/me', topic: 'notes', headers: { user: '{token.preferred_username}' }, scope: null },
        {
          path: '/live/topics/:topic',
          topic: '{params.topic}',
          topics: ['news', 'prices'],
          scope: 'topics:read',
        },
      ],
    })
  })

  it('names what the environment has to set, and what differs', () => {
    expect(lines(conversion)).toEqual([
      '20: bindings.http: no TLS in front of it: set TLS=off, and let a proxy end TLS',
      '47: bindings.topics.routes[0].when[0].path: a parameter is one segment of the path here, without slashes',
      `47: bindings.topics.routes[0].when[0].path: ${SEALED}`,
      `50: bindings.topics.routes[0].with.topic: ${TABLE}`,
      `53: bindings.topics.routes[1].when[0].path: ${SEALED}`,
      `56: bindings.topics.routes[1].with.topic: ${TABLE}`,
      '59: bindings.topics.routes[2].when[0].path: a parameter is one segment of the path here, without slashes',
      `61: bindings.topics.routes[2].with.topic: ${TABLE}`,
      '75: bindings.client.options.sasl.password: set KAFKA_CONFIG_SASL_PASSWORD to what PASSWORD is',
    ])
  })

  it('names a member that it does not know, in each of its maps', () => {
    const free = /^(vaults|guards|bindings|.*\.(attributes|headers|cookies|query|authorization))$/
    let maps = 0
    visit(parseDocument(WHOLE_ZILLA), {
      Map: (_, map, path) => {
        const names = path.flatMap((node) =>
          'key' in node && isScalar(node.key) ? [String(node.key.value)] : [],
        )
        if (free.test(names.join('.')) || names.includes('guarded')) return
        maps++
        const document = parseDocument(WHOLE_ZILLA)
        const at = map.range?.[0]
        visit(document, {
          Map: (__, same) => void (isMap(same) && same.range?.[0] === at && same.set('surprise', 1)),
        })
        const said = lines(convertZilla(document.toString())).join('\n')
        expect(said, names.join('.')).toContain('surprise')
      },
    })
    expect(maps).toBeGreaterThan(30)
  })
})

describe('a stream that cannot be converted as it is', () => {
  it.each([
    [
      'with several criteria',
      { with: { topic: 'one', filters: [{ key: 'a' }, { key: 'b' }] } },
      'any of several criteria',
    ],
    [
      'with a topic of several parts',
      { when: [{ path: '/{x}' }], with: { topic: 'a-${params.x}' } },
      'a topic is a name here',
    ],
    ['with two scopes', { guarded: { jwt: ['s', 't'] } }, 'one scope here'],
    ['with a scope that depends on the request', { guarded: { jwt: ['${path}'] } }, 'one scope here'],
    ['with two guards', { guarded: { jwt: ['s'], other: ['s'] } }, 'has another (other)'],
    ['with a guard that is not there', { guarded: { none: ['s'] } }, 'has another (none)'],
    [
      'with a key by a parameter that it lacks',
      { with: { topic: 'one', filters: [{ key: '${params.y}' }] } },
      'the parameter y',
    ],
    [
      'with a key by a claim of another guard',
      { with: { topic: 'one', filters: [{ key: "${guarded['other'].identity}" }] } },
      '(other)',
    ],
    [
      'with a key of an expression that we do not know',
      { with: { topic: 'one', filters: [{ key: '${message.key}' }] } },
      'has a brace',
    ],
    ['with a wildcard within its path', { when: [{ path: '/a/*/b' }] }, 'is none that can be written here'],
    ['with a path beside a parameter', { when: [{ path: '/{x}y' }] }, 'is none that can be written here'],
    ['without a topic', { with: {} }, 'names no topic'],
    ['with a topic that Kafka cannot have', { with: { topic: 'a b' } }, 'topic takes'],
    ['with a scope that OAuth cannot have', { guarded: { jwt: ['a b'] } }, 'scope takes'],
  ])('%s is left out, and the others are converted', (_, parts, words) => {
    const sound = route({ when: [{ path: '/sound' }] })
    const conversion = converted(routed([sound, route(parts)]))
    expect(conversion.config.streams).toEqual([{ path: '/sound', topic: 'one', scope: 's' }])
    const said = lines(conversion).filter((line) => line.includes('The stream is left out'))
    expect(said).toHaveLength(1)
    expect(said[0]).toContain(words)
    expect(said[0]).toMatch(/^12: bindings\.topics\.routes\[1\]/)
    expect(conversion.streamsLeftOut).toBe(1)
  })

  it('is one that Zilla never gets to, because an earlier route matches', () => {
    const conversion = converted(routed([route({ when: [{ path: '/{x}' }] }), route({})]))
    expect(conversion.config.streams).toMatchObject([{ path: '/:x' }])
    expect(lines(conversion)).toContainEqual(
      '12: bindings.topics.routes[1].when[0].path: the route of line 11 matches first. The stream is left out',
    )
  })

  it('stands in the way of a later one, although it is left out itself', () => {
    const first = route({ when: [{ path: '/{x}' }], guarded: { jwt: ['s', 't'] } })
    expect(convertZilla(routed([first, route({})])).config.streams).toEqual([])
  })

  it('is one whose topic the path names, of a Kafka whose topics no line names', () => {
    const text = changed(
      routed([route({ when: [{ path: '/{x}' }], with: { topic: '${params.x}' } })]),
      '[one, two]',
      '[]',
    )
    const conversion = convertZilla(text)
    expect(conversion.config.streams).toEqual([])
    expect(lines(conversion).join('\n')).toContain('write the list `topics`')
  })
})

describe('paths of the routes before', () => {
  it.each([
    ['/events', '/{topic}', '/events', 'events'],
    ['/live/*', '/live/one', '/live/one', 'one'],
    ['/live/{topic}', '/live/{topic}', '/live/:topic', '{params.topic}'],
    ['/*', '/a/{topic}', '/a/:topic', '{params.topic}'],
  ])('%s, then %s', (http, own, path, topic) => {
    const text = routed(
      [route({ when: [{ path: own }], with: { topic: topic === 'one' ? 'one' : '${params.topic}' } })],
      `routes: [{ when: [{ headers: { ":path": "${http}" } }], exit: sse }]`,
    )
    expect(converted(text).config.streams).toMatchObject([{ path, topic }])
  })

  it('that no request can have together make no stream and no note', () => {
    const text = routed(
      [route({}), route({ when: [{ path: '/b' }] })],
      'routes: [{ when: [{ headers: { ":path": /b } }], exit: sse }]',
    )
    const conversion = converted(text)
    expect(conversion.config.streams).toMatchObject([{ path: '/b' }])
    expect(conversion.streamsLeftOut).toBe(0)
  })

  it('that make too many combinations leave the stream out, without making them', () => {
    const list = (make: (at: number) => string) => `[${Array.from({ length: 11 }, (_, at) => make(at))}]`
    const http = `routes: [{ when: ${list((at) => `{ headers: { ":path": /${at} } }`)}, exit: sse }]`
    const sse = `routes: [{ when: ${list((at) => `{ path: /${at} }`)}, exit: topics }]`
    const conversion = convertZilla(routed([route({})], http, sse))
    expect(lines(conversion)).toContainEqual(
      '6: bindings.sse.routes[0]: more than 100 combinations of conditions lead to topics. The stream is left out',
    )
  })

  it('guard the stream, too', () => {
    const http = 'routes: [{ guarded: { jwt: [s] }, exit: sse }]'
    const open = JSON.parse(route({}))
    delete open.guarded
    expect(converted(routed([JSON.stringify(open)], http)).config.streams).toMatchObject([{ scope: 's' }])
    expect(convertZilla(routed([route({ guarded: { jwt: ['t'] } })], http)).config.streams).toEqual([])
  })

  it('without a guard mean that Zilla asks for no token: here each stream does', () => {
    const conversion = converted(routed([route({ guarded: {} })]))
    expect(conversion.config.streams).toMatchObject([{ scope: null }])
    expect(lines(conversion).join('\n')).toContain('needs no token in Zilla')
  })
})

describe('what no option has', () => {
  it.each([
    [
      'a header of the request',
      'routes: [{ when: [{ headers: { x-version: "2" } }], exit: sse }]',
      '',
      'a header of the request',
    ],
    ['files', 'routes: [{ exit: files }, { exit: sse }]', '', 'there is no binding files'],
    ['retry', '', 'options: { retry: 2000 }, exit: topics', 'retry is between 1 and 5 s'],
    [
      'requests that are checked',
      '',
      'options: { requests: [] }, exit: topics',
      'bindings.sse.options.requests: is not converted',
    ],
  ])('%s has a note', (_, http, sse, words) => {
    expect(lines(convertZilla(routed([route({})], http, sse))).join('\n')).toContain(words)
  })

  it.each([
    [
      '{ type: tls, kind: server, options: { mutual: required }, exit: http }',
      'no client certificate is asked for',
    ],
    ['{ type: proxy, kind: server, exit: http }', 'the PROXY protocol'],
    ['{ type: mqtt, kind: server, exit: http }', 'mqtt server does not lead to a stream'],
  ])('%s has a note', (binding, words) => {
    const text = changed(routed([route({})]), '{ type: tls, kind: server, exit: http }', binding)
    expect(lines(convertZilla(text)).join('\n')).toContain(words)
  })

  it.each([
    ['{ name: one, value: { model: avro } }', 'values are not validated or converted'],
    ['{ name: one, defaultOffset: live }', 'set replay to none'],
    ['{ name: one, transforms: [] }', 'select by fields'],
  ])('%s of a cache has a note', (topic, words) => {
    const text = changed(routed([route({})]), 'bootstrap: [one, two]', `topics: [${topic}]`)
    expect(lines(convertZilla(text)).join('\n')).toContain(words)
  })

  it('an environment of Zilla is named, and no password is in any output', () => {
    const sasl =
      'authorization: { g: { credentials: { mechanism: plain, username: "${{env.U}}", password: hunter22 } } }'
    const text = changed(routed([route({})]), 'servers: ["kafka:9092"]', `servers: ["\${{env.S}}"], ${sasl}`)
    const conversion = converted(text)
    const said = lines(conversion).join('\n')
    expect(said).toContain('set KAFKA_BOOTSTRAP_SERVERS to what S is')
    expect(said).toContain('set KAFKA_CONFIG_SASL_USERNAME to what U is')
    expect(said).toContain('set KAFKA_CONFIG_SASL_PASSWORD_FILE')
    expect(JSON.stringify(conversion)).not.toContain('hunter22')
    expect(conversion.config.kafka).toEqual({
      config: { 'security.protocol': 'sasl_plaintext', 'sasl.mechanisms': 'PLAIN' },
    })
  })

  it('a private key is left out, and not shown', () => {
    const { privateKey } = makeKey('ES256')
    const jwk = privateKey.export({ format: 'jwk' })
    const conversion = converted(tutorialZilla({ ...jwk, kid: 'example' }))
    expect(lines(conversion).join('\n')).toContain('has the member d, which no public key has')
    expect(JSON.stringify(conversion)).not.toContain(String(jwk.d))
  })

  it('pages of other origins stay out unless Zilla lets them in', () => {
    const text = changed(routed([route({})]), 'options: { access-control: { policy: cross-origin } }, ', '')
    expect(converted(text).config.sse).toEqual({ corsOrigins: [] })
  })
})

describe('a configuration of which parts are replaced by others', () => {
  /** Every place with a value, by the names and indices that lead to it. */
  function placesIn(
    value: unknown,
    path: readonly (string | number)[] = [],
  ): (readonly (string | number)[])[] {
    if (typeof value !== 'object' || value === null) return [path]
    const inner = Object.entries(value).flatMap(([name, each]) =>
      placesIn(each, [...path, Array.isArray(value) ? Number(name) : name]),
    )
    return path.length === 0 ? inner : [path, ...inner]
  }

  const whole = parseDocument(WHOLE_ZILLA)
  const places = placesIn(whole.toJS())
  const texts = [
    '',
    'x',
    '{',
    '${',
    '${params.x}',
    '${{env.X}}',
    '*',
    '/',
    '/a/{b}',
    'tcp',
    'server',
    'topics',
    'constructor',
    '__proto__',
  ]
  const value = fc.oneof(
    fc.constantFrom<unknown>(null, true, 7, -1, [], {}, [[]], [null], [{ when: 1 }], { a: [{}] }),
    fc.constantFrom(...texts),
    fc.constantFrom(...places).map((path) => whole.getIn(path)),
  )

  it('is converted into options that our schema accepts, or is an error with words', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...places), value), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const document = parseDocument(WHOLE_ZILLA)
          for (const [path, replacement] of changes) {
            if (document.hasIn(path)) document.setIn(path, replacement)
          }
          const text = document.toString()
          try {
            const { streams } = converted(text).config
            if (streams.length > 0) validatePart({ streams })
          } catch (error) {
            expect(String(error)).toMatch(/it has no bindings|YamlError/)
          }
        },
      ),
    )
  })
})

describe('what is no configuration of Zilla', () => {
  it.each(['', 'a: 1', '[]', 'bindings: {}', 'bindings: 7'])('%j', (text) => {
    expect(() => convertZilla(text)).toThrow('it has no bindings')
  })

  it.each([
    'bindings: { a: { exit: a } }',
    'bindings: { a: { type: tcp, kind: server, exit: a } }',
    'bindings: [1, {}]',
    'bindings: { a: 7 }',
  ])('but for its names: %s', (text) => {
    try {
      expect(convertZilla(text).config.streams).toEqual([])
    } catch (error) {
      expect(String(error)).toContain('it has no bindings')
    }
  })
})
