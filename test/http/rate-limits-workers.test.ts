// Rates of a server of two workers: they hold for the process, at however many connections a client asks.

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:http2'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { mintDemoToken } from '../../src/demo/token.ts'
import { DemoProcess } from '../browser/demo-process.ts'

/** New connections are spread over the workers by the operating system. */
const CONNECTIONS = 16
const REQUESTS = 5
const STREAMS_MAX = 5
const PER_SECOND = 1
let demo: DemoProcess
let ca: string

beforeAll(async () => {
  demo = await DemoProcess.open({
    WORKERS: '2',
    STREAMS_PER_SUBJECT_MAX: `${STREAMS_MAX}`,
    CONNECTS_PER_SECOND_PER_SUBJECT_MAX: `${PER_SECOND}`,
  })
  ca = await readFile(join(demo.folder, 'test-ca.crt'), 'utf8')
}, 120_000)
afterAll(() => demo?.close(), 60_000)

it('a subject has one rate at both', { timeout: 60_000 }, async () => {
  const token = await mintDemoToken({ folder: demo.folder, expiresInSeconds: 600 })
  const startMs = performance.now()
  const codes = (await Promise.all(Array.from({ length: CONNECTIONS }, () => ask(token)))).flat()
  const seconds = (performance.now() - startMs) / 1000
  // What is refused for another reason has counted: the client accepts no stream, or had no place for another then.
  const answers = ['FKS_NOT_ACCEPTABLE', 'FKS_TOO_MANY_REQUESTS']
  expect(new Set([...codes, 'FKS_BUSY'])).toEqual(new Set([...answers, 'FKS_BUSY']))
  const counted = codes.filter((code) => code !== 'FKS_TOO_MANY_REQUESTS').length
  expect(counted).toBeGreaterThanOrEqual(2 * STREAMS_MAX)
  expect(counted).toBeLessThanOrEqual(2 * STREAMS_MAX + PER_SECOND * seconds)
})

/** The codes of some refusals at a connection of its own. */
async function ask(token: string): Promise<string[]> {
  const session = connect(demo.origin, { ca })
  onTestFinished(() => session.destroy())
  await once(session, 'remoteSettings')
  const headers = { ':path': '/events', accept: 'application/json', authorization: `Bearer ${token}` }
  const codes = Array.from({ length: REQUESTS }, async () => {
    const stream = session.request(headers).setEncoding('utf8')
    let body = ''
    for await (const chunk of stream) body += chunk
    return String(JSON.parse(body).code)
  })
  return Promise.all(codes)
}
