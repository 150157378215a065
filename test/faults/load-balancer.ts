// HAProxy in front of servers, request by request in turn, without stickiness: a process that ends with its scene. It
// counts what the servers did to it.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { vi } from 'vitest'
import { freePort } from '../support/free-port.ts'

export interface BalancedServer {
  readonly port: number
  readonly adminPort: number
}

/** `tcp`: it passes connections on as they are, so that clients see the servers' certificate. */
export type Balancing = 'http' | 'tcp'

/** What went wrong between it and the servers, whether or not a client has noticed. */
export interface BalancerFigures {
  /** Connections that a server did not take. */
  readonly refused: number
  /** Requests or connections that were tried again, at the same server or another. */
  readonly retried: number
  /** Requests that no server was there for. */
  readonly unserved: number
  /** How often none of the servers was ready. */
  readonly outages: number
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
  static async open(
    servers: readonly BalancedServer[],
    balancing: Balancing = 'http',
  ): Promise<LoadBalancer> {
    const port = await freePort()
    const folder = mkdtempSync(join(tmpdir(), 'haproxy-'))
    const file = join(folder, 'haproxy.cfg')
    writeFileSync(file, configuration(port, servers, balancing, join(folder, STATISTICS)))
    const child = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' })
    const balancer = new LoadBalancer(port, child, folder)
    await vi.waitFor(() => accepts(port), { timeout: 10_000, interval: 50 })
    return balancer
  }

  /** Since it was opened. */
  async figures(): Promise<BalancerFigures> {
    const rows = await this.statistics()
    const sum = (name: string, kind: RegExp) =>
      rows
        .filter(({ svname }) => kind.test(svname ?? ''))
        .reduce((total, row) => total + Number(row[name] || 0), 0)
    return {
      refused: sum('econ', /^s\d/),
      retried: sum('wretr', /^s\d/) + sum('wredis', /^s\d/),
      unserved: sum('econ', /^BACKEND$/) - sum('econ', /^s\d/),
      outages: sum('chkdown', /^BACKEND$/),
    }
  }

  /** Of its servers, how many it takes for ready. */
  async serversUp(): Promise<number> {
    const rows = await this.statistics()
    return rows.filter(({ svname, status }) => /^s\d/.test(svname ?? '') && status === 'UP').length
  }

  /** Its table of statistics, which begins with a line of names. */
  private async statistics(): Promise<Record<string, string | undefined>[]> {
    const socket = connect(join(this.folder, STATISTICS))
    socket.end('show stat\n')
    const [names = '', ...lines] = (await text(socket)).replace('# ', '').trim().split('\n')
    const columns = names.split(',')
    return lines.map((line) => {
      const values = line.split(',')
      return Object.fromEntries(columns.map((name, at) => [name, values[at]]))
    })
  }

  async close(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL')
      await once(this.child, 'exit')
    }
    rmSync(this.folder, { recursive: true })
  }
}

const STATISTICS = 'statistics.sock'

function configuration(
  port: number,
  servers: readonly BalancedServer[],
  balancing: Balancing,
  statistics: string,
): string {
  const lines = servers.map(
    (server, at) =>
      `  server s${at} 127.0.0.1:${server.port} check port ${server.adminPort} inter 500 fall 1 rise 1`,
  )
  return `
global
  stats socket ${statistics}
defaults
  mode ${balancing}
  timeout connect 2s
  # A server on a busy machine that answers late is no server that is gone.
  timeout check 5s
  timeout client 60s
  timeout server 60s
  option redispatch 1
  retries 3
  ${balancing === 'http' ? 'retry-on conn-failure empty-response' : ''}
frontend clients
  bind 127.0.0.1:${port}
  default_backend servers
backend servers
  balance roundrobin
  ${balancing === 'http' ? 'http-reuse never' : ''}
  option httpchk GET /health/ready
${lines.join('\n')}
`
}

async function accepts(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect').finally(() => socket.destroy())
}
