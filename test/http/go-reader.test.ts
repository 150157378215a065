// The reader in Go of README.md, as it stands there: it prints the longest line that a stream has, and tells why it
// has ended.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { hasPrograms } from '../support/programs.ts'

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const [, READER = ''] = /^```go\n(.*?)^```/ms.exec(README) ?? []
const ADDRESS = 'https://localhost:7143/events'
const IMPORTS = ['bufio', 'fmt', 'log', 'net/http', 'os', 'strings']
/** A frame has 16 MiB at most, its other lines included. */
const LINE_BYTES_MAX = 16 * 1024 * 1024
const BUILD_MS = 120_000

describe.skipIf(!hasPrograms('the reader in Go', 'go'))('The reader in Go of the README', () => {
  const folder = mkdtempSync(join(tmpdir(), 'go-reader-'))
  const program = join(folder, 'reader')
  let answer: RequestListener
  const server = createServer((request, response) => answer(request, response))

  beforeAll(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo // it listens at a port
    const body = READER.replace(ADDRESS, `http://127.0.0.1:${port}/events`)
    expect(body).not.toBe(READER)
    const imports = IMPORTS.map((name) => `import ${JSON.stringify(name)}\n`).join('')
    const given = 'token, client := os.Args[1], http.DefaultClient'
    writeFileSync(join(folder, 'main.go'), `package main\n\n${imports}\nfunc main() {\n${given}\n${body}}\n`)
    const { stderr, status } = spawnSync('go', ['build', '-o', program, 'main.go'], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, GO111MODULE: 'off', GOTOOLCHAIN: 'local' },
    })
    expect(stderr).toBe('')
    expect(status).toBe(0)
  }, BUILD_MS)
  afterEach(() => server.closeAllConnections())
  afterAll(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })

  /** What it prints, until it ends. */
  async function read(answered: RequestListener) {
    answer = answered
    const child = spawn(program, ['a-token'], { stdio: ['ignore', 'pipe', 'pipe'] })
    const [printed, told, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ])
    return { printed, told, code }
  }

  const streamed =
    (...blocks: string[]): RequestListener =>
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(`retry:2000\n\n${blocks.join('')}`)
    }

  it('prints records alone, also one of the greatest size', async () => {
    const large = 'x'.repeat(LINE_BYTES_MAX - 'data:\n'.length)
    const stream = streamed(
      'data:one\nid:AQIAAg==\n\n',
      'event:delete\ndata:MQ==\nid:AQIABA==\n\n',
      `data:${large}\nid:AQIABg==\n\n`,
      'event:challenge\ndata:{}\n\n',
      'data:two\nid:AQIACA==\n\n:end expired\n\n',
    )
    const { printed, told, code } = await read(stream)
    expect({ told, code }).toEqual({ told: '', code: 0 })
    // Not compared as a whole: a difference of 16 MiB takes long to print.
    expect(printed.split('\n').map(({ length }) => length)).toEqual([3, large.length, 3, 0])
  })

  it('tells of a line that is too long', async () => {
    const { told, code } = await read(streamed(`data:one\n\ndata:${'x'.repeat(2 * LINE_BYTES_MAX)}\n\n`))
    expect(told).toContain('token too long')
    expect(code).toBe(1)
  })

  it('tells of a connection that was lost, and of an answer that is no stream', async () => {
    const lost = await read((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data:one\n\n', () => response.destroy())
    })
    expect(lost).toMatchObject({ printed: 'one\n', code: 1 })
    expect(lost.told).toContain('unexpected EOF')
    const refused = await read((_request, response) => void response.writeHead(401).end())
    expect(refused).toMatchObject({ printed: '', code: 1 })
    expect(refused.told).toContain('401 Unauthorized')
  })
})
