// What the status page tells of a real server: refusals by their check, and ends by the hash of their subject, from one
// thread and from workers. `kafka-sse subject` prints the same hash.

import { get } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import type { Status } from '../../src/admin/admin.ts'
import { newSecretKey } from '../../src/config/secret-key.ts'
import { CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { exampleClaims, makeKey, mintToken } from '../support/keys-and-tokens.ts'
import { keepSecret } from '../support/printed.ts'
import { StreamReader } from '../support/stream-reader.ts'
import { eventually } from '../support/time.ts'

const SUBJECT = 'alice@example.com'
const key = makeKey('ES256')
let scene: CommandScene

afterEach(() => scene.close())

function tokenOf(claims: object): string {
  return mintToken(key, { claims: { ...exampleClaims(), sub: SUBJECT, ...claims } })
}

/** The first event of a viewer. */
async function statusAt(port: number): Promise<{ status: Status; text: string }> {
  const reader = new StreamReader()
  const request = get({ port, host: '127.0.0.1', path: '/status/events', agent: false }, (response) => {
    response.on('error', () => {}).on('data', (bytes) => reader.feed(bytes)) // it is cut off below
  })
  await eventually(() => expect(reader.records).not.toEqual([]))
  request.destroy()
  const [text = ''] = reader.records
  return { status: JSON.parse(text), text }
}

describe.each(['1', '2'])('with %s workers', (workers) => {
  it('a refusal and an end are told, and no token and no subject', { timeout: 60_000 }, async () => {
    scene = CommandScene.open({ 'public.pem': key.publicPem })
    const SECRET_KEY = keepSecret(newSecretKey())
    const settings = { ...SERVE_SETTINGS, WORKERS: workers, LOG_STREAM_ENDS: 'off', SECRET_KEY }
    const server = scene.start(['serve'], settings)
    const { port, adminPort } = await server.listening()
    const ask = (token: string, signal?: AbortSignal) =>
      fetch(`http://127.0.0.1:${port}/events?access_token=${token}`, {
        headers: { accept: '*/*' },
        ...(signal && { signal }),
      })
    const expired = tokenOf({ exp: Math.floor(Date.now() / 1_000) - 7 })
    for (let times = 0; times < 3; times++) expect((await ask(expired)).status).toBe(401)
    const leaving = new AbortController()
    const good = tokenOf({})
    expect((await ask(good, leaving.signal)).status).toBe(200)
    await eventually(async () => {
      const { status } = await statusAt(adminPort)
      expect(status.streams.paths).toEqual([{ path: '/events', open: 1, opened: 1 }])
    })
    leaving.abort()
    const { stdout } = await scene.run(['subject', SUBJECT, 'bob'], { SECRET_KEY })
    const [subject, other] = stdout.split('\n')
    expect(other).not.toBe(subject)
    await eventually(async () => {
      const { status, text } = await statusAt(adminPort)
      expect(status.refusals).toMatchObject([
        { path: '/events', code: 'FKS_TOKEN_INVALID', check: 'expired', count: 3 },
      ])
      expect(status.ends).toMatchObject([{ path: '/events', subject, reason: 'client', records: 0 }])
      expect(status.streams.paths).toEqual([{ path: '/events', open: 0, opened: 1 }])
      for (const secret of [SUBJECT, expired, good, 'access_token']) expect(text).not.toContain(secret)
    })
    await server.end('SIGTERM')
  })
})
