// What the HAProxy of deploy/proxies does as replicas become ready and not ready. proxies.test.ts has the rest.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { hasPrograms } from '../support/programs.ts'

const CONFIGURATION = readFileSync(new URL('../../deploy/proxies/haproxy.cfg', import.meta.url), 'utf8')
const SOON = { timeout: 30_000, interval: 50 }
const EVENTS = { headers: { accept: 'text/event-stream' } }

const can = hasPrograms('the HAProxy of deploy/proxies', 'haproxy')

describe.skipIf(!can)('The HAProxy of deploy/proxies', () => {
  const folder = mkdtempSync(join(tmpdir(), 'haproxy-'))
  /** In place of both ports of a server: whether it is ready, and the address of a client. */
  const server = createServer(({ url, headers }, response) => {
    if (url === '/health/ready') response.writeHead(isReady ? 200 : 503).end()
    else response.end(`${headers['x-forwarded-for']}`)
  })
  let isReady = true
  let proxy: ChildProcess
  let url: string

  beforeAll(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo // it listens at a port
    const front = await freePort()
    url = `http://127.0.0.1:${front}/events`
    const text = CONFIGURATION.replace(/bind :443 .*/, `bind 127.0.0.1:${front}`)
      .replaceAll(/10\.0\.0\.\d+:7143/g, `127.0.0.1:${port}`)
      .replaceAll('port 9464', `port ${port}`)
    const file = join(folder, 'haproxy.cfg')
    writeFileSync(file, text)
    proxy = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' })
    await vi.waitFor(async () => expect((await fetch(url)).status).toBe(200), SOON)
  })
  afterAll(async () => {
    proxy.kill('SIGKILL')
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true })
  })

  it('hands the address of a client on, and not what the client writes in its place', async () => {
    const answer = await fetch(url, { headers: { 'x-forwarded-for': '203.0.113.1' } })
    expect(await answer.text()).toBe('127.0.0.1')
  })

  it('answers as a busy server where no replica is ready, so that a browser comes back', async () => {
    isReady = false
    await vi.waitFor(async () => expect((await fetch(url)).status).toBe(503), SOON)
    const answer = await fetch(url, EVENTS)
    expect(answer.status).toBe(200)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'access-control-allow-origin': '*',
    })
    expect(await answer.text()).toBe('retry:15000\n\n:end busy\n\n')
    expect((await fetch(url, { method: 'POST', ...EVENTS })).status).toBe(503)
    isReady = true
    await vi.waitFor(async () => expect(await (await fetch(url, EVENTS)).text()).toBe('127.0.0.1'), SOON)
  })
})
