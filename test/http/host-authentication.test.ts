// A host's own `authenticate`: what it answers with, and what its clients get for it, over a real port.

import type { AddressInfo } from 'node:net'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import kafkaSse, { type HostAnswer, type KafkaSseOptions } from '../../src/plugin.ts'
import { LogLines } from '../support/printed.ts'
import { eventually } from '../support/time.ts'

const DEFAULT_STREAM = { path: '/events', topic: 'events' }
let app: FastifyInstance
let log: LogLines
afterEach(() => app.close())

/**
 * An app whose `authenticate` returns what `answer` returns, of any type, because hosts write JavaScript, too.
 */
async function listen(
  answer: (request: FastifyRequest) => unknown,
  stream = DEFAULT_STREAM,
): Promise<string> {
  log = new LogLines()
  // A fetch that was aborted leaves a new connection behind, on which nothing is asked: Node waits 60 s for what may
  // come.
  app = fastify({ forceCloseConnections: true, logger: { level: 'info', stream: log.stream } })
  const options: KafkaSseOptions = {
    kafka: { bootstrapServers: '127.0.0.1:1' },
    auth: { authenticate: async (request) => answer(request) as HostAnswer },
    streams: [stream],
  }
  await app.register(kafkaSse, options)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/events`
}

/** Status and code of the answer; a stream that opened is left at once. */
async function answerOf(url: string): Promise<{ status: number; code?: string; challenge: string | null }> {
  const aborted = new AbortController()
  const response = await fetch(url, { signal: aborted.signal })
  const challenge = response.headers.get('www-authenticate')
  const { status } = response
  if (status !== 200) return { status, code: JSON.parse(await response.text()).code, challenge }
  aborted.abort()
  return { status, challenge }
}

const soon = () => Date.now() + 60_000

describe('a host that authenticates by itself', () => {
  it.each<[string, () => unknown]>([
    ['a subject and an end in epoch ms', () => ({ subject: 'alice', expiresAt: soon() })],
    ['a subject and a date', () => ({ subject: 'alice', expiresAt: new Date(soon()) })],
    ['the former name of the end', () => ({ subject: 'alice', expiresAtMs: soon() })],
  ])('opens a stream for %s', async (_what, answer) => {
    expect((await answerOf(await listen(answer))).status).toBe(200)
  })

  it('grants records by the claims that it answers with, and none without them', async () => {
    const stream = { ...DEFAULT_STREAM, headers: { tenant: '{token.tenants}' } }
    const session = { subject: 'alice', expiresAt: soon() }
    for (const [claims, answer] of [
      [{ tenants: ['a', 'b'] }, { status: 200 }],
      [{ tenants: new Set(['a']) }, { status: 403, code: 'FKS_SELECTION_EMPTY' }],
      [{}, { status: 403, code: 'FKS_SELECTION_EMPTY' }],
      [undefined, { status: 403, code: 'FKS_SELECTION_EMPTY' }],
    ] as const) {
      const url = await listen(() => ({ ...session, ...(claims && { claims }) }), stream)
      expect(await answerOf(url)).toMatchObject(answer)
      if (claims !== undefined) await app.close()
    }
  })

  it('has its stream ended when the session ends', async () => {
    const response = await fetch(
      await listen(() => ({ subject: 'alice', expiresAt: new Date(Date.now() + 1000) })),
    )
    expect(await response.text()).toContain(':end expired\n')
  })

  it.each<[string, unknown, string]>([
    ['no end', { subject: 'alice', scopes: new Set(['proxy:stream']) }, 'expiresAt'],
    [
      'text as its end',
      { subject: 'alice', expiresAtMs: 'tomorrow', scopes: new Set(['proxy:stream']) },
      'expiresAtMs',
    ],
    ['no subject', { expiresAtMs: soon(), scopes: new Set(['proxy:stream']) }, 'subject'],
    ['an empty subject', { subject: '', expiresAtMs: soon(), scopes: new Set(['proxy:stream']) }, 'subject'],
    ['nothing at all', undefined, 'the answer'],
    ['true', true, 'the answer'],
  ])('never opens one for %s: 500, and the log names what is wrong', async (_what, answer, named) => {
    const url = await listen(() => answer)
    expect(await answerOf(url)).toMatchObject({ status: 500, code: 'FKS_SESSION_INVALID' })
    const [line] = await eventually(() => {
      const lines = log.of('authenticate answered with no session')
      expect(lines).toHaveLength(1)
      return lines
    })
    expect(line).toMatchObject({ level: 50, reason: expect.stringMatching(new RegExp(`^${named} `)) })
  })

  it.each<[string, () => unknown]>([
    ['null', () => null],
    ['a session that is over', () => ({ subject: 'alice', expiresAt: Date.now() - 1 })],
  ])('answers 401 for %s', async (_what, answer) => {
    const url = await listen(answer)
    expect(await answerOf(url)).toEqual({
      status: 401,
      code: 'FKS_NOT_AUTHENTICATED',
      challenge: 'Bearer realm="kafka-sse"',
    })
    expect(log.of('session refused')).toHaveLength(1)
  })

  it('answers 403 if the session lacks the stream’s scope', async () => {
    const minimal = { subject: 'alice', expiresAt: soon() }
    const url = await listen(() => minimal, {
      ...DEFAULT_STREAM,
      scope: 'audit:read',
    } as typeof DEFAULT_STREAM)
    expect(await answerOf(url)).toMatchObject({ status: 403, code: 'FKS_SCOPE_MISSING' })
  })

  it('answers what the host throws', async () => {
    const url = await listen(() => {
      throw Object.assign(new Error('not on Sundays'), { statusCode: 418, code: 'HOST_SUNDAY' })
    })
    expect(await answerOf(url)).toMatchObject({ status: 418, code: 'HOST_SUNDAY' })
  })

  it.each([null, undefined, 'no', 7, { statusCode: 401, message: 'no' }])(
    'answers what the host throws as on its own routes, though it is no Error: %j',
    async (thrown) => {
      const url = new URL(
        await listen(() => {
          throw thrown
        }),
      )
      const own = fastify()
      own.get('/events', async () => {
        throw thrown
      })
      const { statusCode, body } = await own.inject('/events')
      expect(statusCode).toBeGreaterThanOrEqual(400)
      const response = await fetch(url)
      expect([response.status, await response.text()]).toEqual([statusCode, body])
      expect(app.kafkaSse.streams.refusals).toEqual({ other: 1 })
    },
  )

  it('lets a stranger renew no stream', async () => {
    const scopes = new Set(['proxy:stream'])
    const url = await listen(({ headers }) =>
      typeof headers['x-user'] === 'string'
        ? {
            subject: headers['x-user'],
            expiresAt: Date.now() + (headers['x-user'] === 'mallory' ? 60_000 : 1500),
          }
        : { expiresAtMs: Date.now() + 60_000, scopes },
    )
    const stream = await fetch(url, { headers: { 'x-user': 'alice' } })
    const renew = (headers: Record<string, string>) =>
      fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/x-challenge-response', ...headers },
      })
    expect((await renew({ 'x-user': 'mallory' })).status).toBe(404)
    expect((await renew({})).status).toBe(500)
    expect(await stream.text()).toContain(':end expired\n')
  })
})
