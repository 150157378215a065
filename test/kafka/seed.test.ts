// The tutorial that this project must be able to live through, command by command, on a real Kafka: the built server,
// curl, kcat, tokens of 30 s. All of it at once, since most of the time is spent waiting for a token to expire. The
// topic is not called `events` here, so that a run can share a Kafka with another.

import { statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { connect } from 'node:http2'
import { join } from 'node:path'
import { EventSource } from 'eventsource'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { hasPrograms } from '../support/programs.ts'
import { ServerProcess, type Token } from '../support/server-process.ts'
import { until } from '../support/time.ts'
import { Curl } from './curl.ts'
import { fetchByAuthority } from './fetch-by-authority.ts'
import { bootstrapServers, Kafka } from './kafka.ts'
import { kcatPour, kcatProduce, kcatRead } from './kcat.ts'

const HELLO = '{ "id": 1, "name": "Hello World!"}'
const CHALLENGE =
  'event:challenge\ndata:{"method":"POST","headers":{"content-type":"application/x-challenge-response"}}\n\n'
/** Exactly what a quiet stream of one record and one token is, with a heartbeat here and there. */
const WHOLE_STREAM = new RegExp(
  [
    '^retry:[1-5]\\d{3}\n\n(:ready\n\n)?',
    `data:${HELLO}\nid:AQIAAg==\n\n(:ready\n\n)?(:\n\n)*`,
    `${CHALLENGE.replace(/[{}]/g, '\\$&')}(:\n\n)*`,
    ':end expired\n\n$',
  ].join(''),
)
const COMPACTED = { 'cleanup.policy': 'compact' }
/** What the wire contract gives an end, and what a machine may need that runs all of this at once. */
const END_MS = 500
const BUSY_MS = 250

const can = bootstrapServers !== null && hasPrograms('the tutorial on a real Kafka', 'curl', 'kcat')

describe.skipIf(!can).concurrent(
  'The tutorial on a real Kafka',
  () => {
    const servers = bootstrapServers ?? ''
    let kafka: Kafka
    /** The tutorial's own server, on which nothing happens but what it says. */
    let server: ServerProcess
    let topic: string

    async function prepare(config: Record<string, string> = COMPACTED) {
      const name = await kafka.createTopic({ config })
      return { topic: name, server: await ServerProcess.open(servers, name) }
    }

    beforeAll(async () => {
      kafka = new Kafka(bootstrapServers)
      ;({ topic, server } = await prepare())
      await kcatProduce(servers, topic, '1', HELLO)
    })
    afterAll(async () => {
      await server.close()
      await kafka.close()
    })

    it.each(['--http2', '--http1.1'] as const)(
      'is read by curl %s: the record, the challenge 10 s before exp, and a clean end at exp',
      async (protocol) => {
        const token = await server.tokenByCommand('+30s')
        const curl = Curl.stream(server.folder, server.url, token.text, protocol)
        await curl.has(CHALLENGE, 25_000)
        expect(curl.body).toContain(`\n\ndata:${HELLO}\n`)
        expect(Math.abs(curl.arrivalMs(CHALLENGE) - (token.expiresAtMs - 10_000))).toBeLessThan(1_000)
        const { code, atMs } = await curl.ended
        expect(code).toBe(0)
        expect(atMs).toBeGreaterThanOrEqual(token.expiresAtMs)
        expect(atMs - token.expiresAtMs).toBeLessThan(END_MS + BUSY_MS)
        expect(curl.body).toMatch(WHOLE_STREAM)
        expect(curl.told).toMatch(/^< HTTP\/(2|1\.1) 200/m)
        expect(curl.told).toMatch(/^< content-type: text\/event-stream\r?$/m)
        expect(curl.told).toContain('Connection #0 to host localhost left intact')
      },
    )

    it('lives on past exp after a POST on another connection has answered the challenge', async () => {
      const token = await server.tokenByCommand('+30s', 'renewed')
      const curl = Curl.stream(server.folder, server.url, token.text, '--http2')
      await curl.has(CHALLENGE, 25_000)
      const renewed = await server.tokenByCommand('+30s', 'renewed')
      const answer = new Curl(server.folder, [
        ...['-sS', '-o', '/dev/null', '-w', '%{http_code}', '--http2', '--cacert', 'test-ca.crt'],
        ...['-X', 'POST', '-H', 'content-type:application/x-challenge-response'],
        ...['-H', `authorization:Bearer ${renewed.text}`, server.url],
      ])
      expect((await answer.ended).code).toBe(0)
      expect(answer.body).toBe('204')
      await passes(token.expiresAtMs + END_MS + BUSY_MS)
      // The others on this server have to be over first, because they are compared whole.
      await vi.waitUntil(async () => (await server.metric('kafka_sse_streams_open')) === 1, {
        timeout: 10_000,
      })
      await kcatProduce(servers, topic, '2', 'past exp')
      await curl.has('data:past exp\nid:AQIABA==\n\n')
      expect(curl.body).not.toContain(':end')
      await curl.kill()
    })

    it('ends at exp while records pour in: cleanly for a client that reads, else by a reset', async ({
      onTestFinished,
    }) => {
      // A little later than the quiet ones, so that their times are theirs.
      const poured = await prepare({ 'cleanup.policy': 'delete', 'retention.bytes': '1000000' })
      onTestFinished(() => poured.server.close())
      const { folder, url } = poured.server
      const token = await poured.server.tokenByCommand('+34s')
      const readers = (['--http2', '--http1.1'] as const).map((protocol) =>
        readToFile(poured.server, token, protocol),
      )
      const frozen = (['--http2', '--http1.1'] as const).map((protocol) =>
        Curl.stream(folder, url, token.text, protocol),
      )
      onTestFinished(() => Promise.all(frozen.map((curl) => curl.kill())).then(() => undefined))
      const paused = pausedStream(poured.server, token)
      await Promise.all(frozen.map((curl) => curl.has(CHALLENGE, 30_000)))
      for (const curl of frozen) curl.freeze()
      await passes(token.expiresAtMs - 3_000)
      const stop = new AbortController()
      const pouring = kcatPour(servers, poured.topic, stop.signal)
      await passes(token.expiresAtMs - 300)
      expect(await poured.server.metric('kafka_sse_streams_open')).toBe(5)
      await vi.waitUntil(async () => (await poured.server.metric('kafka_sse_streams_open')) === 0, {
        timeout: 5_000,
        interval: 20,
      })
      const lastMs = Date.now()
      stop.abort()
      console.log(
        `poured ${await pouring} records; the last of 5 streams ended ${lastMs - token.expiresAtMs} ms after exp`,
      )
      expect(lastMs - token.expiresAtMs).toBeLessThan(END_MS + BUSY_MS)
      expect(await poured.server.metric('kafka_sse_streams_ended_total{reason="expired"}')).toBe(5)
      expect(await paused).toMatchObject({ code: 8 }) // CANCEL
      for (const reader of readers) expect(await reader).toMatchObject({ code: 0, end: ':end expired\n\n' })
    })

    it('stops and starts again, and an EventSource gets what was produced meanwhile, each record once', async ({
      onTestFinished,
    }) => {
      const { topic: own, server: stopped } = await prepare()
      onTestFinished(() => stopped.close())
      const produce = (key: string, value: string) => kcatProduce(servers, own, key, value)
      const token = await stopped.tokenByCommand('+5m', 'browser')
      const { fetch, requests } = fetchByAuthority(stopped.ca)
      const source = new EventSource(`${stopped.url}?access_token=${token.text}`, { fetch })
      onTestFinished(() => source.close())
      const received: string[] = []
      let errors = 0
      source.addEventListener('message', ({ data }) => received.push(data))
      source.addEventListener('error', () => errors++)
      await produce('1', HELLO)
      await vi.waitUntil(() => received.length === 1, { timeout: 10_000 })
      expect(await stopped.stop()).toBe(0)
      await until(() => errors > 0)
      await produce('2', 'missed')
      await produce('3', 'missed, too')
      await stopped.start()
      await vi.waitUntil(() => received.length >= 3, { timeout: 15_000 })
      await produce('4', 'live')
      await vi.waitUntil(() => received.includes('live'), { timeout: 10_000 })
      expect(received).toEqual([HELLO, 'missed', 'missed, too', 'live'])
      expect(requests.at(0)?.['Last-Event-ID']).toBeUndefined()
      expect(requests.at(-1)?.['Last-Event-ID']).toBe('AQIAAg==')
    })

    it('gives a new client the newest value of a key alone, before and after Kafka compacts the topic', async ({
      onTestFinished,
    }) => {
      const eager = {
        'segment.ms': '300',
        'min.cleanable.dirty.ratio': '0.01',
        'max.compaction.lag.ms': '500',
      }
      const { topic: own, server: compacting } = await prepare({ ...COMPACTED, ...eager })
      onTestFinished(() => compacting.close())
      for (const value of ['old', 'older than new', 'new']) await kcatProduce(servers, own, '1', value)
      await kcatProduce(servers, own, '2', 'other')
      const token = await compacting.tokenByCommand('+5m')
      const recordsOfNewClient = async () => {
        const curl = Curl.stream(compacting.folder, compacting.url, token.text, '--http2')
        await curl.has('data:other\n')
        await curl.has(':ready\n\n')
        await curl.kill()
        return curl.body.split('\n').filter((line) => line.startsWith('data:'))
      }
      expect(await recordsOfNewClient()).toEqual(['data:new', 'data:other'])
      // The active segment is never compacted: something has to be appended, after its time, for there to be a new one.
      await vi.waitUntil(
        async () => {
          await kcatProduce(servers, own, '3', 'roll')
          return !(await kcatRead(servers, own)).some((record) => record.includes('old'))
        },
        { timeout: 30_000, interval: 400 },
      )
      expect(await compacting.stop()).toBe(0)
      await compacting.start()
      expect((await recordsOfNewClient()).slice(0, 3)).toEqual(['data:new', 'data:other', 'data:roll'])
    })
  },
  60_000,
)

/** Resolves at that time. */
async function passes(timeMs: number): Promise<void> {
  await vi.waitUntil(() => Date.now() >= timeMs, { timeout: 60_000, interval: 20 })
}

/** curl with its output in a file, since it is much: how it ended, and the file's last bytes. */
async function readToFile({ folder, url }: ServerProcess, token: Token, protocol: '--http2' | '--http1.1') {
  const file = join(folder, `stream${protocol}`)
  const secure = [protocol, '--cacert', 'test-ca.crt']
  const args = ['-sS', '-N', ...secure, '-o', file, `${url}?access_token=${token.text}`]
  const { code } = await new Curl(folder, args).ended
  const bytes = statSync(file).size
  const opened = await open(file)
  const tail = Buffer.alloc(':end expired\n\n'.length)
  await opened.read(tail, 0, tail.length, bytes - tail.length)
  await opened.close()
  return { code, bytes, end: tail.toString() }
}

/** A client that takes nothing but the headers: the code that its stream was closed with. */
function pausedStream({ url, ca }: ServerProcess, token: Token): Promise<{ code: number }> {
  const session = connect(url, { ca })
  const stream = session.request({ ':path': `/events?access_token=${token.text}` })
  stream.on('error', () => stream.destroy())
  return new Promise((resolve) => {
    stream.once('close', () => {
      session.destroy()
      resolve({ code: stream.rstCode })
    })
  })
}
