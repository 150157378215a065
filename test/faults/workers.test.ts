// Two workers are one server to its clients: streams are renewed, counted and limited together, and end together, no
// matter which worker has the connection. worker-killed.test.ts has workers that die under load.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { bootstrapServers, Kafka } from '../kafka/kafka.ts'
import { type ServerOptions, ServerProcess, type Token } from '../support/server-process.ts'
import { HeldConnection, type HeldStream } from './held-connection.ts'
import { INSPECTABLE, RunningWorkers } from './running-workers.ts'

const WORKERS = { WORKERS: '2', ...INSPECTABLE }
const CONNECTIONS = 20
/** Times that many are opened until both workers have some. */
const ROUNDS_MAX = 10
/** In which a worker's figures reach the main thread, and a little more. */
const SOON = { timeout: 30_000, interval: 50 }
/** Between the ends of two streams of a worker that drains, where they are few. */
const DRAIN_STEP_MS = 50

describe.skipIf(bootstrapServers === null)('A server of two workers', () => {
  let kafka: Kafka
  let topic: string
  const closing: (() => unknown)[] = []

  beforeAll(() => {
    kafka = new Kafka(bootstrapServers)
  })
  afterAll(() => kafka.close())

  async function start(settings: Record<string, string> = {}, options: ServerOptions = {}) {
    topic = await kafka.createTopic()
    const all = { settings: { ...WORKERS, ...settings }, ...options }
    const server = await ServerProcess.open(kafka.bootstrapServers, topic, all)
    closing.push(() => server.close())
    return server
  }

  async function close(): Promise<void> {
    for (const end of closing.splice(0).reverse()) await end()
  }

  async function inspect(server: ServerProcess): Promise<RunningWorkers> {
    const workers = await RunningWorkers.open(server)
    closing.push(() => workers.close())
    return workers
  }

  async function openConnections(server: ServerProcess, count: number): Promise<HeldConnection[]> {
    const opened = await Promise.all(Array.from({ length: count }, () => HeldConnection.open(server)))
    closing.push(() => {
      for (const connection of opened) connection.close()
    })
    return opened
  }

  /** Connections by their worker, once both have some: the operating system chooses who accepts one. */
  async function openOnBoth(server: ServerProcess, workers: RunningWorkers): Promise<HeldConnection[][]> {
    const opened: HeldConnection[] = []
    for (let rounds = 0; rounds < ROUNDS_MAX; rounds++) {
      opened.push(...(await openConnections(server, CONNECTIONS)))
      const served = await workers.connections()
      const shares = [...served.values()].map((ports) => opened.filter(({ port }) => ports.includes(port)))
      expect(shares.flat()).toHaveLength(opened.length)
      if (shares.length === 2 && shares.every(({ length }) => length > 0)) return shares
    }
    throw new Error(`all of ${opened.length} connections came to one worker`)
  }

  describe('as it serves', () => {
    let server: ServerProcess
    let workers: RunningWorkers
    let ones: HeldConnection[]
    let others: HeldConnection[]

    beforeAll(async () => {
      server = await start()
      workers = await inspect(server)
      ;[ones = [], others = []] = await openOnBoth(server, workers)
    })
    afterAll(close)

    const one = () => firstOf(ones)
    const other = () => firstOf(others)

    it('renews every stream of a subject by one answer on any connection, and lets the others end', {
      timeout: 30_000,
    }, async () => {
      const [mine, theirs, later] = await Promise.all([
        server.token('+5s', 'mine'),
        server.token('+5s', 'theirs'),
        server.token('+1h', 'mine'),
      ])
      const before = await server.metric('kafka_sse_renewals_total')
      const renewed = await Promise.all(
        [one(), one(), other(), others.at(-1) ?? other()].map((held) => held.stream(mine)),
      )
      const left = await Promise.all([one().stream(theirs), other().stream(theirs)])
      await vi.waitUntil(() => [...renewed, ...left].every(isChallenged), SOON)
      expect(await one().renew(later)).toBe(204)
      await metricIs(server, 'kafka_sse_renewals_total', before + 4)
      expect(await other().renew(later)).toBe(204)
      await vi.waitUntil(() => left.every(isOver), SOON)
      for (const { overAtMs, reader } of left) {
        expect(overAtMs - theirs.expiresAtMs).toBeGreaterThanOrEqual(-50)
        expect(overAtMs - theirs.expiresAtMs).toBeLessThan(500)
        expect(reader.comments.at(-1)).toBe('end expired')
      }
      expect(renewed.map(isOver)).toEqual([false, false, false, false])
      for (const { reader } of [...renewed, ...left]) expect(challengesOf(reader)).toBe(1)
      for (const stream of renewed) stream.close()
    })

    it('renews a stream of the other worker alone, and answers 404 if there is none at all', async () => {
      const token = await server.token('+1h', 'elsewhere')
      expect(await one().renew(token)).toBe(404)
      const stream = await other().stream(token)
      expect(await one().renew(token)).toBe(204)
      stream.close()
      await vi.waitFor(async () => expect(await one().renew(token)).toBe(404), SOON)
      expect(await other().renew(token)).toBe(404)
    })

    it('counts what all of them deliver', async () => {
      const token = await server.token('+1h', 'reader')
      await metricIs(server, 'kafka_sse_streams_open', 0)
      const everyone = [...ones, ...others]
      const streams = await Promise.all(everyone.map((held) => held.stream(token)))
      await kafka.produce(topic, ...Array.from({ length: 50 }, (_, n) => ({ key: `${n}`, value: `${n}` })))
      await vi.waitUntil(() => streams.every(({ reader }) => reader.records.length === 50), SOON)
      await metricIs(
        server,
        'kafka_sse_streams_opened_total',
        everyone.flatMap((held) => held.streams).length,
      )
      await metricIs(server, 'kafka_sse_delivered_records_total', 50 * everyone.length)
      await metricIs(server, 'kafka_sse_streams_open', everyone.length)
      await metricIs(server, 'kafka_sse_connections_open', everyone.length)
      for (const stream of streams) stream.close()
    })

    it('resumes a TLS session, no matter which worker it began with', async () => {
      const sockets = [await connectAgain(server)]
      const session = (await once(firstOf(sockets), 'session'))[0] as Buffer
      const served = new Set<string | undefined>()
      while (served.size < 2 && sockets.length <= ROUNDS_MAX * CONNECTIONS) {
        const socket = await connectAgain(server, session)
        expect(socket.isSessionReused()).toBe(true)
        served.add(await workers.serverOf(socket.localPort ?? 0))
        sockets.push(socket)
      }
      expect(served).toEqual(workers.names)
      for (const socket of sockets) socket.destroy()
    })
  })

  describe('at its limits', () => {
    let server: ServerProcess
    let workers: RunningWorkers
    beforeAll(async () => {
      server = await start({ STREAMS_PER_SUBJECT_MAX: '3', STREAMS_MAX: '5' })
      workers = await inspect(server)
    })
    afterAll(close)

    it('never gives more places than there are, at any worker, and frees those of clients that leave or die', {
      timeout: 40_000,
    }, async () => {
      const tokens = await Promise.all(['a', 'b'].map((subject) => server.token('+1h', subject)))
      const [first, second] = tokens as [Token, Token]
      const [ones = [], others = []] = await openOnBoth(server, workers)
      const everyone = [...ones, ...others]
      const ask = (token: Token, from = everyone) =>
        Promise.all(from.filter(({ isOver }) => !isOver).map((held) => held.stream(token)))
      const got = async (token: Token, from?: HeldConnection[]) =>
        (await ask(token, from)).filter(({ status }) => status === 200)

      expect(statuses(await ask(first))).toEqual({ 200: 3, 429: everyone.length - 3 })
      const seconds = await got(second)
      expect(seconds).toHaveLength(2) // of five in all, three are taken

      firstOf(seconds).close()
      await vi.waitFor(async () => expect(await got(second, [firstOf(others)])).toHaveLength(1), SOON)
      expect(await got(second)).toHaveLength(0)

      for (const { streams } of everyone) for (const stream of streams) stream.close()
      await metricIs(server, 'kafka_sse_streams_open', 0)
      expect(await got(first, [firstOf(ones)])).toHaveLength(1)
      expect(await got(first, [firstOf(others), firstOf(others), firstOf(others)])).toHaveLength(2)
      const dying = await workers.serverOf(firstOf(others).port)
      await metricIs(server, 'kafka_sse_streams_opened_total', 9)
      await workers.kill(dying ?? '')
      await vi.waitUntil(() => others.every(({ isOver }) => isOver), SOON)
      expect(ones.some(({ isOver }) => isOver)).toBe(false)
      const free = [firstOf(ones), firstOf(ones)]
      await vi.waitFor(async () => expect(await got(first, free)).toHaveLength(2), SOON)
      expect(await got(first)).toHaveLength(0)
      expect(await server.metric('kafka_sse_worker_deaths_total')).toBe(1)
      await metricIs(server, 'kafka_sse_streams_opened_total', 11)
      await metricIs(server, 'kafka_sse_streams_open', 3)
      await metricIs(server, 'kafka_sse_connections_open', ones.length)
    })
  })

  describe('that is to end', () => {
    afterEach(close)

    async function open(count: number, settings: Record<string, string> = {}, options: ServerOptions = {}) {
      const server = await start(settings, options)
      const connection = firstOf(await openConnections(server, 1))
      const token = await server.token('+1h')
      const streams = await Promise.all(Array.from({ length: count }, () => connection.stream(token)))
      return { server, streams, servingPid: server.servingPid, startedAtMs: Date.now() }
    }

    it('ends every stream with `:end`, and itself with 0, within the time to drain', async () => {
      const server = await start({ DRAIN_SECONDS: '2' })
      const token = await server.token('+1h')
      const connections = await openConnections(server, CONNECTIONS)
      const streams = await Promise.all(connections.map((connection) => connection.stream(token)))
      const { servingPid } = server
      const startedAtMs = Date.now()
      expect(await server.stop()).toBe(0)
      expect(Date.now() - startedAtMs).toBeLessThan(4_000)
      await vi.waitUntil(() => streams.every(isOver), SOON)
      for (const { reader } of streams) expect(reader.comments.at(-1)).toBe('end shutdown')
      expect(isAlive(servingPid)).toBe(false)
    })

    it('takes a signal to the whole process group, as Ctrl-C sends it, for one signal', async () => {
      const count = 60
      const { server, streams, startedAtMs } = await open(count, { DRAIN_SECONDS: '5' }, { leadsGroup: true })
      process.kill(-server.pid, 'SIGINT')
      expect(await server.ended()).toBe(0)
      // One stream ends after the other: a server that took this for two signals would not wait for them.
      expect(Date.now() - startedAtMs).toBeGreaterThan((count - 1) * DRAIN_STEP_MS)
      for (const { reader } of streams) expect(reader.comments.at(-1)).toBe('end shutdown')
    })

    it('does not wait for the drain if a second signal comes', async () => {
      const count = 200
      const { server, streams, startedAtMs } = await open(count, { DRAIN_SECONDS: '60' })
      process.kill(server.pid, 'SIGTERM')
      await vi.waitUntil(() => streams.some(isOver), SOON)
      expect(await server.stop()).toBe(0)
      expect(Date.now() - startedAtMs).toBeLessThan((count * DRAIN_STEP_MS) / 2)
      for (const { reader } of streams) expect(reader.comments.at(-1)).toBe('end shutdown')
    })

    it('leaves no process behind and the port free when the launcher is killed', async () => {
      const { server, streams, servingPid, startedAtMs } = await open(10)
      await server.kill()
      expect(Date.now() - startedAtMs).toBeLessThan(2_000)
      expect(isAlive(servingPid)).toBe(false)
      await vi.waitUntil(() => streams.every(isOver), SOON)
      await server.start()
    })

    it('ends with the process that serves, when that is killed', async () => {
      const { server, servingPid } = await open(10)
      process.kill(servingPid, 'SIGKILL')
      expect(await server.ended()).toBe(1)
    })
  })
})

async function connectAgain(server: ServerProcess, session?: Buffer): Promise<TLSSocket> {
  const options = { port: Number(new URL(server.url).port), host: 'localhost', ca: server.ca }
  const socket = connectTls({ ...options, ALPNProtocols: ['h2'], ...(session && { session }) })
  await once(socket, 'secureConnect')
  return socket
}

async function metricIs(server: ServerProcess, name: string, value: number): Promise<void> {
  await vi.waitFor(async () => expect({ [name]: await server.metric(name) }).toEqual({ [name]: value }), SOON)
}

function statuses(streams: readonly HeldStream[]): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const { status } of streams) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

function isChallenged({ reader }: HeldStream): boolean {
  return challengesOf(reader) > 0
}

function challengesOf({ events }: HeldStream['reader']): number {
  return events.filter(({ event }) => event === 'challenge').length
}

function isOver({ overAtMs }: HeldStream): boolean {
  return Number.isFinite(overAtMs)
}

function firstOf<T>(all: readonly T[]): T {
  const [first] = all
  if (first === undefined) throw new Error('there is none')
  return first
}

/** A process that has ended has no command, even before its exit code is collected. */
function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`).length > 0
  } catch {
    return false
  }
}
