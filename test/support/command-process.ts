// A command of ours as a process, with all that it prints; whatever a test leaves running is killed after it. Needs
// `npm run build`.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'
import { keepPrintedBy } from './printed.ts'

export const CLI = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url))
const LISTENING_MS = 15_000

export interface CommandOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** Descriptors from the fourth on. LISTEN_FDS and LISTEN_PID are set for as many. */
  readonly sockets?: readonly number[]
  /** Leads a process group of its own, as what a terminal starts does. */
  readonly leadsGroup?: boolean
}

export interface ListeningPorts {
  readonly port: number
  readonly adminPort: number
}

export class CommandProcess {
  readonly child: ChildProcess
  /** Resolves with the exit code, or the signal that ended it, once every process that has its outputs is gone. */
  readonly ended: Promise<number | NodeJS.Signals | null>
  stdout = ''
  stderr = ''
  /** When it last printed to standard error, and when it ended, by performance.now. */
  saidAtMs = 0
  endedAtMs = 0

  constructor(args: readonly string[], { cwd, env, sockets = [], leadsGroup = false }: CommandOptions) {
    // A shell that becomes the command: only so can LISTEN_PID be told.
    const script = `${sockets.length > 0 ? 'LISTEN_PID=$$ ' : ''}exec "$0" "$@"`
    this.child = spawn('sh', ['-c', script, process.execPath, CLI, ...args], {
      cwd,
      env: {
        PATH: process.env.PATH,
        ...(sockets.length > 0 && { LISTEN_FDS: String(sockets.length) }),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe', ...sockets],
      detached: leadsGroup,
    })
    keepPrintedBy(this.child)
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      this.endedAtMs = performance.now()
      return code ?? signal
    })
    this.child.stdout?.setEncoding('utf8').on('data', (text) => {
      this.stdout += text
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.stderr += text
      this.saidAtMs = performance.now()
    })
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  /** Resolves once it says that it listens; rejects when it ends before. */
  async listening(): Promise<ListeningPorts> {
    const look = (): ListeningPorts | null => {
      if (this.child.exitCode !== null) throw new Error(`it ended, and said: ${this.stderr}`)
      const line = this.stdout.split('\n').find((text) => text.includes('"msg":"listening"'))
      return line === undefined ? null : JSON.parse(line)
    }
    return (await vi.waitUntil(look, { timeout: LISTENING_MS, interval: 20 })) as ListeningPorts
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
  }
}
