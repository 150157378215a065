// The built server as its user runs it: `kafka-sse demo` in a folder of its own, on a Kafka that the test gives, at ports
// that the system chose and that stay the same over restarts. Needs `npm run build`.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { vi } from 'vitest'
import { keepPrintedBy, keepSecret } from './printed.ts'

const CLI = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url))
const START_TIMEOUT_MS = 30_000
/** The tutorial's arguments, word for word, but the lifetime and the subject. */
const TOKEN_ARGUMENTS =
  '--alg RS256 --kid example --iss https://auth.example.com --aud https://api.example.com --no-iat --payload scope=proxy:stream --secret @private.pem'
const PRIVATE_FILES = ['private.pem', 'server.key']

export interface Token {
  readonly text: string
  readonly expiresAtMs: number
}

export interface StartOptions {
  /** A token of either is good at both, and both have one authority. */
  readonly twin?: ServerProcess
  /** Settings besides those that say where it is and what it reads. */
  readonly settings?: Record<string, string>
  /** Leads a process group of its own, so that a signal can be sent to it and to all that it starts, as a terminal does. */
  readonly leadsGroup?: boolean
}

export class ServerProcess {
  readonly folder: string
  #port = 0
  #adminPort = 0
  readonly #env: NodeJS.ProcessEnv
  #child: ChildProcess | null = null
  /** Resolves with the exit code once its outputs are closed: every process that has them is gone. */
  #closed: Promise<number | null> = Promise.resolve(null)
  #output = ''
  readonly #leadsGroup: boolean

  private constructor(folder: string, env: NodeJS.ProcessEnv, leadsGroup: boolean) {
    this.folder = folder
    this.#env = env
    this.#leadsGroup = leadsGroup
  }

  /** Started, on the topic of that Kafka. `LOG_LEVEL` is the lowest, so that what could print a token does. */
  static async start(
    bootstrapServers: string,
    topic: string,
    { twin, settings, leadsGroup = false }: StartOptions = {},
  ): Promise<ServerProcess> {
    const kafka = { KAFKA_BOOTSTRAP_SERVERS: bootstrapServers, KAFKA_TOPIC: topic }
    const folder = await mkdtemp(join(tmpdir(), 'server-'))
    if (twin !== undefined) await copyIdentity(twin.folder, folder)
    const env = { PATH: process.env.PATH, LOG_LEVEL: 'trace', ...kafka, ...settings }
    const server = new ServerProcess(folder, env, leadsGroup)
    await server.start()
    for (const name of PRIVATE_FILES) keepSecret(server.read(name))
    return server
  }

  get url(): string {
    return `https://localhost:${this.#port}/events`
  }

  get port(): number {
    return this.#port
  }

  /** What it has printed since it was started last, both outputs. */
  get output(): string {
    return this.#output
  }

  get pid(): number {
    return this.#running.pid ?? 0
  }

  /** The process that serves, where that is not the one that was started: the one child of a launcher. */
  get servingPid(): number {
    const [child] = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8').split(' ')
    return Number(child)
  }

  /** PEM of the authority that signed its certificate. */
  get ca(): string {
    return this.read('test-ca.crt')
  }

  async start(): Promise<void> {
    this.#output = ''
    const ports = { PORT: String(this.#port), ADMIN_PORT: String(this.#adminPort) }
    const child = spawn(process.execPath, [CLI, 'demo'], {
      cwd: this.folder,
      env: { ...this.#env, ...ports },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: this.#leadsGroup,
    })
    this.#child = child
    this.#closed = once(child, 'close').then(([code]) => code)
    keepPrintedBy(child)
    for (const output of [child.stdout, child.stderr]) output.on('data', (bytes) => this.#keep(String(bytes)))
    const listening = await vi.waitUntil(() => this.#listening(), { timeout: START_TIMEOUT_MS })
    this.#port = listening.port
    this.#adminPort = listening.adminPort
  }

  /** Resolves with the exit code once it has ended, with whatever it started. */
  ended(): Promise<number | null> {
    return this.#closed
  }

  /** As an operator does; resolves with the exit code. */
  async stop(): Promise<number | null> {
    return this.#end('SIGTERM')
  }

  /** As an accident does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** By the tutorial's command. */
  async token(lifetime: string, subject = 'example'): Promise<Token> {
    const args = ['token', ...TOKEN_ARGUMENTS.split(' '), '--sub', subject, `--exp=${lifetime}`]
    const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...args], { cwd: this.folder })
    const text = keepSecret(stdout.trim())
    const { exp } = JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString())
    return { text, expiresAtMs: exp * 1000 }
  }

  /** The value of a metric, by its name and labels as they are printed. */
  async metric(name: string): Promise<number> {
    // By a connection of its own: kept alive, it would count among those that are open.
    const headers = { connection: 'close' }
    const response = await fetch(`http://127.0.0.1:${this.#adminPort}/metrics`, { headers })
    const line = (await response.text()).split('\n').find((text) => text.startsWith(`${name} `))
    return Number(line?.slice(name.length))
  }

  async close(): Promise<void> {
    await this.kill()
    await rm(this.folder, { recursive: true })
  }

  read(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8')
  }

  #listening(): { port: number; adminPort: number } | null {
    if (this.#child?.exitCode !== null) throw new Error(`the server did not start; it said: ${this.#output}`)
    const line = this.#output.split('\n').find((text) => text.includes('"msg":"listening"'))
    return line === undefined ? null : JSON.parse(line)
  }

  #keep(text: string): void {
    // Lines beyond are of no use here, and a test may make many.
    if (this.#output.length < 1_000_000) this.#output += text
  }

  get #running(): ChildProcess {
    if (this.#child === null) throw new Error('the server is not running')
    return this.#child
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child?.kill(signal) // nothing is sent to one that has ended
    this.#child = null
    return this.#closed
  }
}

async function copyIdentity(from: string, to: string): Promise<void> {
  for (const name of [...PRIVATE_FILES, 'server.crt', 'test-ca.crt']) {
    await copyFile(join(from, name), join(to, name))
  }
}
