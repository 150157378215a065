// The load generator against servers that are wrong on purpose: it reports each fault, and does not accuse a sound
// stream. Needs Go, as the bench does.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { canBuildGo } from '../support/programs.ts'

interface Load {
  happens(name: string, timeoutMs: number): Promise<boolean>
  failure(): string | null
  more(records: number): Promise<{ latencyMicros: { count: number } }>
  measure(): void
  finish(): Promise<Result>
  end(): Promise<void>
}

interface Result {
  received: number
  clients: number
  eachToReadyMicros: { count: number }
  receivedMin: number
  failureCount: number
  connects: number
  answered: number
  deadlines: Record<'challengeLateMicros' | 'renewalMicros', { count: number; max: number }>
}

interface Credentials {
  certificateFile: string
  certificateKeyFile: string
  writeTokens(name: string, tokens: { client: number; expiresAt: Date }[]): Promise<string>
}

// The bench is plain JavaScript, which TypeScript does not look into.
const { buildLoad, startLoad } = (await import(bench('harness/load.mjs'))) as {
  buildLoad: () => void
  startLoad: (target: object, credentials: Credentials, task: object) => Load
}
const { makeCredentials } = (await import(bench('harness/credentials.mjs'))) as {
  makeCredentials: (folder: string, clients: number) => Promise<Credentials>
}
const { makeSelections } = (await import(bench('harness/selections.mjs'))) as {
  makeSelections: (workload: object, credentials: Credentials) => Promise<object>
}
const { encodeValue, keyOf } = (await import(bench('workloads/record.mjs'))) as {
  encodeValue: (sequence: number, valueBytes: number) => string
  keyOf: (sequence: number, keys: number, stride: number) => string
}

function bench(file: string): string {
  return new URL(`../../bench/${file}`, import.meta.url).href
}

const CLIENTS = 3
const PATIENCE_MS = 10_000
const LATE_MS = 4_000
const KEYS = 10
const STRIDE = 7

const LOAD = fileURLToPath(new URL('../../bench/load', import.meta.url))

describe.skipIf(!canBuildGo('the load generator of the bench', LOAD))('the load generator', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-verdicts-'))
  let credentials: Credentials
  let server: Http2SecureServer
  let load: Load

  beforeAll(async () => {
    buildLoad()
    credentials = await makeCredentials(folder, CLIENTS)
  })
  afterEach(async () => {
    await load.end()
    server.close()
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('accepts a sound stream, with any other blocks between its records', async () => {
    const text = `retry:1\n\n:ready\n\n${frame(1)}event:delete\ndata:MQ==\nid:x\n\n${frame(2)}:\n\n${frame(3)}`
    await run((stream) => stream.write(text))
    expect(await load.happens('complete', PATIENCE_MS)).toBe(true)
    expect(await load.finish()).toMatchObject({ received: 3 * CLIENTS, failureCount: 0 })
  })

  it.each([
    ['a lost record', frame(1) + frame(3), 'record 3 came where 2 was due'],
    ['a record twice', frame(1) + frame(2) + frame(2), 'record 2 came where 3 was due'],
    ['records out of order', frame(2) + frame(1), 'record 2 came where 1 was due'],
    ['one record too many', frame(1) + frame(2) + frame(3) + frame(4), 'record 4 of 3'],
    ['a record cut in two by a comment', `${frame(1).slice(0, 40)}\n:\n\n`, 'no record of the bench'],
  ])('tells %s', async (_fault, text, words) => {
    await run((stream) => stream.write(text))
    expect(await load.happens('complete', PATIENCE_MS)).toBe(false)
    expect(load.failure()).toContain(words)
    expect((await load.finish()).failureCount).toBeGreaterThan(0)
  })

  it('reports a stream that the server ends', async () => {
    await run((stream) => stream.end(frame(1)))
    expect(await load.happens('complete', PATIENCE_MS)).toBe(false)
    expect(load.failure()).toContain('the server ended the stream')
  })

  it('reports a stream that the server resets', async () => {
    await run((stream) => stream.destroy(new Error('broken on purpose')))
    expect(await load.happens('complete', PATIENCE_MS)).toBe(false)
    expect(load.failure()).toContain('the server reset the stream: INTERNAL_ERROR')
  })

  it('reports an answer that is no stream', async () => {
    await run((stream) => stream.end(), 401)
    expect(await load.happens('connected', PATIENCE_MS)).toBe(false)
    expect(load.failure()).toContain('status 401')
  })

  it('counts what each client has if one of them is behind', async () => {
    let streams = 0
    await run((stream) => stream.write(streams++ === 0 ? frame(1) : frame(1) + frame(2) + frame(3)))
    expect(await load.happens('complete', 500)).toBe(false)
    expect(load.failure()).toBe(null)
    expect(await load.finish()).toMatchObject({ received: 1 + 3 * (CLIENTS - 1), receivedMin: 1 })
  })

  it('goes on if more records are announced', async () => {
    const streams: ServerHttp2Stream[] = []
    await run((stream) => streams.push(stream) && stream.write(frame(1) + frame(2) + frame(3)))
    expect(await load.happens('complete', PATIENCE_MS)).toBe(true)
    expect((await load.more(1)).latencyMicros.count).toBe(3 * CLIENTS)
    for (const stream of streams) stream.write(frame(4))
    expect(await load.happens('complete', PATIENCE_MS)).toBe(true)
    expect(await load.finish()).toMatchObject({ received: 4 * CLIENTS, failureCount: 0 })
  })

  it('answers a challenge, and reports how late it came and when the answer was taken', async () => {
    await runChallenged(10_000 - LATE_MS, 204)
    expect(await load.happens('complete', PATIENCE_MS)).toBe(true)
    const { failureCount, deadlines } = await load.finish()
    expect(failureCount).toBe(0)
    expect(deadlines.renewalMicros.count).toBe(CLIENTS)
    expect(deadlines.challengeLateMicros.count).toBe(CLIENTS)
    expect(deadlines.challengeLateMicros.max).toBeGreaterThan((LATE_MS - 1_000) * 1000)
  })

  it.each([
    ['a challenge that comes too early', 30_000, 204, 'before it was due'],
    ['a renewal that is refused', 5_000, 404, 'status 404 to a renewal'],
  ])('tells %s', async (_fault, leftMs, status, words) => {
    await runChallenged(leftMs, status)
    await vi.waitFor(() => expect(load.failure()).toContain(words), PATIENCE_MS)
    await load.finish()
  })

  it('reports a challenge of a token that is still valid', async () => {
    await run((stream) => stream.write('event:challenge\ndata:{}\n\n'))
    await vi.waitFor(() => expect(load.failure()).toContain('a challenge before its time'), PATIENCE_MS)
    await load.finish()
  })

  it('connects and leaves for as long as it is answered', async () => {
    let streams = 0
    await run((stream) => stream.write(':\n\n') && streams++, 200, { churn: 2 })
    load.measure()
    await vi.waitFor(() => expect(streams).toBeGreaterThan(5), PATIENCE_MS)
    const { connects, failureCount } = await load.finish()
    expect(connects).toBeGreaterThan(3)
    expect(connects).toBeLessThanOrEqual(streams)
    expect(failureCount).toBe(0)
  })

  it('opens and closes streams on one connection', async () => {
    let streams = 0
    await run((stream) => stream.write(':\n\n') && streams++, 200, { openings: 200 })
    load.measure()
    await vi.waitFor(() => expect(streams).toBeGreaterThan(20), PATIENCE_MS)
    expect((await load.finish()).answered).toBeGreaterThan(10)
  })

  describe('if each client selects two of ten keys', () => {
    it('accepts what has these keys, and counts what each client is owed', async () => {
      await runSelecting((stream, own) => stream.write(own.map(frame).join('')), { warmup: 10, records: 20 })
      expect(await load.happens('warm', PATIENCE_MS)).toBe(true)
      expect(await load.happens('complete', PATIENCE_MS)).toBe(true)
      const result = await load.finish()
      expect(result).toMatchObject({ received: 6 * CLIENTS, warmRecords: 2 * CLIENTS, failureCount: 0 })
    })

    it.each([
      [
        'a record of another',
        (own: number[]) => [1, 2, 3].filter((one) => !own.includes(one)),
        'did not select',
      ],
      ['a lost record', (own: number[]) => own.slice(1), 'was due'],
      ['a record twice', ([first = 0]: number[]) => [first, first], 'was due'],
      ['one record too many', (own: number[]) => [...own, (own[0] ?? 0) + 30], '7 of 6'],
    ])('tells %s', async (_fault, sent, words) => {
      await runSelecting((stream, own) => stream.write(sent(own).map(frame).join('')))
      expect(await load.happens('complete', PATIENCE_MS)).toBe(false)
      expect(load.failure()).toContain(words)
      await load.finish()
    })

    it('does not wait for a client that is owed nothing of the further records', async () => {
      const streams: { stream: ServerHttp2Stream; keys: string[] }[] = []
      await runSelecting((stream, own, keys) => {
        streams.push({ stream, keys })
        stream.write(own.map(frame).join(''))
      })
      expect(await load.happens('complete', PATIENCE_MS)).toBe(true)
      await load.more(1)
      for (const { stream, keys } of streams)
        if (keys.includes(keyOf(31, KEYS, STRIDE))) stream.write(frame(31))
      expect(await load.happens('complete', PATIENCE_MS)).toBe(true)
      expect((await load.finish()).failureCount).toBe(0)
    })

    it('connects one client after another, each once the one before is ready', async () => {
      let open = 0
      let openMax = 0
      await runSelecting(
        (stream, own) => {
          openMax = Math.max(openMax, ++open)
          stream.write(own.map(frame).join(''))
          setTimeout(() => stream.write(`event:ready\ndata:{}\n\n`, () => open--), 50)
        },
        { records: 30, oneByOne: 'ready' },
      )
      expect(await load.happens('connected', PATIENCE_MS)).toBe(true)
      expect(openMax).toBe(1)
      expect((await load.finish()).eachToReadyMicros.count).toBe(CLIENTS)
    })
  })

  /** `answer` gets the stream, the numbers of its records up to the thirtieth, and its keys. */
  async function runSelecting(
    answer: (stream: ServerHttp2Stream, own: number[], keys: string[]) => void,
    task: object = { records: 30 },
  ) {
    const selects = { keysEach: 2, by: 'client', isOwn: false }
    const workload = { name: 'test', selects, keys: KEYS, stride: STRIDE, steps: [CLIENTS] }
    const selections = await makeSelections(workload, credentials)
    await run(
      (stream, _method, path) => {
        const keys = new URL(path, 'https://bench.invalid').searchParams.getAll('key')
        const records = Array.from({ length: 30 }, (_, index) => index + 1)
        const own = records.filter((sequence) => keys.includes(keyOf(sequence, KEYS, STRIDE)))
        answer(stream, own, keys)
      },
      200,
      { ...selections, keyParameter: 'key', ...task },
    )
  }

  /**
   * The tokens of all clients last that much longer, and all are challenged at once. Their answers get that status, and
   * then comes the last record.
   */
  async function runChallenged(leftMs: number, status: number) {
    const clients = Array.from({ length: CLIENTS }, (_, client) => client)
    const until = (ms: number) => clients.map((client) => ({ client, expiresAt: new Date(Date.now() + ms) }))
    const task = {
      tokens: await credentials.writeTokens('short.txt', until(leftMs)),
      renewals: await credentials.writeTokens('renewals.txt', until(3_600_000)),
      challengeSeconds: 10,
    }
    const open = new Map<unknown, ServerHttp2Stream>()
    await run(
      (stream, method) => {
        if (method === 'POST') {
          const challenged = open.get(stream.session)
          stream.on('close', () => challenged?.write(frame(3)))
          stream.end()
          return
        }
        open.set(stream.session, stream)
        stream.write(`event:challenge\ndata:{}\n\n${frame(1)}${frame(2)}`)
      },
      (method) => (method === 'GET' ? 200 : status),
      task,
    )
  }

  async function run(
    answer: (stream: ServerHttp2Stream, method: string, path: string) => void,
    status: number | ((method: string) => number) = 200,
    task: object = {},
  ) {
    server = createSecureServer({
      cert: readFileSync(credentials.certificateFile),
      key: readFileSync(credentials.certificateKeyFile),
    })
    server.on('stream', (stream, headers) => {
      const method = String(headers[':method'])
      stream.on('error', () => stream.destroy())
      stream.respond({
        ':status': typeof status === 'number' ? status : status(method),
        'content-type': 'text/event-stream',
      })
      answer(stream, method, String(headers[':path']))
    })
    server.on('sessionError', () => {}) // Who leaves on purpose.
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const target = { url: `https://127.0.0.1:${port}/events`, lanes: 1 }
    load = startLoad(target, credentials, { steps: [CLIENTS], records: 3, ...task })
  }
})

function frame(sequence: number): string {
  return `data:${encodeValue(sequence, 64)}\nid:${sequence}\n\n`
}
