// A server that is busy with clients that come back answers late when it is asked whether it is ready. A proxy that
// takes it for gone then would send its clients to the next one, which is as busy.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Agent, fetch } from 'undici'
import { expect, it } from 'vitest'
import { localCertificates } from '../support/certificates.ts'
import { forThisTest } from '../support/scene.ts'
import { eventually } from '../support/time.ts'
import { PROXIES, type ProxyKind, ProxyProcess } from './proxy.ts'

const LATE_MS = 2500
const ASKING = PROXIES.filter(({ name }) => name !== 'nginx')
const found = await Promise.all(ASKING.map(async (kind) => ({ kind, program: await kind.find() })))
const { caPem } = await localCertificates()

/** A server that is ready, and says so at once until it is `busy`. */
class BusyServer {
  isBusy = false
  /** How many were answered late. */
  late = 0
  private readonly streams = createServer((_, response) => response.end('here'))
  private readonly admin = createServer(async (_, response) => {
    if (this.isBusy) await pause(LATE_MS)
    if (this.isBusy) this.late++
    response.end('{"ready":true}')
  })

  static async open(): Promise<BusyServer> {
    const server = new BusyServer()
    for (const each of [server.streams, server.admin]) await once(each.listen(0, '127.0.0.1'), 'listening')
    return server
  }

  get ports() {
    const portOf = (server: typeof this.admin) => (server.address() as AddressInfo).port
    return { serverPort: portOf(this.streams), adminPort: portOf(this.admin) }
  }

  close(): void {
    for (const each of [this.streams, this.admin]) each.close().closeAllConnections()
  }
}

async function staysBehind(kind: ProxyKind, program: string): Promise<void> {
  const server = await forThisTest(BusyServer.open())
  const proxy = await forThisTest(ProxyProcess.open(kind, program, server.ports))
  const dispatcher = await forThisTest(new Agent({ connect: { ca: caPem } }))
  const ask = async () => {
    const response = await fetch(`https://localhost:${proxy.port}/`, { dispatcher })
    return [kind.name, response.status, await response.text()]
  }
  const here = [kind.name, 200, 'here']
  await eventually(async () => expect(await ask()).toEqual(here))
  server.isBusy = true
  while (server.late < 2) {
    expect(await ask()).toEqual(here)
    await pause(100)
  }
}

it(`a readiness that comes after ${LATE_MS} ms is waited for`, async () => {
  await Promise.all(found.map(({ kind, program }) => (program === null ? null : staysBehind(kind, program))))
})
