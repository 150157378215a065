// The load generator against servers that are wrong on purpose: each fault is told, and a sound stream is not accused.
// Needs Go, as the bench does.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

interface Load {
  happens(name: string, timeoutMs: number): Promise<boolean>
  failure(): string | null
  finish(): Promise<{ received: number; receivedMin: number; failureCount: number }>
  end(): Promise<void>
}

interface Credentials {
  certificateFile: string
  certificateKeyFile: string
}

// The bench is plain JavaScript, which TypeScript does not look into.
const { buildLoad, startLoad } = (await import(bench('load.mjs'))) as {
  buildLoad: () => void
  startLoad: (target: object, credentials: Credentials, task: object) => Load
}
const { makeCredentials } = (await import(bench('credentials.mjs'))) as {
  makeCredentials: (folder: string, clients: number) => Promise<Credentials>
}
const { encodeValue } = (await import(bench('record.mjs'))) as {
  encodeValue: (sequence: number, valueBytes: number) => string
}

function bench(file: string): string {
  return new URL(`../../bench/${file}`, import.meta.url).href
}

const CLIENTS = 3
const PATIENCE_MS = 10_000

describe.skipIf(!hasGo())('the load generator', () => {
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

  it('accepts a sound stream, whatever stands between its records', async () => {
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

  it('tells a stream that the server ends', async () => {
    await run((stream) => stream.end(frame(1)))
    expect(await load.happens('complete', PATIENCE_MS)).toBe(false)
    expect(load.failure()).toContain('the server ended the stream')
  })

  it('tells a stream that the server resets', async () => {
    await run((stream) => stream.destroy(new Error('broken on purpose')))
    expect(await load.happens('complete', PATIENCE_MS)).toBe(false)
    expect(load.failure()).toContain('the server reset the stream: INTERNAL_ERROR')
  })

  it('tells an answer that is no stream', async () => {
    await run((stream) => stream.end(), 401)
    expect(await load.happens('connected', PATIENCE_MS)).toBe(false)
    expect(load.failure()).toContain('status 401')
  })

  it('counts what each client has where one of them is behind', async () => {
    let streams = 0
    await run((stream) => stream.write(streams++ === 0 ? frame(1) : frame(1) + frame(2) + frame(3)))
    expect(await load.happens('complete', 500)).toBe(false)
    expect(load.failure()).toBe(null)
    expect(await load.finish()).toMatchObject({ received: 1 + 3 * (CLIENTS - 1), receivedMin: 1 })
  })

  async function run(answer: (stream: ServerHttp2Stream) => void, status = 200) {
    server = createSecureServer({
      cert: readFileSync(credentials.certificateFile),
      key: readFileSync(credentials.certificateKeyFile),
    })
    server.on('stream', (stream) => {
      stream.respond({ ':status': status, 'content-type': 'text/event-stream' })
      stream.on('error', () => stream.destroy())
      answer(stream)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const target = { url: `https://127.0.0.1:${port}/events`, lanes: 1 }
    load = startLoad(target, credentials, { steps: [CLIENTS], warmup: 0, records: 3 })
  }
})

function frame(sequence: number): string {
  return `data:${encodeValue(sequence, 64)}\nid:${sequence}\n\n`
}

function hasGo(): boolean {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    process.stderr.write('No Go here: the bench and its tests are left out.\n')
    return false
  }
}
