// HAProxy in front of servers, request by request in turn, without stickiness: a process that ends with its scene.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { freePort } from '../support/free-port.ts'

export interface BalancedServer {
  readonly port: number
  readonly adminPort: number
}

export class LoadBalancer {
  readonly port: number
  private readonly child: ChildProcess
  private readonly folder: string

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.port = port
    this.child = child
    this.folder = folder
  }

  /** Sends requests to the servers that are ready. */
  static async open(servers: readonly BalancedServer[]): Promise<LoadBalancer> {
    const port = await freePort()
    const folder = mkdtempSync(join(tmpdir(), 'haproxy-'))
    const file = join(folder, 'haproxy.cfg')
    writeFileSync(file, configuration(port, servers))
    const child = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' })
    const balancer = new LoadBalancer(port, child, folder)
    await vi.waitFor(() => accepts(port), { timeout: 10_000, interval: 50 })
    return balancer
  }

  async close(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL')
      await once(this.child, 'exit')
    }
    rmSync(this.folder, { recursive: true })
  }
}

function configuration(port: number, servers: readonly BalancedServer[]): string {
  const lines = servers.map(
    (server, at) =>
      `  server s${at} 127.0.0.1:${server.port} check port ${server.adminPort} inter 500 fall 1 rise 1`,
  )
  return `
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  option redispatch 1
  retries 3
  retry-on conn-failure empty-response
frontend clients
  bind 127.0.0.1:${port}
  default_backend servers
backend servers
  balance roundrobin
  http-reuse never
  option httpchk GET /health/ready
${lines.join('\n')}
`
}

async function accepts(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect').finally(() => socket.destroy())
}
