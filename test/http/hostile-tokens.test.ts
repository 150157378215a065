// Hostile tokens on every request that takes one: the same answers, no status of 500 or more, nothing opened, and no
// fetch to an address that a token names.

import type { ClientHttp2Session } from 'node:http2'
import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import kafkaSse from '../../src/plugin.ts'
import { RedeemedTickets } from '../../src/tickets/redeemed-tickets.ts'
import { SealedTickets } from '../../src/tickets/sealed-tickets.ts'
import { Tickets } from '../../src/tickets/tickets.ts'
import { HttpScene, respond } from '../support/http-scene.ts'
import {
  AUDIENCE,
  exampleClaims,
  ISSUER,
  jwksOf,
  type KeyServer,
  makeKey,
  mintToken,
  nowSeconds,
  startKeyServer,
} from '../support/keys-and-tokens.ts'
import { LogLines } from '../support/printed.ts'
import {
  ATTACKER,
  GOOD_TOKENS,
  type HostileParts,
  SCOPELESS_TOKENS,
  UNACCEPTABLE_TOKENS,
} from './hostile-rows.ts'

const POST = { ':method': 'POST', 'content-type': 'application/x-challenge-response' }
const REQUESTS: Record<string, Record<string, string>> = {
  'GET of a stream': { ':path': '/events' },
  'POST of a renewal': { ...POST, ':path': '/events' },
  'POST for a ticket': { ':method': 'POST', ':path': '/events/ticket' },
}
const BAD_TOKEN = {
  statusCode: 401,
  code: 'FKS_TOKEN_INVALID',
  error: 'Unauthorized',
  message: 'The token is not valid here',
}

const keys = { ec: makeKey('ES256', 'ec'), rsa: makeKey('RS256', 'rsa'), ed: makeKey('EdDSA', 'ed') }
let scene: HttpScene
let trap: KeyServer
let parts: HostileParts
let logoutApp: FastifyInstance
let logoutUrl: string
let client: ClientHttp2Session

beforeAll(async () => {
  trap = await startKeyServer(jwksOf(ATTACKER))
  const sealed = new SealedTickets([Buffer.alloc(32, 7)])
  const tickets = new Tickets({ sealed, redeem: new RedeemedTickets(Date.now).redeem, epochMs: Date.now })
  const keySet = jwksOf(keys.ec, keys.rsa, keys.ed)
  scene = await HttpScene.open({
    tickets,
    auth: { keys: keySet, algorithm: 'RS256' },
  })
  parts = partsWith(exampleClaims, {})
  client = scene.connect()
  logoutApp = fastify({ forceCloseConnections: true, logger: { stream: new LogLines().stream } })
  await logoutApp.register(kafkaSse, {
    kafka: { bootstrapServers: '127.0.0.1:1' },
    auth: { issuer: ISSUER, audience: AUDIENCE, keys: keySet, logoutPath: '/logout' },
    streams: [{ path: '/events', topic: 'events' }],
  })
  logoutUrl = `${await logoutApp.listen({ port: 0, host: '127.0.0.1' })}/logout`
})
afterAll(async () => {
  await logoutApp.close()
  await scene.close()
  await trap.close()
})

/** What rows are made of, for good tokens that say this. */
function partsWith(claims: HostileParts['claims'], header: Record<string, unknown>): HostileParts {
  return {
    ...keys,
    trap: trap.url,
    claims,
    header: (key) => ({ alg: key.algorithm, kid: key.kid, ...header }),
    mint: (key, changes = {}) =>
      mintToken(key, {
        claims: { ...claims(), ...changes.claims },
        header: { ...header, ...changes.header },
      }),
  }
}

async function answerTo(request: Record<string, string>, token: string) {
  const answer = await respond(client, { ...request, authorization: `Bearer ${token}` })
  if (answer.status !== 200) await answer.ended
  else answer.stream.close()
  return answer
}

it('there are more than eighty, and the same keys sign good tokens', async () => {
  const names = [...UNACCEPTABLE_TOKENS, ...SCOPELESS_TOKENS].map(([what]) => what)
  expect(new Set(names).size).toBe(names.length)
  expect(names.length).toBeGreaterThan(80)
  const good = [
    ...Object.values(keys).map((key) => mintToken(key)),
    ...GOOD_TOKENS.map(([, make]) => make(parts)),
  ]
  for (const token of good) expect((await answerTo({ ':path': '/events' }, token)).status).toBe(200)
})

describe.each(Object.entries(REQUESTS))('%s', (_name, request) => {
  it.each(UNACCEPTABLE_TOKENS)('is refused with %s', async (_what, make) => {
    const answer = await answerTo(request, make(parts))
    expect(JSON.parse(answer.text())).toEqual(BAD_TOKEN)
    expect(answer.status).toBe(401)
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="kafka-sse", error="invalid_token"')
  })

  it.each(SCOPELESS_TOKENS)('is refused with %s', async (_what, make) => {
    const answer = await answerTo(request, make(parts))
    expect(JSON.parse(answer.text())).toMatchObject({ statusCode: 403, code: 'FKS_SCOPE_MISSING' })
    expect(answer.status).toBe(403)
  })
})

describe('POST of a logout token', () => {
  /** What makes no bearer token, or is checked of access tokens alone: a logout grants nothing. */
  const FOR_BEARERS =
    /^(typ (application\/)?logout|a logout event|cnf |nbf |aud ours and a number|iat in two|sub half)/
  const ROWS = UNACCEPTABLE_TOKENS.filter(([what]) => !FOR_BEARERS.test(what))
  let lastId = 0
  const logoutParts = () => {
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
    const claims = () => ({ ...exampleClaims(), iat: nowSeconds(), jti: `logout-${++lastId}`, events })
    return partsWith(claims, { typ: 'logout+jwt' })
  }
  const logOut = (token: string) =>
    fetch(logoutUrl, { method: 'POST', body: new URLSearchParams({ logout_token: token }) })

  it.each(GOOD_TOKENS)('is taken with one that is good %s', async (_what, make) => {
    expect((await logOut(make(logoutParts()))).status).toBe(200)
  })

  it.each(ROWS)('is refused with %s', async (_what, make) => {
    const answer = await logOut(make(logoutParts()))
    expect(await answer.json()).toMatchObject({ statusCode: 400, code: 'FKS_LOGOUT_REFUSED' })
    expect(answer.status).toBe(400)
  })
})

it('no address of a token was fetched, and every refusal says in the log which check failed', () => {
  expect(trap.hits()).toBe(0)
  const refused = scene.lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'token refused')
  const count = Object.keys(REQUESTS).length * (UNACCEPTABLE_TOKENS.length + SCOPELESS_TOKENS.length)
  expect(refused).toHaveLength(count)
  expect(refused.every(({ check }) => typeof check === 'string' && check !== '')).toBe(true)
})
