// HEAD of what a server has besides streams (RFC 9110 section 9.3.2): the head of GET’s answer, and no body. Needs
// `npm run build`.

import { describe, expect, it, onTestFinished } from 'vitest'
import { buildAdminApp } from '../../src/app/admin-app.ts'
import { buildWebApp } from '../../src/app/web-app.ts'
import { parseEnvironment } from '../../src/config/parse.ts'
import { AdminParts } from '../support/admin-parts.ts'
import { AUDIENCE, ISSUER, makeKey } from '../support/keys-and-tokens.ts'

const options = await parseEnvironment({
  KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1',
  JWT_ISSUER: ISSUER,
  JWT_AUDIENCE: AUDIENCE,
  JWT_KEYS: makeKey('ES256').publicPem,
  TLS: 'off',
  PAGE: 'on',
  LOG_LEVEL: 'silent',
})
const BUILDERS = {
  web: () => buildWebApp(options, async () => {}),
  admin: () => buildAdminApp(options, new AdminParts()),
}

describe('HEAD', () => {
  it.each([
    ['web', '/', 302],
    ['web', '/index.html', 200],
    ['web', '/client.js', 200],
    ['web', '/client/index.js', 200],
    ['web', '/nothing', 404],
    ['admin', '/health/live', 200],
    ['admin', '/metrics', 200],
    ['admin', '/status', 200],
    ['admin', '/status/status.js', 200],
  ] as const)('of the %s app’s %s is %i', async (name, url, status) => {
    const app = await BUILDERS[name]()
    onTestFinished(() => app.close())
    const head = await app.inject({ method: 'HEAD', url })
    expect([head.statusCode, head.body]).toEqual([status, ''])
    const got = await app.inject(url)
    expect([got.statusCode, got.headers['content-type']]).toEqual([status, head.headers['content-type']])
  })
})
