// Hostile tokens on every request that takes one: the same answers, no status of 500 or more, nothing opened, and no
// fetch to an address that a token names.

import type { ClientHttp2Session } from 'node:http2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RedeemedTickets } from '../../src/tickets/redeemed-tickets.ts'
import { SealedTickets } from '../../src/tickets/sealed-tickets.ts'
import { Tickets } from '../../src/tickets/tickets.ts'
import { HttpScene, respond } from '../support/http-scene.ts'
import { jwksOf, type KeyServer, makeKey, mintToken, startKeyServer } from '../support/keys-and-tokens.ts'
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
let client: ClientHttp2Session

beforeAll(async () => {
  trap = await startKeyServer(jwksOf(ATTACKER))
  const sealed = new SealedTickets([Buffer.alloc(32, 7)])
  const tickets = new Tickets({ sealed, redeem: new RedeemedTickets(Date.now).redeem, epochMs: Date.now })
  scene = await HttpScene.open({
    tickets,
    auth: { keys: jwksOf(keys.ec, keys.rsa, keys.ed), algorithm: 'RS256' },
  })
  parts = { ...keys, trap: trap.url }
  client = scene.connect()
})
afterAll(async () => {
  await scene.close()
  await trap.close()
})

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

it('no address of a token was fetched, and every refusal says in the log which check failed', () => {
  expect(trap.hits()).toBe(0)
  const refused = scene.lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'token refused')
  const count = Object.keys(REQUESTS).length * (UNACCEPTABLE_TOKENS.length + SCOPELESS_TOKENS.length)
  expect(refused).toHaveLength(count)
  expect(refused.every(({ check }) => typeof check === 'string' && check !== '')).toBe(true)
})
