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

const CLI = fileURLToPath(new URL('../dist/src/cli.js', import.meta.url))
const START_TIMEOUT_MS = 30_000
/** The tutorial's arguments, word for word, but the lifetime and the subject. */
const TOKEN_ARGUMENTS =
  '--alg RS256 --kid example --iss https://auth.example.com --aud https://api.example.com --no-iat --payload scope=proxy:stream --secret @private.pem'
const PRIVATE_FILES = ['private.pem', 'server.key']

export interface Token {
  readonly text: string
  readonly expiresAtMs: number
}

export class ServerProcess {
  readonly folder: string
  #port = 0
  #adminPort = 0
  readonly #env: NodeJS.ProcessEnv
  #child: ChildProcess | null = null
  #output = ''

  private constructor(folder: string, env: NodeJS.ProcessEnv) {
    this.folder = folder
    this.#env = env
  }

  /**
   * Started, on the topic of that Kafka. `LOG_LEVEL` is the lowest, so that what could print a token does. With `twin`, a
   * token of either is good at both, and both have one authority.
   */
  static async start(bootstrapServers: string, topic: string, twin?: ServerProcess): Promise<ServerProcess> {
    const kafka = { KAFKA_BOOTSTRAP_SERVERS: bootstrapServers, KAFKA_TOPIC: topic }
    const folder = await mkdtemp(join(tmpdir(), 'server-'))
    if (twin !== undefined) await copyIdentity(twin.folder, folder)
    const server = new ServerProcess(folder, { PATH: process.env.PATH, LOG_LEVEL: 'trace', ...kafka })
    await server.start()
    for (const name of PRIVATE_FILES) keepSecret(server.read(name))
    return server
  }

  get url(): string {
    return `https://localhost:${this.#port}/events`
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
    })
    this.#child = child
    keepPrintedBy(child)
    for (const output of [child.stdout, child.stderr]) output.on('data', (bytes) => this.#keep(String(bytes)))
    const listening = await vi.waitUntil(() => this.#listening(), { timeout: START_TIMEOUT_MS })
    this.#port = listening.port
    this.#adminPort = listening.adminPort
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
    const response = await fetch(`http://127.0.0.1:${this.#adminPort}/metrics`)
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

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    child.kill(signal)
    const [code] = await once(child, 'exit')
    return code
  }
}

async function copyIdentity(from: string, to: string): Promise<void> {
  for (const name of [...PRIVATE_FILES, 'server.crt', 'test-ca.crt']) {
    await copyFile(join(from, name), join(to, name))
  }
}
