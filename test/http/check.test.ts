// `kafka-sse check` without a Kafka: what it says of settings, keys and a token, each in a line, and how it ends. The
// last test is the command as a process, which needs `npm run build`.

import { readFileSync } from 'node:fs'
import { createServer as createTcpServer, type Socket } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { CHECK_NAMES } from '../../src/check/checks.ts'
import { check } from '../../src/commands/check.ts'
import { CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import {
  AUDIENCE,
  ISSUER,
  jwksOf,
  keyAs,
  makeKey,
  mintToken,
  nowSeconds,
  startKeyServer,
} from '../support/keys-and-tokens.ts'
import { forThisTest } from '../support/scene.ts'

const KEY = makeKey('ES256')
const ENV = {
  KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1',
  TLS: 'off',
  JWT_ISSUER: ISSUER,
  JWT_AUDIENCE: AUDIENCE,
  JWT_KEYS: jwksOf(KEY),
}
const NEXT = 'the settings name'

interface Told {
  readonly code: number
  readonly lines: readonly string[]
  readonly stderr: string
}

/** The command in this process. Lines without the white space of their columns. */
async function run(args: readonly string[], env: NodeJS.ProcessEnv = ENV, input = ''): Promise<Told> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  stdin.end(input)
  const code = await check([...args], env, { stdin, stdout, stderr, folder: '/nowhere' })
  const lines = String(stdout.read() ?? '')
    .trim()
    .split('\n')
    .map((line) => line.replace(/ {2,}/g, ' '))
  return { code, lines, stderr: String(stderr.read() ?? '') }
}

/** For a test, long enough. */
function* endless(): Generator<string> {
  for (let length = 0; length < 50_000_000; length += 1_000) yield 'e'.repeat(1_000)
}

const tokenOf = (claims: Record<string, unknown>) => mintToken(KEY, { claims })
const ofToken = (token: string, env: NodeJS.ProcessEnv = ENV) =>
  run(['--only', 'token', '--token', token], env)

describe('a token', () => {
  it('that is good is told with the time that is left', async () => {
    const { code, lines } = await ofToken(tokenOf({ exp: nowSeconds() + 90 }))
    expect(lines).toEqual([expect.stringMatching(/^ok token it is good for another (8\d|90) s$/)])
    expect(code).toBe(0)
  })

  it.each<[string, () => string, RegExp]>([
    ['has expired', () => tokenOf({ exp: nowSeconds() - 40 }), /^fail token expired: its exp was 4\d s ago$/],
    [
      'has expired long ago',
      () => tokenOf({ exp: nowSeconds() - 7_200 }),
      /^fail token expired: its exp was 2 h \(720\d s\) ago$/,
    ],
    ['has no exp', () => tokenOf({ exp: undefined }), /exp: it has none$/],
    [
      'is from the future',
      () => tokenOf({ nbf: nowSeconds() + 70 }),
      /nbf: it is (6\d|70) s in the future, and 5 s are tolerated: look at both clocks$/,
    ],
    [
      'was issued in the future',
      () => tokenOf({ iat: nowSeconds() + 30 }),
      /iat: it is (2\d|30) s in the future, and 5 s are tolerated: look at both clocks$/,
    ],
    [
      'is for others',
      () => tokenOf({ aud: ['a', 'b'] }),
      new RegExp(`aud: it is "a", "b", and ${NEXT} "${AUDIENCE}"$`),
    ],
    ['is for no one', () => tokenOf({ aud: undefined }), new RegExp(`aud: it is missing, and ${NEXT}`)],
    [
      'is of another issuer',
      () => tokenOf({ iss: `${ISSUER}/` }),
      new RegExp(`iss is "${ISSUER}/", and ${NEXT} "${ISSUER}"$`),
    ],
    ['is no JWT', () => 'abc', /it is no JWT/],
    [
      'has a key that there is not',
      () => mintToken(keyAs(KEY, { kid: 'old' })),
      /key: no key has the kid "old"; there are "example" ES256$/,
    ],
    [
      'has another algorithm',
      () => mintToken(makeKey('EdDSA')),
      /algorithm: alg is "EdDSA"; the keys are "example" ES256$/,
    ],
    [
      'is signed by another',
      () => mintToken(makeKey('ES256')),
      /signature: the key "example" has not signed it$/,
    ],
    ['is for a sender', () => tokenOf({ cnf: { jkt: 'x' } }), /cnf: the server takes no such token$/],
    [
      'lacks the scope',
      () => tokenOf({ scope: 'a b' }),
      /events needs the scope "proxy:stream", and scope has "a", "b"$/,
    ],
  ])('that %s fails by that check', async (_, token, words) => {
    const text = token()
    const { code, lines } = await ofToken(text)
    expect(lines.at(-1)).toMatch(words)
    expect(lines.at(-1)).toMatch(/^fail token /)
    expect(code).toBe(2)
    if (text.length > 3) expect(lines.join()).not.toContain(text.slice(-20))
  })

  it('that lives too long is told by how much', async () => {
    const token = tokenOf({ iat: nowSeconds(), exp: nowSeconds() + 400 })
    const { lines } = await ofToken(token, { ...ENV, JWT_LIFETIME_MAX_SECONDS: '60' })
    expect(lines).toEqual([
      'fail token lifetime: it lives 5 min (340 s) longer than JWT_LIFETIME_MAX_SECONDS (60 s)',
    ])
  })

  it('that lacks a claim which a stream names is told so, by the option', async () => {
    const streams = [
      { path: '/me', topic: 'a', headers: { user: '{token.sub}' } },
      { path: '/orders/:id', topic: 'a', key: '{params.id}', where: { 'params.id': '{token.orders}' } },
    ]
    const scene = await forThisTest(Promise.resolve(CommandScene.open()))
    const env = { ...ENV, CONFIG_FILE: scene.file('streams.json', JSON.stringify({ streams })) }
    const told = async (claims: Record<string, unknown>) =>
      (await ofToken(tokenOf(claims), env)).lines.slice(1)
    expect(await told({ sub: 'alice', orders: ['7', '8'] })).toEqual([])
    expect(await told({ sub: 'alice', orders: [] })).toEqual([
      'warn token /orders/:id needs the claims of its where["params.id"] "{token.orders}", ' +
        'and the token has no text or number there',
    ])
    expect(await told({ sub: undefined })).toEqual([
      expect.stringMatching(/^fail token \/me needs the claims of its headers\["user"\] "\{token.sub\}"/),
      expect.stringMatching(/^fail token \/orders/),
    ])
  })

  it('is read from standard input, a file or the environment, with or without Bearer', async () => {
    const good = [expect.stringMatching(/^ok token it is good/)]
    const token = tokenOf({})
    const scene = await forThisTest(Promise.resolve(CommandScene.open({ token: `${token}\n` })))
    const only = ['--only', 'token']
    expect((await run([...only, '--token-file', '-'], ENV, `Bearer ${token}\n`)).lines).toEqual(good)
    expect((await run([...only, '--token-file', `${scene.folder}/token`])).lines).toEqual(good)
    expect((await run(only, { ...ENV, KAFKA_SSE_TOKEN: token })).lines).toEqual(good)
  })
})

describe('keys', () => {
  const ofKeys = (keys: string) => run(['--only', 'keys'], { ...ENV, JWT_KEYS: keys })

  it('are named by kid and algorithm, and those that cannot be used with the reason', async () => {
    const bad = { ...makeKey('ES256', 'encrypting').jwk, use: 'enc' }
    const keys = JSON.stringify({ keys: [KEY.jwk, keyAs(makeKey('RS256'), { kid: 'b' }).jwk, bad] })
    expect(await ofKeys(keys)).toEqual({
      code: 1,
      lines: [
        `warn keys of "${ISSUER}": not used: key 3: it is not for signatures (use)`,
        `ok keys of "${ISSUER}", from the settings: "example" ES256, "b" RS256`,
      ],
      stderr: '',
    })
  })

  it('that are fetched without TLS are a warning, and those of this machine are not', async () => {
    const plain = { ...ENV, JWT_ISSUER: 'https://auth.example', JWT_KEYS: 'http://0.0.0.0:1/keys?secret=1' }
    const { lines } = await run(['--only', 'keys'], plain)
    expect(lines).toEqual([
      'warn keys http://0.0.0.0:1/keys is fetched without TLS, so that anyone on the way can replace keys. use https://',
      expect.stringMatching(
        /^fail keys of "https:\/\/auth.example": no key set from .*\. see JWT_KEYS, or auth/,
      ),
    ])
  })

  it('are fetched as the server does it', async () => {
    const server = await forThisTest(startKeyServer(jwksOf(KEY)))
    const { lines } = await ofKeys(`${server.url}?secret=1`)
    expect(lines).toEqual([`ok keys of "${ISSUER}", from ${server.url}: "example" ES256`])
    server.answer((_, response) => response.writeHead(404).end())
    expect(await ofKeys(server.url)).toMatchObject({
      code: 2,
      lines: [
        expect.stringMatching(/^fail keys of .*: no key set from http.* yet: it answers 404\. see JWT_KEYS/),
      ],
    })
  })
})

describe('settings', () => {
  it('that are wrong are told as serve tells them, and what can be told beside them is', async () => {
    const { code, lines } = await run([], { ...ENV, PORT: 'x', KAFKA_TOPC: 'a', JWT_AUDIENCE: '' })
    expect(lines.filter((line) => /^\w+ configuration/.test(line))).toEqual([
      'fail configuration KAFKA_TOPC is not a setting; did you mean KAFKA_TOPIC?',
      'fail configuration PORT takes an integer from 0 to 65535, not "x"',
      expect.stringMatching(/^fail configuration JWT_AUDIENCE is not set/),
    ])
    expect(lines).toContainEqual(
      'fail brokers 127.0.0.1:1 refuses connections: nothing listens there. see KAFKA_BOOTSTRAP_SERVERS',
    )
    expect(lines).toContainEqual('fail topic not looked at, because Kafka does not answer')
    expect(code).toBe(2)
  })

  it('leave a token that is too long unread, also one without an end', async () => {
    const stdin = Readable.from(endless())
    const outputs = { stdout: new PassThrough(), stderr: new PassThrough() }
    const code = await check(['--token-file', '-'], ENV, { ...outputs, stdin, folder: '/nowhere' })
    expect([code, String(outputs.stderr.read())]).toEqual([
      2,
      'kafka-sse: the token has more than 65536 characters\n',
    ])
    expect(stdin.destroyed).toBe(true)
  })

  it.each([
    ['certificate', 'certificate'],
    ['brokers', 'brokers'],
    ['topics', 'topic'],
    ['keys', 'keys'],
    ['token', 'token'],
  ])('that are wrong fail a check of %s alone, which cannot be made', async (name, check) => {
    const words = 'not looked at, because the configuration has problems'
    const line = `fail ${check} ${words}. kafka-sse check --only configuration lists them`
    expect(await run(['--only', name], { KAFKA_SSE_TOKEN: 'abc' })).toMatchObject({ code: 2, lines: [line] })
  })

  it('with an authenticate function leave a token that was given unchecked, and say so', async () => {
    const settings = 'export default { auth: { authenticate: () => null } }'
    const { folder } = await forThisTest(Promise.resolve(CommandScene.open({ 'settings.mjs': settings })))
    const { KAFKA_BOOTSTRAP_SERVERS, TLS } = ENV
    const env = { KAFKA_BOOTSTRAP_SERVERS, TLS, CONFIG_FILE: `${folder}/settings.mjs` }
    const { code, lines } = await run(['--only', 'token', '--token', 'abc'], env)
    expect(lines).toEqual(['warn token not looked at: auth.authenticate of CONFIG_FILE says who asks'])
    expect(code).toBe(1)
  })

  it('that name more brokers than are looked at say so', async () => {
    const KAFKA_BOOTSTRAP_SERVERS = Array.from({ length: 302 }, () => '127.0.0.1:1').join(',')
    const { lines } = await run(['--only', 'brokers'], { ...ENV, KAFKA_BOOTSTRAP_SERVERS })
    expect(lines[0]).toBe('warn brokers 2 more addresses of KAFKA_BOOTSTRAP_SERVERS were not looked at')
  })

  it('are told with the variables of OpenTelemetry, for which a server does not start either', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_TRACES_SAMPLER: 'bogus' }
    const { code, lines } = await run(['--only', 'configuration'], { ...ENV, ...env })
    expect(lines).toEqual([
      expect.stringMatching(/^fail configuration OTEL_TRACES_SAMPLER must be one of always_on, /),
    ])
    expect(code).toBe(2)
  })

  it('that are right are a line with the paths, and --only takes a list', async () => {
    expect(await run(['--only', 'configuration,codecs', '--json'])).toMatchObject({
      code: expect.toBeOneOf([0, 1]),
      lines: expect.arrayContaining([
        JSON.stringify({
          check: 'configuration',
          verdict: 'ok',
          words: 'every setting is valid; streams at /events',
          advice: null,
        }),
      ]),
    })
  })

  it('are told as JSON, a line each, in the shape that the documents say', async () => {
    const { lines } = await run(['--json', '--token', 'abc'])
    const findings = lines.map((line) => JSON.parse(line))
    for (const finding of findings) {
      expect(Object.keys(finding)).toEqual(['check', 'verdict', 'words', 'advice'])
      expect(finding).toEqual({
        check: expect.toBeOneOf([...CHECK_NAMES, 'topic', 'control topic']),
        verdict: expect.toBeOneOf(['ok', 'warn', 'fail']),
        words: expect.any(String),
        advice: expect.toBeOneOf([null, expect.any(String)]),
      })
    }
    expect(new Set(findings.map(({ check }) => check)).size).toBeGreaterThan(5)
  })

  it.each([[[]], [['--json']]])('hold nothing that a terminal obeys: %j', async (more) => {
    const token = tokenOf({ iss: 'https://\u009b2J\u009dother.example' })
    const { lines } = await run(['--only', 'token', '--token', token, ...more])
    expect(lines.join('\n')).toContain('\\u009b2J')
    expect(lines.join('')).not.toMatch(/\p{Cc}/u)
  })

  it('have a row in the documents for each check, and no other', () => {
    const document = readFileSync(new URL('../../docs/troubles.md', import.meta.url), 'utf8')
    const [, table = ''] = /^\| check \| looks at .*\n.*\n((?:\|.*\n)+)/m.exec(document) ?? []
    expect([...table.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name)).toEqual([...CHECK_NAMES])
  })

  it('that are valid but lack the key of sealed ids are a warning', async () => {
    const warning = expect.stringMatching(
      /^warn configuration SECRET_KEY is not set, and streams have sealed ids or tickets, which .* openssl rand/,
    )
    const only = ['--only', 'configuration']
    expect((await run(only, { ...ENV, TICKETS: 'on' })).lines[0]).toEqual(warning)
    const key = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFG'
    expect((await run(only, { ...ENV, TICKETS: 'on', SECRET_KEY: key })).lines).toHaveLength(1)
  })

  it('of librdkafka that there are not are told by librdkafka', async () => {
    const server = createTcpServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const env = {
      KAFKA_BOOTSTRAP_SERVERS: `127.0.0.1:${Object(server.address()).port}`,
      KAFKA_CONFIG_FETCH_MAXX: '3',
    }
    const { lines } = await run(['--only', 'brokers'], { ...ENV, ...env })
    server.close()
    expect(lines).toEqual([
      'fail brokers Kafka: No such configuration property: "fetch.maxx". see KAFKA_CONFIG_*',
    ])
  })

  it('are not quoted where they are secret', async () => {
    const { lines } = await run([], {
      ...ENV,
      KAFKA_CONFIG_SASL_PASSWORD: 'hunter2hunter2',
      SECRET_KEY: 'hunter2',
    })
    expect(lines.join('\n')).not.toContain('hunter2')
  })
})

it.concurrent('a port that is no Kafka’s is told with the reason of librdkafka', async () => {
  // A client that is answered so resets the connection.
  const server = createTcpServer((socket) =>
    socket.on('error', () => socket.destroy()).end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${Object(server.address()).port}`
  const { code, lines } = await run(['--only', 'brokers'], { ...ENV, KAFKA_BOOTSTRAP_SERVERS: address })
  server.close()
  expect(lines[0]).toMatch(new RegExp(`^fail brokers Kafka does not answer: .*${address}`))
  expect(lines[0]).toMatch(
    /\. see KAFKA_CONFIG_SECURITY_PROTOCOL, KAFKA_CONFIG_SASL_\* and KAFKA_CONFIG_SSL_\*$/,
  )
  expect(code).toBe(2)
}, 30_000)

it.concurrent('a broker that accepts connections and says nothing holds the check up for some seconds', async () => {
  const sockets: Socket[] = []
  const server = createTcpServer((socket) => sockets.push(socket.on('error', () => {})))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${Object(server.address()).port}`
  const beganMs = performance.now()
  const { code, lines } = await run(['--only', 'brokers,topics'], {
    ...ENV,
    KAFKA_BOOTSTRAP_SERVERS: address,
  })
  expect(performance.now() - beganMs).toBeLessThan(15_000)
  for (const socket of sockets) socket.destroy()
  server.close()
  expect(lines).toEqual([
    expect.stringMatching(/^fail brokers Kafka does not answer: /),
    'fail topic not looked at, because Kafka does not answer',
  ])
  expect(code).toBe(2)
}, 30_000)

describe('arguments', () => {
  it.each([
    [['--only', 'tken'], '--only "tken" is not a check; did you mean token?'],
    [['--only', 'token'], '--only token needs --token, --token-file or KAFKA_SSE_TOKEN'],
    [['--only', 'url'], '--only url needs --url'],
    [['--token', 'a', '--token-file', 'b'], '--token and --token-file: keep one of them'],
    [['--token-file', '/nowhere'], '--token-file: cannot read /nowhere: there is no such file'],
    [['--token', ' '], 'the token is empty'],
    [['--ca', 'x'], '--ca is for --url'],
    [['--url', 'ftp://x/'], '--url is one of http or https'],
    [['more'], 'see kafka-sse check --help'],
  ])('%j are refused in one line, with 2', async (args, words) => {
    const { code, stderr } = await run(args)
    expect(stderr).toContain(words)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(code).toBe(2)
  })
})

it('is a command that ends by itself, with its code', async () => {
  const scene = await forThisTest(Promise.resolve(CommandScene.open({ 'public.pem': KEY.publicPem })))
  const { code, stdout, stderr } = await scene.run(['check'], SERVE_SETTINGS)
  expect(stderr).toBe('')
  expect(stdout).toMatch(/^ok {3}configuration {2}every setting is valid/)
  expect(stdout).toMatch(/^ok {3}keys {11}of .*, from public\.pem: no kid ES256$/m)
  expect(stdout).toMatch(/^fail brokers /m)
  expect(code).toBe(2)
})
