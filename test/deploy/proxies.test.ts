// The server behind each proxy of deploy/proxies, run by its own program. Once by hand for half an hour of silence:
// QUIET_SECONDS=1800 npx vitest run test/deploy/proxies.test.ts -t quiet

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { type ClientHttp2Session, connect } from 'node:http2'
import { get } from 'node:https'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SSE_SETTINGS } from '../../src/config/stream-settings.ts'
import { localCertificates } from '../support/certificates.ts'
import { type H2Response, respond } from '../support/http-scene.ts'
import { forThisTest } from '../support/scene.ts'
import { eventually, until } from '../support/time.ts'
import { PROXIES, ProxyProcess } from './proxy.ts'
import { StreamingServer } from './streaming-server.ts'

const HEARTBEAT_SECONDS = Number(SSE_SETTINGS.heartbeatSeconds.default)
const QUIET_SECONDS = Number(process.env.QUIET_SECONDS ?? 2)
const CHALLENGE_SECONDS = 1
/** A client's address that is not the proxy's; all of 127.0.0.0/8 is this machine. */
const CLIENT = '127.0.0.7'
const FORGED = '203.0.113.1'
const CHALLENGE_TYPE = 'application/x-challenge-response'
const SETTINGS = {
  TRUST_PROXY: '127.0.0.1',
  CHALLENGE_SECONDS: String(CHALLENGE_SECONDS),
}

const found = await Promise.all(PROXIES.map(async (kind) => ({ kind, program: await kind.find() })))
const proxies = found.flatMap(({ kind, program }) => (program === null ? [] : [{ kind, program }]))
const { caPem } = await localCertificates()

/** A connection of its own, over HTTP/2, from `address`. */
async function connected(port: number, address = CLIENT): Promise<ClientHttp2Session> {
  const session = connect(`https://localhost:${port}`, {
    ca: caPem,
    host: '127.0.0.1',
    // By the address, since localhost may be ::1, which CLIENT cannot reach.
    lookup: (_name, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
    localAddress: address,
  } as Parameters<typeof connect>[1])
  await forThisTest({ close: () => session.destroy() })
  await once(session, 'connect')
  return session
}

describe.each(proxies)('Behind $kind.name', ({ kind, program }) => {
  let server: StreamingServer
  let proxy: ProxyProcess

  beforeAll(async () => {
    server = await StreamingServer.open({ ...SETTINGS, STREAMS_PER_ADDRESS_MAX: '2' })
    proxy = await ProxyProcess.open(kind, program, server.ports)
    // A proxy that asks for readiness has to have asked.
    await eventually(async () => expect(await plainStatus('/none')).toBe(404))
    console.log(kind.version(program).trim().split('\n')[0])
  })
  afterAll(async () => {
    await proxy.close()
    await server.close()
  })

  function plainStatus(path: string): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        servername: 'localhost',
        port: proxy.port,
        path,
        ca: caPem,
        agent: false,
      }
      get(options, (answer) => resolve(answer.resume().statusCode)).on('error', reject)
    })
  }

  function open(session: ClientHttp2Session, token: string, headers = {}): Promise<H2Response> {
    const authorization = `Bearer ${token}`
    return respond(session, { ':path': '/events', authorization, ...headers })
  }

  async function closeAll(...streams: H2Response[]): Promise<void> {
    for (const { stream } of streams) stream.close()
    await until(() => server.open === 0)
  }

  it('a client has HTTP/2, and gets the first bytes and each record as they come', async () => {
    const session = await connected(proxy.port)
    expect(session.alpnProtocol).toBe('h2')
    const startMs = performance.now()
    const stream = await open(session, server.token(60))
    expect(stream.status).toBe(200)
    expect(stream.headers['content-type']).toMatch(/^text\/event-stream/)
    await until(() => stream.reader.retryMs !== undefined)
    expect(performance.now() - startMs).toBeLessThan(1000)
    for (const value of ['small', 'x'.repeat(100_000), 'next']) {
      const writtenMs = performance.now()
      server.topic.produce(value)
      await until(() => stream.reader.records.at(-1) === value)
      expect(performance.now() - writtenMs).toBeLessThan(1000)
    }
    await closeAll(stream)
  })

  it('limits count by the address of the client, which it cannot choose itself', async () => {
    const session = await connected(proxy.port)
    server.addresses.length = 0
    const streams = [await open(session, server.token(60)), await open(session, server.token(60))]
    const third = await open(session, server.token(60), { 'x-forwarded-for': FORGED })
    expect([...streams, third].map(({ status }) => status)).toEqual([200, 200, 429])
    expect(new Set(server.addresses)).toEqual(new Set([CLIENT]))
    const other = await open(await connected(proxy.port, '127.0.0.8'), server.token(60))
    expect(other.status).toBe(200)
    await closeAll(...streams, other)
  })

  it('a stream is renewed by another connection; one that is not has its end, and a clean one', async () => {
    const [renewed, other] = await Promise.all(
      ['alice', 'bob'].map(async (subject) => open(await connected(proxy.port), server.token(2, subject))),
    )
    if (renewed === undefined || other === undefined) throw new Error('two were opened')
    await until(() => renewed.reader.events.some(({ event }) => event === 'challenge'))
    const renewal = await respond(await connected(proxy.port), {
      ...{ ':method': 'POST', ':path': '/events', 'content-type': CHALLENGE_TYPE },
      authorization: `Bearer ${server.token(60, 'alice')}`,
    })
    expect(renewal.status).toBe(204)
    expect(await other.ended).toBe(0)
    expect(other.reader.comments).toContain('end expired')
    server.topic.produce('after the end')
    await until(() => renewed.reader.records.at(-1) === 'after the end')
    await closeAll(renewed)
  })

  it('the server notices at once that a client has left, by a cancelled request or a closed connection', async () => {
    const session = await connected(proxy.port)
    const leave = [(stream: H2Response) => stream.stream.close(), () => session.destroy()]
    for (const leaving of leave) {
      const stream = await open(session, server.token(60))
      server.topic.produce('seen')
      await until(() => stream.reader.records.at(-1) === 'seen')
      const leftMs = performance.now()
      leaving(stream)
      await until(() => server.open === 0)
      // Without being told it would notice with the next heartbeat.
      expect(performance.now() - leftMs).toBeLessThan((HEARTBEAT_SECONDS * 1000) / 3)
    }
  })

  it('no file that it writes has a token or a ticket, not even of a request that fails', async () => {
    const token = server.token(60)
    const session = await connected(proxy.port)
    const path = `/events?access_token=${token}`
    const stream = await respond(session, { ':path': path, accept: 'text/event-stream' })
    expect(stream.status).toBe(200)
    // The server goes away amid the answer.
    await server.close()
    await stream.ended
    const ticket = `kst_${randomUUID()}`
    for (const failing of [path, `/events?ticket=${ticket}`]) {
      const failed = await respond(session, { ':path': failing })
      expect(failed.status).toBeGreaterThanOrEqual(500)
    }
    const written = readdirSync(proxy.folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => readFileSync(join(proxy.folder, name), 'utf8'))
    const told = [...written, proxy.said].filter((text) => text.includes(token) || text.includes(ticket))
    expect(told).toEqual([])
    server = await StreamingServer.open(SETTINGS)
  })
})

const nginx = proxies.find(({ kind }) => kind.name === 'nginx')

describe.skipIf(nginx === undefined)('nginx without a connection left', () => {
  it('writes no token', async () => {
    if (nginx === undefined) throw new Error('it is left out')
    const server = await forThisTest(StreamingServer.open(SETTINGS))
    const { kind, program } = nginx
    const placed: typeof kind.placed = (text, place) =>
      kind.placed(text, place).replace('worker_connections 512;', 'worker_connections 6;')
    const proxy = await forThisTest(ProxyProcess.open({ ...kind, placed }, program, server.ports))
    const session = await connected(proxy.port)
    const token = server.token(60)
    const path = `/events?access_token=${token}`
    const statuses = await Promise.all(
      Array.from({ length: 6 }, async () => (await respond(session, { ':path': path })).status),
    )
    expect(statuses).toContain(200)
    expect(statuses).toContain(500)
    const written = ['error.log', 'access.log', 'start.log'].map((name) =>
      readFileSync(join(proxy.folder, name), 'utf8'),
    )
    expect([...written, proxy.said].filter((text) => text.includes(token))).toEqual([])
  })
})

describe.skipIf(proxies.length === 0)('A quiet stream', () => {
  it(
    `stays open behind every proxy, and gets the record after ${QUIET_SECONDS} s`,
    async () => {
      const heartbeatSeconds = Math.min(HEARTBEAT_SECONDS, QUIET_SECONDS / 2)
      const settings = { ...SETTINGS, HEARTBEAT_SECONDS: String(heartbeatSeconds) }
      const server = await forThisTest(StreamingServer.open(settings))
      const streams = await Promise.all(
        proxies.map(async ({ kind, program }) => {
          const proxy = await forThisTest(ProxyProcess.open(kind, program, server.ports))
          const session = await connected(proxy.port)
          const headers = { ':path': '/events', authorization: `Bearer ${server.token(QUIET_SECONDS + 600)}` }
          const stream = await eventually(async () => {
            const opened = await respond(session, headers)
            expect(opened.status).toBe(200)
            return opened
          })
          return { name: kind.name, stream }
        }),
      )
      await pause(QUIET_SECONDS * 1000)
      server.topic.produce('at last')
      for (const { name, stream } of streams) {
        await until(() => stream.reader.records.length > 0)
        expect(stream.reader.records, name).toEqual(['at last'])
        const heartbeats = stream.reader.comments.filter((comment) => comment === '').length
        expect(heartbeats, name).toBeGreaterThan(0)
        console.log(`${name}: ${heartbeats} heartbeats in ${QUIET_SECONDS} s, open`)
        stream.stream.close()
      }
      await until(() => server.open === 0)
    },
    QUIET_SECONDS * 1000 + 60_000,
  )
})

describe('The files of deploy/proxies', () => {
  it('let a stream be silent for three heartbeats, and the server’s own bound for slow clients come first', () => {
    const stalled = Number(SSE_SETTINGS.stalledSeconds.default)
    for (const { file } of PROXIES) {
      const text = readFileSync(join(import.meta.dirname, '../../deploy/proxies', file), 'utf8')
      const pattern =
        /^ *(?:proxy_read_timeout|proxy_send_timeout|send_timeout|timeout (?:client|server)|stream_idle_timeout:) +(\d+)s/gm
      const seconds = [...text.matchAll(pattern)].map(([, value]) => Number(value))
      expect(seconds.length, file).toBe(
        { 'nginx.conf': 3, 'haproxy.cfg': 2, Caddyfile: 0, 'envoy.yaml': 1 }[file],
      )
      for (const value of seconds) {
        expect(value, file).toBeGreaterThan(3 * HEARTBEAT_SECONDS)
        expect(value, file).toBeGreaterThan(stalled)
      }
      // By default Envoy ends every answer after 15 s.
      if (file === 'envoy.yaml') expect(text).toMatch(/^ *timeout: 0s$/m)
    }
  })
})
