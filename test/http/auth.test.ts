import { once } from 'node:events'
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import fastifyJwt from '@fastify/jwt'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { kafkaSseAuth } from '../../plugins/auth.ts'
import { logRedaction } from '../../src/http/log-redaction.ts'
import type { AuthOptions } from '../../src/options.ts'
import { EXPIRY_SECONDS_MAX } from '../../src/token/claims.ts'
import type { HostAnswer, Session } from '../../src/token/session.ts'
import {
  AUDIENCE,
  authOptions,
  eventually,
  exampleClaims,
  ISSUER,
  jwksOf,
  KEY_ALGORITHMS,
  keyAs,
  LogLines,
  makeKey,
  mintToken,
  mintUnsigned,
  mintWithPublicKeyAsSecret,
  nowSeconds,
  SCOPE,
  startKeyServer,
  type TestKey,
} from '../support/auth-fixtures.ts'

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

const rsa = makeKey('RS256')
const ec = makeKey('ES256')
const other = makeKey('RS256')
const log = new LogLines()
/** Every token that went over the wire: none may be in the log. */
const sent = new Set<string>()

let app: FastifyInstance
let client: ClientHttp2Session
let sessions: Session[]

function newApp(): FastifyInstance {
  const server = Fastify({
    http2: true,
    forceCloseConnections: true,
    logger: { level: 'trace', stream: log.stream, ...logRedaction },
  })
  // Of the two kinds of server that Fastify's types know, the common one stands for both in the plugins.
  return server as unknown as FastifyInstance
}

function addEvents(scope: FastifyInstance): void {
  scope.get('/events', async (request, reply) => {
    sessions.push(await scope.kafkaSseAuth.authenticate(request, reply, SCOPE))
    return 'in'
  })
}

async function start(options: AuthOptions): Promise<void> {
  await app.register(kafkaSseAuth, options)
  addEvents(app)
  await listen()
}

async function listen(): Promise<void> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  client = connect(`http://127.0.0.1:${portOf()}`)
}

function portOf(): number {
  // An object for every server that listens on a port.
  return (app.server.address() as AddressInfo).port
}

async function get(path: string, token?: string, headers: Record<string, string> = {}): Promise<Answer> {
  if (token !== undefined) sent.add(token)
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const stream = client.request({ ':path': path, ...authorization, ...headers })
  const answered = once(stream, 'response')
  stream.setEncoding('utf8')
  let body = ''
  for await (const chunk of stream) body += chunk
  const [answer] = await answered
  return { status: Number(answer[':status']), headers: answer, body }
}

async function statusOf(token: string): Promise<number> {
  return (await get('/events', token)).status
}

function refusals(): unknown[] {
  return log.of('token refused').map((line) => line.check)
}

beforeEach(() => {
  log.lines.length = 0
  sessions = []
  app = newApp()
})

afterEach(async () => {
  client?.destroy()
  await app.close()
  for (const token of sent) {
    for (const part of token.split('.').slice(1)) if (part.length > 8) expect(log.text()).not.toContain(part)
  }
})

describe('a good token', () => {
  it('becomes a session', async () => {
    await start(authOptions(rsa))
    const exp = nowSeconds() + 30
    const token = mintToken(rsa, { claims: { exp, scope: 'other proxy:stream' } })
    expect(await get('/events', token)).toMatchObject({ status: 200, body: 'in' })
    expect(sessions[0]).toMatchObject({ issuer: ISSUER, subject: 'example', expiresAtMs: exp * 1000 })
    expect(sessions[0]?.scopes).toEqual(new Set(['other', 'proxy:stream']))
    expect(JSON.stringify(sessions)).not.toContain(token.split('.')[2])
  })

  it('needs no iat, typ, sub or kid, and may be 8 KB long', async () => {
    await start(authOptions(rsa))
    const token = mintToken(rsa, {
      header: { kid: undefined },
      claims: { sub: undefined, groups: 'g'.repeat(6_000) },
    })
    expect(token.length).toBeGreaterThan(8_000)
    expect(await statusOf(token)).toBe(200)
    expect(sessions[0]?.subject).toBeNull()
  })

  it('may name its audience and scopes in arrays, and its kid as it likes where a PEM is the only key', async () => {
    await start(authOptions(rsa, { scopeClaim: 'permissions' }))
    const claims = { aud: ['x', AUDIENCE], scope: undefined, permissions: ['a', SCOPE] }
    expect(await statusOf(mintToken(rsa, { claims, header: { kid: 'whatever' } }))).toBe(200)
  })

  it('may come in the query or, where one is named, in a cookie', async () => {
    await start(authOptions(rsa, { cookie: 'session' }))
    const token = mintToken(rsa)
    sent.add(token)
    expect((await get(`/events?access_token=${token}`)).status).toBe(200)
    expect((await get('/events', undefined, { cookie: `session=${token}` })).status).toBe(200)
    expect(
      (await get(`/events?access_token=${token}`, undefined, { authorization: 'Basic dTpw' })).status,
    ).toBe(401)
  })

  it('is taken over HTTP/1.1 after the body was read, too', async () => {
    app = Fastify({ logger: { stream: log.stream, ...logRedaction } })
    await app.register(kafkaSseAuth, authOptions(rsa))
    app.post('/events', async (request, reply) => {
      return (await app.kafkaSseAuth.authenticate(request, reply, SCOPE)).subject
    })
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    const headers = { authorization: `bearer ${mintToken(rsa)}`, 'content-type': 'application/json' }
    const answer = await fetch(`${url}/events`, { method: 'POST', headers, body: '{}' })
    expect(await answer.text()).toBe('example')
  })

  it('is not looked for in the query where that is switched off', async () => {
    await start(authOptions(rsa, { queryToken: false }))
    const token = mintToken(rsa)
    sent.add(token)
    expect((await get(`/events?access_token=${token}`)).status).toBe(401)
  })

  it.each(KEY_ALGORITHMS)('is verified with a key of its kind: %s', async (algorithm) => {
    const key = makeKey(algorithm)
    await start(authOptions(key, { keys: jwksOf(key) }))
    expect(await statusOf(mintToken(key))).toBe(200)
    expect(await statusOf(mintToken({ ...makeKey(algorithm), kid: key.kid }))).toBe(401)
    expect(refusals()).toEqual(['signature'])
  })

  it('is verified with the public half of a private key', async () => {
    await start(authOptions(rsa, { keys: rsa.privatePem }))
    expect(await statusOf(mintToken(rsa))).toBe(200)
  })

  it('expires at the very end of the year 9999 at the latest', async () => {
    await start(authOptions(rsa))
    expect(await statusOf(mintToken(rsa, { claims: { exp: EXPIRY_SECONDS_MAX } }))).toBe(200)
    expect(await statusOf(mintToken(rsa, { claims: { exp: EXPIRY_SECONDS_MAX + 1 } }))).toBe(401)
  })

  it('may disagree with our clock by the tolerance, in both directions', async () => {
    await start(authOptions(rsa, { clockToleranceSeconds: 60 }))
    const now = nowSeconds()
    expect(await statusOf(mintToken(rsa, { claims: { exp: now - 30, nbf: now + 30 } }))).toBe(200)
    expect(await statusOf(mintToken(rsa, { claims: { exp: now - 90 } }))).toBe(401)
    expect(await statusOf(mintToken(rsa, { claims: { nbf: now + 90 } }))).toBe(401)
    expect(refusals()).toEqual(['expired', 'nbf'])
  })
})

const payloadWith = (text: string): string =>
  `${JSON.stringify({ ...exampleClaims(), exp: undefined }).slice(0, -1)},${text}}`

/** [what is bad, the word for the log, the token] */
const BAD_TOKENS: [string, string, () => string][] = [
  ['an exp that has passed', 'expired', () => mintToken(rsa, { claims: { exp: nowSeconds() - 1 } })],
  ['an exp that is now', 'expired', () => mintToken(rsa, { claims: { exp: nowSeconds() } })],
  ['an nbf that is to come', 'nbf', () => mintToken(rsa, { claims: { nbf: nowSeconds() + 60 } })],
  ['a signature by another key', 'signature', () => mintToken(other)],
  ['no signature under RS256', 'signature', () => mintToken(rsa).replace(/[^.]*$/, '')],
  ['another issuer', 'iss', () => mintToken(rsa, { claims: { iss: 'https://other.example.com' } })],
  ['no issuer', 'iss', () => mintToken(rsa, { claims: { iss: undefined } })],
  ['two issuers', 'iss', () => mintToken(rsa, { claims: { iss: [ISSUER] } })],
  ['another audience', 'aud', () => mintToken(rsa, { claims: { aud: 'https://other.example.com' } })],
  ['other audiences', 'aud', () => mintToken(rsa, { claims: { aud: ['a', 'b'] } })],
  ['no audience', 'aud', () => mintToken(rsa, { claims: { aud: undefined } })],
  ['an empty list of audiences', 'aud', () => mintToken(rsa, { claims: { aud: [] } })],
  ['alg none', 'algorithm', mintUnsigned],
  ['alg none in other letters', 'algorithm', () => mintToken(rsa, { header: { alg: 'nOnE' } })],
  ['an HMAC with the public key', 'algorithm', () => mintWithPublicKeyAsSecret(rsa)],
  [
    'an HMAC with the public key, trimmed',
    'algorithm',
    () => mintWithPublicKeyAsSecret(rsa, rsa.publicPem.trim()),
  ],
  [
    "an algorithm of the key's kind that is not its own",
    'algorithm',
    () => mintToken(keyAs(rsa, { algorithm: 'PS256' })),
  ],
  ['a longer digest than the key has', 'algorithm', () => mintToken(keyAs(rsa, { algorithm: 'RS512' }))],
  ['no exp', 'exp', () => mintToken(rsa, { claims: { exp: undefined } })],
  ['exp 1e300', 'exp', () => mintToken(rsa, { payload: payloadWith('"exp":1e300') })],
  ['exp 1e999', 'exp', () => mintToken(rsa, { payload: payloadWith('"exp":1e999') })],
  ['exp in quotes', 'exp', () => mintToken(rsa, { claims: { exp: String(nowSeconds() + 60) } })],
  ['exp in words', 'exp', () => mintToken(rsa, { claims: { exp: '…' } })],
  ['exp null', 'exp', () => mintToken(rsa, { claims: { exp: null } })],
  ['exp in a list', 'exp', () => mintToken(rsa, { claims: { exp: [nowSeconds() + 60] } })],
  ['a negative exp', 'expired', () => mintToken(rsa, { claims: { exp: -1 } })],
  [
    'nbf 1e300',
    'malformed',
    () => mintToken(rsa, { payload: payloadWith(`"exp":${nowSeconds() + 60},"nbf":1e300`) }),
  ],
  ['a subject that is no string', 'sub', () => mintToken(rsa, { claims: { sub: 7 } })],
  ['a critical extension', 'crit', () => mintToken(rsa, { header: { crit: ['x'], x: 1 } })],
  ['an empty crit', 'crit', () => mintToken(rsa, { header: { crit: [] } })],
  ['crit null', 'crit', () => mintToken(rsa, { header: { crit: null } })],
  ['padding', 'spelling', () => `${mintToken(rsa)}==`],
  ['one segment too many', 'spelling', () => `${mintToken(rsa)}.e30`],
  ['a payload that is a list', 'malformed', () => mintToken(rsa, { payload: '[]' })],
  ['a payload that is not JSON', 'malformed', () => mintToken(rsa, { payload: 'not-json-but-secret' })],
  ['nothing in it', 'malformed', () => '..'],
  [
    'a header that is no object',
    'malformed',
    () => mintToken(rsa).replace(/^[^.]+/, Buffer.from('null').toString('base64url')),
  ],
]

describe('a bad token', () => {
  it.each(BAD_TOKENS)('with %s is answered 401, and only the log says: %s', async (_what, check, mint) => {
    await start(authOptions(rsa))
    const answer = await get('/events', mint())
    expect(answer.status).toBe(401)
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="kafka-sse", error="invalid_token"')
    expect(JSON.parse(answer.body)).toEqual({
      statusCode: 401,
      code: 'FKS_TOKEN_INVALID',
      error: 'Unauthorized',
      message: 'The token is not valid here',
    })
    expect(refusals()).toEqual([check])
    expect(sessions).toEqual([])
  })

  it('that is missing is answered 401 without an error attribute', async () => {
    await start(authOptions(rsa))
    const answer = await get('/events')
    expect(answer.status).toBe(401)
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="kafka-sse"')
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'FKS_TOKEN_MISSING' })
    expect(refusals()).toEqual(['missing'])
  })

  it.each([{ scope: undefined }, { scope: 'proxy' }, { scope: [] }, { scope: { 'proxy:stream': true } }])(
    'that lacks the scope is answered 403: %j',
    async (claims) => {
      await start(authOptions(rsa))
      const answer = await get('/events', mintToken(rsa, { claims }))
      expect(answer.status).toBe(403)
      expect(answer.headers['www-authenticate']).toBe(
        'Bearer realm="kafka-sse", error="insufficient_scope", scope="proxy:stream"',
      )
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'FKS_SCOPE_MISSING' })
      expect(refusals()).toEqual(['scope'])
    },
  )
})

describe('keys that change', () => {
  it('are followed at the key set URL, tokens of the old and the new key side by side', async () => {
    const [first, second] = [keyAs(ec, { kid: '1' }), keyAs(rsa, { kid: '2' })]
    const server = await startKeyServer(jwksOf(first))
    await start(authOptions(first, { keys: server.url, algorithm: 'RS256' }))
    expect(await statusOf(mintToken(first))).toBe(200)
    server.answer(jwksOf(first, second))
    expect(await statusOf(mintToken(second))).toBe(200)
    expect(await statusOf(mintToken(first))).toBe(200)
    expect(await statusOf(mintToken({ ...second, privateKey: other.privateKey }))).toBe(401)
    await server.close()
  })

  it('that were never read make 503, since a good token cannot be told from a bad one', async () => {
    const server = await startKeyServer((_request, response) => void response.writeHead(500).end())
    await start(authOptions(rsa, { keys: server.url }))
    const answer = await get('/events', mintToken(rsa))
    expect(answer.status).toBe(503)
    expect(answer.headers['www-authenticate']).toBeUndefined()
    expect(app.kafkaSseAuth.keysReady()).toContain('it answers 500')
    await server.close()
  })
})

describe('a client that has left', () => {
  it('costs no look at its token: requests and their resets in one packet', async () => {
    await start(authOptions(rsa))
    const socket = connectTcp(portOf(), '127.0.0.1')
    await once(socket, 'connect')
    socket.write(rapidReset(100))
    await eventually(() => expect(aborted()).toHaveLength(100))
    expect(refusals()).toEqual([])
    socket.destroy()
  })
})

/** Requests whose handler found that nobody waits for an answer. */
function aborted(): unknown[] {
  return log.lines.filter((line) => line.includes('FKS_REQUEST_ABORTED'))
}

/** The preface, then for each stream a request with a bad token and its reset (RFC 9113 sections 3.4, 6.2, 6.4). */
function rapidReset(streamCount: number): Buffer {
  // HPACK: static entries for GET and http, then literals for :path (4), :authority (1) and authorization (23).
  const headers = Buffer.concat([
    Buffer.from([0x82, 0x86, 0x04, 7]),
    Buffer.from('/events'),
    Buffer.from([0x01, 9]),
    Buffer.from('localhost'),
    Buffer.from([0x0f, 0x08, 12]),
    Buffer.from('Bearer a.b.c'),
  ])
  const frames = [Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0, Buffer.alloc(0))]
  for (let index = 0; index < streamCount; index++) {
    const streamId = 2 * index + 1
    frames.push(frame(1, 0x5, streamId, headers), frame(3, 0, streamId, Buffer.from([0, 0, 0, 8])))
  }
  return Buffer.concat(frames)
}

function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, payload])
}

describe('beside others', () => {
  const own = { secret: 'a-secret-of-the-host-that-is-long-enough' }

  async function expectBothScopes(first: TestKey, second: TestKey): Promise<void> {
    expect((await get('/a/events', mintToken(first))).status).toBe(200)
    expect((await get('/b/events', mintToken(second))).status).toBe(200)
    expect((await get('/b/events', mintToken(first))).status).toBe(401)
    expect((await get('/a/events', mintToken(second))).status).toBe(401)
  }

  async function registerSiblings(): Promise<void> {
    for (const [prefix, key] of [
      ['/a', rsa],
      ['/b', ec],
    ] as const) {
      await app.register(
        async (scope) => {
          await scope.register(kafkaSseAuth, authOptions(key))
          addEvents(scope)
        },
        { prefix },
      )
    }
  }

  function addHostRoute(): void {
    app.get('/host', async (request) => {
      await request.jwtVerify()
      return request.user
    })
  }

  async function expectHostWorks(): Promise<void> {
    const token = app.jwt.sign({ name: 'host' })
    expect(JSON.parse((await get('/host', token)).body)).toMatchObject({ name: 'host' })
    expect((await get('/host', mintWithPublicKeyAsSecret(rsa))).status).toBe(401)
  }

  it('two registrations in sibling scopes each go by their own keys', async () => {
    await registerSiblings()
    await listen()
    await expectBothScopes(rsa, ec)
  })

  it("a host's own plain @fastify/jwt goes on as it was, two sibling scopes and all", async () => {
    await app.register(fastifyJwt, own)
    await registerSiblings()
    addHostRoute()
    await listen()
    await expectBothScopes(rsa, ec)
    await expectHostWorks()
    expect(Object.keys(app.jwt)).not.toContain('kafkaSse')
  })

  it("a host's @fastify/jwt in the very same scope does, too", async () => {
    await app.register(fastifyJwt, own)
    await app.register(kafkaSseAuth, authOptions(rsa))
    addEvents(app)
    addHostRoute()
    await listen()
    expect(await statusOf(mintToken(rsa))).toBe(200)
    await expectHostWorks()
  })

  it("a host's own authentication takes the place of all this, the scope aside", async () => {
    const session: HostAnswer = {
      issuer: 'host',
      subject: 'someone',
      scopes: new Set(['a']),
      expiresAt: Date.now() + 60_000,
    }
    await app.register(kafkaSseAuth, {
      issuer: '',
      audience: '',
      keys: '',
      authenticate: async () => session,
    })
    app.get(
      '/mine',
      async (request, reply) => (await app.kafkaSseAuth.authenticate(request, reply, 'a')).subject,
    )
    addEvents(app)
    await listen()
    expect(await get('/mine')).toMatchObject({ status: 200, body: 'someone' })
    expect((await get('/events')).status).toBe(403)
  })
})

describe('a wall clock that is set', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it.each([
    ['a day forward', 86_400_000],
    ['a day back', -86_400_000],
  ])('%s fetches no keys: their age goes by a clock that nobody sets', async (_what, stepMs) => {
    const keyServer = await startKeyServer(jwksOf(rsa))
    await start(authOptions(rsa, { keys: keyServer.url }))
    expect(await statusOf(mintToken(rsa))).toBe(200)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + stepMs })
    expect(await statusOf(mintToken(rsa))).toBe(200)
    expect(await statusOf(mintToken(rsa, { claims: { exp: nowSeconds() - 1 } }))).toBe(401)
    expect(keyServer.hits()).toBe(1)
    await keyServer.close()
  })
})

describe('the log', () => {
  it('holds no token of a path that does not exist, and the path itself', async () => {
    await start(authOptions(rsa))
    const token = mintToken(rsa)
    sent.add(token)
    for (const path of ['/none?access_token=', '/none?ACCESS%5FTOKEN=', '/none/']) {
      expect((await get(`${path}${token}`)).status).toBe(404)
    }
    expect((await get('/none?access_token=opaque-value&from=latest')).status).toBe(404)
    expect(log.text()).not.toContain('opaque-value')
    expect(log.of('Route GET:/none?access_token=[redacted]&from=latest not found')).toHaveLength(1)
    const urls = log.of('incoming request').map((line) => (line.req as { url: string }).url)
    expect(urls).toContain('/none?access_token=[redacted]&from=latest')
  })
})

describe('settings that cannot be right', () => {
  it.each<[Partial<AuthOptions>, string]>([
    [{ issuer: '' }, 'auth.issuer and auth.audience are required'],
    [{ audience: '' }, 'auth.issuer and auth.audience are required'],
    [{ keys: '' }, 'neither a URL, a file nor PEM text'],
    [{ keys: '/nowhere/keys.pem' }, '/nowhere/keys.pem: it cannot be read (ENOENT)'],
    [{ keys: 'https://user:secret-words@auth.example.com/' }, 'without a user or password'],
    [{ keys: 'MIIB\nsecret-words\n' }, 'neither a URL, a file nor PEM text'],
    [{ algorithm: 'HS256' }, 'auth.algorithm is one of RS256'],
    [{ algorithm: 'none' }, 'auth.algorithm is one of RS256'],
    [{ algorithm: 'ES256' }, 'does not fit its kind'],
    [{ clockToleranceSeconds: -1 }, 'auth.clockToleranceSeconds is a number from 0 to 300'],
    [{ clockToleranceSeconds: 301 }, 'auth.clockToleranceSeconds'],
    [{ jwksTimeoutMs: 0 }, 'auth.jwksTimeoutMs'],
    [{ jwksCooldownMs: Number.NaN }, 'auth.jwksCooldownMs'],
  ])('stop the start: %o', async (changes, words) => {
    const error = await app.register(kafkaSseAuth, authOptions(rsa, changes)).then(
      () => null,
      (reason: Error) => reason,
    )
    expect(error?.message).toContain(words)
    expect(error?.message).not.toContain('secret-words')
    app = newApp()
  })
})
