// The plugin’s options: defaults, problems, suggestions, and docs/configuration.md.

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { tokenLifetimes } from '../../../src/config/auth/token-lifetimes.ts'
import { VARIABLES } from '../../../src/config/known-variables.ts'
import { ConfigError, validateOptions } from '../../../src/config/parse.ts'
import { nearestName } from '../../../src/config/suggestion.ts'
import type { IssuerOptions, KafkaSseOptions } from '../../../src/options.ts'
import { settingRows } from './config-table.ts'

const OPTIONS: KafkaSseOptions = {
  kafka: { bootstrapServers: 'kafka:9092' },
  auth: { issuer: 'https://id.acme.test', audience: 'api' },
  streams: [{ path: '/events', topic: 'events' }],
}

function problemsOf(options: unknown): readonly string[] {
  try {
    // What a caller without types may hand over.
    validateOptions(options as KafkaSseOptions)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  throw new Error('nothing was wrong')
}

describe('the plugin’s options', () => {
  test('come back with every default, and stay as they were themselves', () => {
    const given = structuredClone(OPTIONS)
    const resolved = validateOptions(given)
    expect(given).toEqual(OPTIONS)
    expect(resolved.sse.heartbeatSeconds).toBe(9)
    expect(resolved.streams[0]).toEqual({
      path: '/events',
      topic: 'events',
      scope: 'proxy:stream',
      encoding: 'text',
      replay: 'latest',
      ids: 'plain',
    })
    expect(resolved.auth.issuers[0]?.keys).toBe('https://id.acme.test/.well-known/openid-configuration')
  })

  test('a cookie leaves no origin unless some are listed, and is refused with *', () => {
    const withCookie = (sse?: object) => ({
      ...OPTIONS,
      auth: { ...OPTIONS.auth, cookie: '__Host-token' },
      ...(sse && { sse }),
    })
    const listed = { corsOrigins: ['https://app.acme.test'] }
    expect(validateOptions(withCookie()).sse.corsOrigins).toEqual([])
    expect(validateOptions(withCookie({})).sse.corsOrigins).toEqual([])
    expect(validateOptions(withCookie(listed)).sse.corsOrigins).toEqual(listed.corsOrigins)
    const problems = problemsOf(withCookie({ corsOrigins: ['https://app.acme.test', '*'] }))
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(/^options\.sse\.corsOrigins is \* although a cookie holds the token/)
  })

  test('tickets need a path below that of the stream', () => {
    const withPaths = (...paths: string[]) => ({
      ...OPTIONS,
      streams: paths.map((path) => ({ path, topic: 'events' })),
      sse: { tickets: true },
    })
    expect(validateOptions(withPaths('/events', '/orders/:customer', '/')).sse.tickets).toBe(true)
    for (const path of ['/all/*', '/*']) {
      expect(problemsOf(withPaths('/a', path))).toEqual([
        'options.streams[1].path ends with *, so that no path can be below it for its tickets',
      ])
    }
    expect(problemsOf(withPaths('/:a', '/:b/ticket'))).toEqual([
      'options.streams[0].path has its tickets at the path of another stream: "/:b/ticket"',
    ])
  })

  test('two apps share no default', () => {
    validateOptions(OPTIONS).sse.corsOrigins.push('https://evil.test')
    expect(validateOptions(OPTIONS).sse.corsOrigins).toEqual(['*'])
  })

  test('every fault is named by its place', () => {
    expect(
      problemsOf({
        kafka: { bootstrapServer: 'kafka:9092', config: { 'Client.ID': 'x', 'sasl.password': {} } },
        auth: { issuer: 'acme', clockToleranceSeconds: 301, authenticat: 1 },
        streams: [
          { path: '/a', topic: 'a' },
          { path: '/a', topic: 'b', encoding: 'utf8' },
        ],
        sse: { heartbeatSeconds: '9' },
        stream: [],
      }),
    ).toEqual([
      'options.stream is not an option; did you mean streams?',
      expect.stringContaining('options.kafka.bootstrapServers is missing: '),
      'options.kafka.bootstrapServer is not an option; did you mean bootstrapServers?',
      'options.kafka.config.Client.ID is not a name of a librdkafka property',
      expect.stringMatching(/^options\.kafka\.config\.sasl\.password takes /),
      'options.auth.authenticat is not an option; did you mean authenticate?',
      'options.auth.clockToleranceSeconds takes a number from 0 to 300, not 301',
      'options.streams[1].encoding takes one of text, base64, envelope, not "utf8"',
      'options.sse.heartbeatSeconds takes a number from 0.1 to 300, not "9"',
      expect.stringContaining('options.auth.audience is missing: '),
      'options.auth.keys is missing: the issuer is no address with https:// or http:// and without a password, ' +
        'so no discovery document can name them',
      'options.streams[1].path is taken by another stream: "/a"',
    ])
  })

  test('what another client of Kafka takes beside its brokers is told where it belongs', () => {
    const kafka = { bootstrapServers: 'k:1', sasl: { username: 'u', password: 'hunter2' } }
    expect(problemsOf({ ...OPTIONS, kafka })).toEqual([
      'options.kafka.sasl is not an option; properties of librdkafka, such as sasl.username, are for config',
    ])
  })

  test('no credential is quoted, no matter what is wrong with it', () => {
    const problems = problemsOf({
      ...OPTIONS,
      kafka: { bootstrapServers: 'k:1', config: 'sasl.password=hunter2' },
      auth: { ...OPTIONS.auth, keys: 20_250_101 },
    })
    expect(problems).toEqual([
      'options.kafka.config takes librdkafka properties, each a string, a number or a boolean',
      'options.auth.keys takes a URL, a path or PEM text',
    ])
  })

  test('the password of an address is not quoted, wherever it is written', () => {
    const bootstrapServers = 'k1:9092, kafka://app:hunter2@k2:9092,app:hun@ter2@k3'
    expect(problemsOf({ ...OPTIONS, kafka: { bootstrapServers } })).toEqual([
      'options.kafka.bootstrapServers takes host:port, several separated by commas, not "k1:9092, …@k2:9092,…@k3"',
    ])
    const long = `app:${'hunter2'.repeat(20)}@k`
    expect(problemsOf({ ...OPTIONS, kafka: { bootstrapServers: long } })[0]).toContain('not "…@k"')
    expect(problemsOf({ ...OPTIONS, auth: 'me@example.com' })[0]).toContain('not "me@example.com"')
  })

  test('nothing at all is told as that', () => {
    expect(problemsOf({})).toEqual([
      'options.kafka is missing: an object with bootstrapServers',
      'options.auth is missing: an object with issuer and audience, or with authenticate',
      'options.streams is missing: a list of 1 to 100 streams',
    ])
    expect(problemsOf({ ...OPTIONS, auth: 'x' })).toEqual([
      'options.auth takes an object with issuer and audience, or with authenticate, not "x"',
    ])
    expect(problemsOf({ ...OPTIONS, streams: [] })).toEqual([
      'options.streams takes a list of 1 to 100 streams, not an empty list',
    ])
  })

  test('an option beside its group is told where it belongs', () => {
    expect(problemsOf({ ...OPTIONS, secretKey: 'x', bootstrapServers: 'k:1', __proto__x: 1 })).toEqual([
      'options.secretKey is not an option; did you mean sse.secretKey?',
      'options.bootstrapServers is not an option; did you mean kafka.bootstrapServers?',
      'options.__proto__x is not an option',
    ])
  })

  test('with the host’s own authentication, issuer and audience are needless', () => {
    const authenticate = async () => {
      throw new Error('never called')
    }
    const { auth } = validateOptions({ ...OPTIONS, auth: { authenticate } })
    expect(auth).toMatchObject({ authenticate, issuers: [] })
    expect(problemsOf({ ...OPTIONS, auth: { authenticate: 'yes' } })[0]).toContain(
      'options.auth.authenticate takes a function',
    )
  })

  describe('a control topic', () => {
    const secretKey = Buffer.alloc(32).toString('base64url')
    const withTopic = (controlTopic: string, key: string | null = secretKey) => ({
      ...OPTIONS,
      kafka: { ...OPTIONS.kafka, controlTopic },
      sse: { secretKey: key },
    })

    test('needs a secret key', () => {
      expect(() => validateOptions(withTopic('control'))).not.toThrow()
      expect(problemsOf(withTopic('control', null))).toEqual([
        'options.sse.secretKey is missing: a control topic needs it, the same on every replica ' +
          "(openssl rand -base64 32 | tr '+/' '-_')",
      ])
    })

    test('is no topic of a stream, by name or by path', () => {
      const words = 'options.kafka.controlTopic is the topic of a stream, too'
      expect(problemsOf(withTopic('events')).join()).toContain(words)
      const stream = { path: '/topics/:topic', topic: '{params.topic}', topics: ['audit', 'control'] }
      expect(problemsOf({ ...withTopic('control'), streams: [stream] }).join()).toContain(words)
    })

    test.each(['', 'a b', 'a'.repeat(250), '{params.topic}'])('is not named %j', (name) => {
      expect(problemsOf(withTopic(name)).join()).toMatch(/options.kafka.controlTopic takes a topic's name/)
    })

    test('bounds the life of tokens, unless another bound is set', () => {
      const lifetimes = (options: KafkaSseOptions) =>
        validateOptions(options).auth.issuers.map(({ lifetimeSecondsMax }) => lifetimeSecondsMax)
      expect(lifetimes(OPTIONS)).toEqual([null])
      expect(lifetimes(withTopic('control'))).toEqual([86_400])
      const auth = { ...OPTIONS.auth, lifetimeSecondsMax: 900_000 }
      expect(lifetimes({ ...withTopic('control'), auth })).toEqual([900_000])
      const withLogout = (more: object) => ({
        ...OPTIONS,
        auth: { ...OPTIONS.auth, logoutPath: '/out', ...more },
      })
      expect(lifetimes(withLogout({}))).toEqual([86_400])
      expect(lifetimes(withLogout({ lifetimeSecondsMax: 900_000 }))).toEqual([900_000])
    })

    test('asks for iat where another bound of the life is set', () => {
      const required = (options: KafkaSseOptions) =>
        validateOptions(options).auth.issuers.map(({ isIatRequired }) => isIatRequired)
      const auth = { ...OPTIONS.auth, lifetimeSecondsMax: 900 }
      expect(required({ ...OPTIONS, auth })).toEqual([false])
      expect(required(withTopic('control'))).toEqual([false])
      expect(required({ ...withTopic('control'), auth })).toEqual([true])
      const [one, other] = ['https://a.example', 'https://b.example'].map((issuer) => ({
        issuer,
        audiences: ['a'],
      }))
      const issuers = [one, { ...other, lifetimeSecondsMax: 900 }] as IssuerOptions[]
      expect(required({ ...withTopic('control'), auth: { issuers } })).toEqual([false, true])
    })

    test("bounds the life of a host's sessions in the same way", () => {
      const lifetimes = (options: KafkaSseOptions, more: object = {}) =>
        tokenLifetimes(validateOptions({ ...options, auth: { authenticate: () => null, ...more } }))
      expect(lifetimes(OPTIONS)).toBe(Number.POSITIVE_INFINITY)
      expect(lifetimes(OPTIONS, { lifetimeSecondsMax: 900 })).toBe(900_000)
      expect(lifetimes(withTopic('control'))).toBe(86_400_000)
      expect(lifetimes(withTopic('control'), { lifetimeSecondsMax: 900_000 })).toBe(900_000_000)
    })
  })

  test('a path may name one of the listed topics', () => {
    const stream = { path: '/topics/:topic', topic: '{params.topic}', topics: ['events', 'audit'] }
    expect(validateOptions({ ...OPTIONS, streams: [stream] }).streams[0]).toMatchObject(stream)
    const many = Array.from({ length: 1000 }, (_, n) => `t${n}`)
    expect(validateOptions({ ...OPTIONS, streams: [{ ...stream, topics: many }] }).streams).toHaveLength(1)
  })

  test.each([
    [{ topics: undefined }, 'topics is missing: a list of 1 to 1000 names of topics, each once'],
    [{ topics: [] }, 'topics takes a list of 1 to 1000 names of topics, each once, not an empty list'],
    [
      { topics: Array.from({ length: 1001 }, (_, n) => `t${n}`) },
      'topics takes a list of 1 to 1000 names of topics, each once, not a list',
    ],
    [{ topics: ['a', 'a'] }, 'topics takes a list of 1 to 1000 names of topics, each once, not a list'],
    [{ topics: ['a', 'b*'] }, 'topics[1] takes a topic\'s name, not "b*"'],
    [{ path: '/topics/:name' }, 'topic names {params.topic}, which the path does not have as :topic'],
    [{ path: '/topics/*' }, 'topic names {params.topic}, which the path does not have as :topic'],
    [{ topic: 'events' }, 'topics needs a topic of {params.NAME}, which names one of them'],
    [
      { topic: 'x-{params.topic}' },
      "topic takes a topic's name: letters, digits, dots, underscores and hyphens, 249 at most; or " +
        '{params.NAME} alone, not "x-{params.topic}"',
    ],
    [
      { topic: '{token.topic}' },
      "topic takes a topic's name: letters, digits, dots, underscores and hyphens, 249 at most; or " +
        '{params.NAME} alone, not "{token.topic}"',
    ],
  ])('of a path that names its topic: %j', (changes, problem) => {
    const stream = { path: '/topics/:topic', topic: '{params.topic}', topics: ['events'], ...changes }
    const given = Object.fromEntries(Object.entries(stream).filter(([, value]) => value !== undefined))
    expect(problemsOf({ ...OPTIONS, streams: [given] })[0]).toBe(`options.streams[0].${problem}`)
  })

  test('what Fastify’s register reads for itself is passed over', () => {
    expect(validateOptions({ ...OPTIONS, prefix: '/live' } as KafkaSseOptions)).not.toHaveProperty('prefix')
  })

  test('any value gives options or a ConfigError', () => {
    const options = fc.record({
      kafka: fc.anything(),
      auth: fc.anything(),
      streams: fc.anything(),
      sse: fc.anything(),
    })
    fc.assert(
      fc.property(options, (given) => {
        expect(() => problemsOf(given)).not.toThrow()
      }),
    )
  })
})

describe('suggestions', () => {
  test.each([
    ['KAFKA_TOPC', 'KAFKA_TOPIC'],
    ['KAFKA_BOOTSTRAP_SERVER', 'KAFKA_BOOTSTRAP_SERVERS'],
    ['JWT_ISSUSER', 'JWT_ISSUER'],
    ['TLS_KYE_FILE', 'TLS_KEY_FILE'],
    ['WORKER', 'WORKERS'],
    ['TASKS', null],
  ])('%s: %s', (name, meant) => {
    expect(nearestName(name, VARIABLES.keys())).toBe(meant)
  })
})

describe('docs/configuration.md', () => {
  const doc = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8')
  const told = doc.split('\n').filter((line) => /^\| (`|\s)/.test(line))

  test('has a row for every setting of the schema, word by word', () => {
    for (const { option, cells } of settingRows()) expect(told, option).toContain(cells)
  })

  test('has no row that is not in the schema', () => {
    expect(new Set(told)).toEqual(new Set(settingRows().map(({ cells }) => cells)))
  })

  test('every variable has a description, and its unit in its name where it is a number', () => {
    for (const { name, setting } of VARIABLES.values()) {
      expect(setting.description, name).not.toBe('')
      if (setting.type === 'integer' || setting.type === 'number')
        expect(name).toMatch(/_(SECONDS|MS|MAX|PORT)$|^(PORT|WORKERS)$/)
    }
  })
})
