// Tickets of a server of two workers: each opens one stream of the process, over all of their connections.

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:http2'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { mintDemoToken } from '../../src/demo/token.ts'
import { DemoProcess } from '../browser/demo-process.ts'

const TICKETS = 30
/** At new connections, which the operating system spreads over the workers. */
const ATTEMPTS = 6

describe('a server of two workers', () => {
  let demo: DemoProcess
  let ca: string

  beforeAll(async () => {
    demo = await DemoProcess.open({ TICKETS: 'on', WORKERS: '2' })
    ca = await readFile(join(demo.folder, 'test-ca.crt'), 'utf8')
  }, 120_000)
  afterAll(() => demo?.close(), 60_000)

  async function open() {
    const session = connect(demo.origin, { ca })
    onTestFinished(() => session.destroy())
    await once(session, 'remoteSettings')
    return session
  }
  type Connection = Awaited<ReturnType<typeof open>>

  async function ticketFrom(connection: Connection, token: string): Promise<string> {
    const headers = { ':method': 'POST', ':path': '/events/ticket', authorization: `Bearer ${token}` }
    const stream = connection.request(headers).setEncoding('utf8').end()
    let body = ''
    for await (const chunk of stream) body += chunk
    return JSON.parse(body).ticket
  }

  async function statusAt(connection: Connection, ticket: string): Promise<number> {
    const stream = connection.request({ ':path': `/events?ticket=${ticket}` })
    const [headers] = await once(stream, 'response')
    return Number(headers[':status'])
  }

  it('opens one stream for each ticket, at however many connections it is used at once', async () => {
    const token = await mintDemoToken({ folder: demo.folder, expiresInSeconds: 600 })
    const connections = await Promise.all(Array.from({ length: ATTEMPTS }, open))
    const [first] = connections
    if (first === undefined) throw new Error('there is no connection')
    for (let n = 0; n < TICKETS; n++) {
      const ticket = await ticketFrom(first, token)
      const statuses = await Promise.all(connections.map((connection) => statusAt(connection, ticket)))
      expect(statuses.sort()).toEqual([200, ...Array(ATTEMPTS - 1).fill(401)])
    }
  }, 60_000)
})
