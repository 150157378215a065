// Our commands as processes of their own, with all that they print. Needs `npm run build`.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'
import { AUDIENCE, ISSUER } from './keys-and-tokens.ts'
import { keepPrintedBy } from './printed.ts'

export const CLI = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url))
/** Nothing listens on port 1, so Kafka is unreachable there. */
export const NO_KAFKA = '127.0.0.1:1'
/** Where `kafka-sse serve` is: ports that the system chooses, no TLS, no Kafka. */
export const LOCAL_SETTINGS = {
  KAFKA_BOOTSTRAP_SERVERS: NO_KAFKA,
  TLS: 'off',
  HOST: '127.0.0.1',
  PORT: '0',
  ADMIN_PORT: '0',
}
/** All that `kafka-sse serve` needs. `public.pem` is for the test to write into the folder. */
export const SERVE_SETTINGS = {
  ...LOCAL_SETTINGS,
  JWT_ISSUER: ISSUER,
  JWT_AUDIENCE: AUDIENCE,
  JWT_KEYS: 'public.pem',
}
export const LISTENING_MS = 60_000
/** Most tests that print more have no use for it. */
const OUTPUT_LENGTH_MAX = 1_000_000

type Environment = Readonly<Record<string, string>>

export interface ProcessOptions {
  /** Descriptors from the fourth on. LISTEN_FDS and LISTEN_PID are set for as many. */
  readonly sockets?: readonly number[]
  /** Its standard input is `child.stdin`; otherwise it has none. */
  readonly readsInput?: boolean
  /** Leads a process group of its own, as what a terminal starts does. */
  readonly leadsGroup?: boolean
  /** What runs our command, and is given its arguments. Default: Node, as our command itself asks for it. */
  readonly program?: readonly string[]
  /** Of each output: what is printed beyond it is not kept. */
  readonly outputLengthMax?: number
}

export interface ListeningPorts {
  readonly port: number
  readonly adminPort: number
}

/** A folder of files, and commands that run in it. */
export class CommandScene {
  readonly folder = mkdtempSync(join(tmpdir(), 'command-'))
  private readonly started: CommandProcess[] = []

  private constructor() {}

  static open(files: Readonly<Record<string, string>> = {}): CommandScene {
    const scene = new CommandScene()
    for (const [name, text] of Object.entries(files)) scene.file(name, text)
    return scene
  }

  /** Writes a file; returns its path. */
  file(name: string, text: string): string {
    const path = join(this.folder, name)
    writeFileSync(path, text)
    return path
  }

  start(args: readonly string[], env: Environment = {}, options: ProcessOptions = {}): CommandProcess {
    const started = new CommandProcess(this.folder, args, env, options)
    this.started.push(started)
    return started
  }

  /** Starts a command, and resolves when it has ended. */
  async run(args: readonly string[], env: Environment = {}) {
    const started = this.start(args, env)
    const code = await started.ended
    return { code, stdout: started.stdout, stderr: started.stderr }
  }

  /** Kills what still runs. */
  async close(): Promise<void> {
    await Promise.all(this.started.map((each) => each.kill()))
    rmSync(this.folder, { recursive: true })
  }
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
  private readonly leadsGroup: boolean

  constructor(folder: string, args: readonly string[], env: Environment, options: ProcessOptions = {}) {
    const { sockets = [], leadsGroup = false, readsInput = false } = options
    const { program = [process.execPath, CLI], outputLengthMax = OUTPUT_LENGTH_MAX } = options
    this.leadsGroup = leadsGroup
    // A shell that becomes the command: only so can LISTEN_PID be told.
    const isGivenSockets = sockets.length > 0 || 'LISTEN_FDS' in env
    const script = `${isGivenSockets ? 'LISTEN_PID=$$ ' : ''}exec "$0" "$@"`
    this.child = spawn('sh', ['-c', script, ...program, ...args], {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        ...(sockets.length > 0 && { LISTEN_FDS: String(sockets.length) }),
        ...env,
      },
      stdio: [readsInput ? 'pipe' : 'ignore', 'pipe', 'pipe', ...sockets],
      detached: leadsGroup,
    })
    keepPrintedBy(this.child)
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      this.endedAtMs = performance.now()
      return code ?? signal
    })
    this.child.stdout?.setEncoding('utf8').on('data', (text) => {
      if (this.stdout.length < outputLengthMax) this.stdout += text
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text) => {
      if (this.stderr.length < outputLengthMax) this.stderr += text
      this.saidAtMs = performance.now()
    })
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  /** Both outputs. */
  get output(): string {
    return this.stdout + this.stderr
  }

  /** Resolves once it says that it listens; rejects when it ends before. */
  async listening(): Promise<ListeningPorts> {
    const look = (): ListeningPorts | null => {
      if (this.child.exitCode !== null) throw new Error(`it ended, and said: ${this.output}`)
      const line = this.stdout.split('\n').find((text) => text.includes('"msg":"listening"'))
      return line === undefined ? null : JSON.parse(line)
    }
    return (await vi.waitUntil(look, { timeout: LISTENING_MS, interval: 10 })) as ListeningPorts
  }

  /** Sends the signal; resolves as `ended` does. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null> {
    this.child.kill(signal) // nothing is sent to one that has ended
    return this.ended
  }

  /** With its process group, if it leads one. */
  async kill(): Promise<void> {
    try {
      if (this.leadsGroup) process.kill(-this.pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // all of it has ended
    }
    await this.end('SIGKILL')
  }
}
