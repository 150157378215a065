// Sealed ids on the built server with two workers: all of its threads read each other's ids, those too that replace a
// killed one, and so do servers with the same SECRET_KEY, also while it is rolled. Nothing that is printed holds a key.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { makeCertificates } from '../../src/demo/certificates.ts'
import { bootstrapServers, Kafka } from '../kafka/kafka.ts'
import { type H2Response, respond } from '../support/http-scene.ts'
import { keepSecret } from '../support/printed.ts'
import { type ServerOptions, ServerProcess } from '../support/server-process.ts'
import { INSPECTABLE, RunningWorkers } from './running-workers.ts'

const SOON = { timeout: 20_000, interval: 20 }
/** With a key of each worker's own, all of these would succeed once in 500 runs. */
const CONNECTIONS = 9
const OWN_KEY_LINE = 'SECRET_KEY (sse.secretKey) is not set'

describe.skipIf(bootstrapServers === null)('A server of two workers whose streams have sealed ids', () => {
  let kafka: Kafka
  let topic: string
  let folder: string
  const servers: ServerProcess[] = []

  beforeAll(async () => {
    kafka = new Kafka(bootstrapServers)
    topic = await kafka.createTopic({ partitions: 2 })
    folder = mkdtempSync(join(tmpdir(), 'sealed-'))
    const streams = [{ path: '/mine', topic, key: '{token.sub}', replay: 'all' }]
    writeFileSync(join(folder, 'streams.json'), JSON.stringify({ streams }))
    for (const [at, subject] of ['alice', 'bob', 'alice', 'bob', 'alice'].entries())
      await kafka.produce(topic, { partition: 0, key: subject, value: `${subject} ${at}` })
    await open({ SECRET_KEY: keepSecret(randomBytes(32).toString('base64url')) }) // makes what `serve` needs
  })
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.close()))
    rmSync(folder, { recursive: true })
    await kafka.close()
  })

  async function open(
    settings: Record<string, string> = {},
    command?: ServerOptions['command'],
  ): Promise<ServerProcess> {
    const config = { CONFIG_FILE: join(folder, 'streams.json'), KAFKA_TOPIC: '', WORKERS: '2' }
    const [twin] = servers
    const server = await ServerProcess.open(kafka.bootstrapServers, topic, {
      settings: { ...config, LOG_LEVEL: 'info', ...settings },
      ...(twin && { twin }),
      ...(command && { command }),
    })
    servers.push(server)
    return server
  }

  /** What alice gets on a connection of her own: its records, and whether they begin after her id. */
  async function read(server: ServerProcess, id?: string): Promise<H2Response['reader']> {
    const { session, reader } = await request(server, id)
    session.destroy()
    return reader
  }

  /** The same for a stream that stays open. */
  async function openLive(server: ServerProcess): Promise<H2Response['reader']> {
    const { session, reader } = await request(server)
    onTestFinished(() => session.destroy())
    return reader
  }

  async function request(server: ServerProcess, id?: string) {
    const session = connect(`https://localhost:${server.port}`, { ca: server.ca })
    const [first = server] = servers // of which all others have the keys
    const { text } = await first.token('+1h', 'alice')
    const headers = id === undefined ? {} : { 'last-event-id': id }
    const path = '/mine?signals=1'
    const { status, reader } = await respond(session, {
      ':path': path,
      authorization: `Bearer ${text}`,
      ...headers,
    })
    expect(status).toBe(200)
    await vi.waitUntil(() => reader.comments.includes('ready'), SOON)
    return { session, reader }
  }

  /** Resolves when the server has read its settings again. */
  async function reload(server: ServerProcess): Promise<void> {
    const times = () => server.output.split('settings read again').length
    const before = times()
    process.kill(server.pid, 'SIGHUP')
    await vi.waitUntil(() => times() > before, SOON)
  }

  /** Another certificate, of another authority, which alone is trusted from now on. */
  async function placeCertificate(server: ServerProcess): Promise<void> {
    const { caPem, certificatePem, keyPem } = await makeCertificates(['localhost'], Date.now())
    const files = { 'test-ca.crt': caPem, 'server.crt': certificatePem, 'server.key': keepSecret(keyPem) }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(server.folder, name), text)
  }

  async function firstId(server: ServerProcess): Promise<string> {
    const { events, records } = await read(server)
    expect(records).toEqual(['alice 0', 'alice 2', 'alice 4'])
    return events[0]?.id ?? ''
  }

  async function expectResumed(server: ServerProcess, id: string): Promise<void> {
    const { comments, records } = await read(server, id)
    expect(comments.filter((comment) => comment.startsWith('gap'))).toEqual([])
    expect(records).toEqual(['alice 2', 'alice 4'])
  }

  it('without SECRET_KEY has one key, also for a worker that is started later, and warns once', async () => {
    const server = await open(INSPECTABLE, 'serve')
    const workers = await RunningWorkers.open(server)
    onTestFinished(() => workers.close()) // a worker that is debugged would not end
    const id = await firstId(server)
    for (let connection = 0; connection < CONNECTIONS; connection++) await expectResumed(server, id)
    for (const worker of [...workers.names]) {
      await workers.kill(worker)
      await vi.waitUntil(() => workers.names.size === 2, SOON)
    }
    for (let connection = 0; connection < CONNECTIONS; connection++) await expectResumed(server, id)
    expect(server.output.split(OWN_KEY_LINE)).toHaveLength(2)
  }, 90_000)

  it('with the same SECRET_KEY goes on from another’s ids, with another key it says that it cannot', async () => {
    const [key, newKey] = [randomBytes(32), randomBytes(32)].map((bytes) =>
      keepSecret(bytes.toString('base64url')),
    )
    const file = join(folder, 'secret')
    writeFileSync(file, `${newKey},${key}\n`)
    const old = await open({ SECRET_KEY: `${key}` })
    const rolling = await open({ SECRET_KEY_FILE: file })
    const rolled = await open({ SECRET_KEY: `${newKey}` })
    const id = await firstId(old)
    await expectResumed(rolling, id)
    await expectResumed(rolled, await firstId(rolling))
    const { comments, records } = await read(rolled, id)
    expect(comments).toContain('gap undecodable')
    expect(records).toEqual(['alice 0', 'alice 2', 'alice 4'])
    for (const server of [old, rolling, rolled]) expect(server.output).not.toContain(OWN_KEY_LINE)
  }, 90_000)

  it('with SECRET_KEY rolled while a stream is open goes on from ids of before, in workers of later, too', async () => {
    const [old, next] = [randomBytes(32), randomBytes(32)].map((bytes) =>
      keepSecret(bytes.toString('base64url')),
    )
    const file = join(folder, 'rolled')
    const settings = { SECRET_KEY_FILE: file, RELOAD_SECONDS: '0' }
    writeFileSync(file, `${old}`)
    const replicas = [await open(settings, 'serve'), await open({ ...settings, ...INSPECTABLE }, 'serve')]
    const [first, second] = replicas as [ServerProcess, ServerProcess] // two are opened
    const roll = async (keys: string) => {
      writeFileSync(file, keys)
      for (const server of replicas) await reload(server)
    }
    const live = await openLive(first)
    const before = await firstId(first)
    await roll(`${old},${next}`)
    await expectResumed(second, await firstId(first))
    await roll(`${next},${old}`)
    for (const server of replicas) await expectResumed(server, before)
    await kafka.produce(topic, { partition: 0, key: 'alice', value: 'alice 5' })
    await vi.waitUntil(() => live.records.includes('alice 5'), SOON)
    const since = live.events.at(-1)?.id ?? ''
    await roll(`${next}`)
    await placeCertificate(second)
    await reload(second)
    const workers = await RunningWorkers.open(second)
    onTestFinished(() => workers.close())
    for (const worker of [...workers.names]) await workers.kill(worker)
    await vi.waitUntil(() => workers.names.size === 2, SOON)
    await kafka.produce(topic, { partition: 0, key: 'alice', value: 'alice 6' })
    for (let connection = 0; connection < CONNECTIONS; connection++) {
      const { comments, records } = await read(second, since)
      expect(comments.filter((comment) => comment.startsWith('gap'))).toEqual([])
      expect(records).toEqual(['alice 6'])
    }
    expect((await read(second, before)).comments).toContain('gap undecodable')
    await vi.waitUntil(() => live.records.includes('alice 6'), SOON)
    expect(live.comments.filter((comment) => comment.startsWith('gap'))).toEqual([])
  }, 90_000)
})
