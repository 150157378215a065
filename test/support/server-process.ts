// The built server as its user runs it: `kafka-sse demo` in a folder of its own, on a Kafka that the test gives. Its
// ports are chosen by the system, and stay the same over restarts. Needs `npm run build`.

import { execFile } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  DEMO_AUDIENCE,
  DEMO_ISSUER,
  DEMO_KEY_ID,
  DEMO_SCOPE,
  PRIVATE_KEY_FILE,
} from '../../src/demo/identity.ts'
import { mintToken, readSigningKey, type TokenClaims } from '../../src/demo/token.ts'
import type { StreamOptions } from '../../src/options.ts'
import { CLI, CommandProcess } from './command-process.ts'
import { keepSecret } from './printed.ts'

/** The tutorial's arguments, word for word, but the lifetime and the subject. */
const TOKEN_ARGUMENTS =
  '--alg RS256 --kid example --iss https://auth.example.com --aud https://api.example.com ' +
  '--no-iat --payload scope=proxy:stream --secret @private.pem'
/** What these arguments come to, but the two. */
const TOKEN_CLAIMS = { iss: DEMO_ISSUER, aud: DEMO_AUDIENCE, scope: DEMO_SCOPE }
const UNIT_SECONDS = { s: 1, m: 60, h: 3_600 }
/** As the tutorial's command takes it. */
export type Lifetime = `+${number}${keyof typeof UNIT_SECONDS}`
const PRIVATE_FILES = [PRIVATE_KEY_FILE, 'server.key']

export interface Token {
  readonly text: string
  readonly expiresAtMs: number
}

/** What `serve` needs besides, in a folder with the demo's files. */
const SERVE_SETTINGS = {
  HOST: 'localhost',
  JWT_ISSUER: 'https://auth.example.com',
  JWT_AUDIENCE: 'https://api.example.com',
  JWT_KEYS: 'server.pub',
  TLS_CERT_FILE: 'server.crt',
  TLS_KEY_FILE: 'server.key',
}

export interface ServerOptions {
  /** `serve` needs a twin, which makes its tokens. Default: `demo`. */
  readonly command?: 'demo' | 'serve'
  /** A token of either is good at both, and both have one authority. */
  readonly twin?: ServerProcess
  /** Its streams, in a CONFIG_FILE, in place of /events with the topic. */
  readonly streams?: readonly StreamOptions[]
  /** Settings besides those that say where it is and what it reads. */
  readonly settings?: Record<string, string>
  /** Leads a process group of its own: a signal can be sent to it and to all that it starts, as a terminal does. */
  readonly leadsGroup?: boolean
}

export class ServerProcess {
  readonly folder: string
  private readonly env: Record<string, string>
  private readonly how: Required<Pick<ServerOptions, 'command' | 'leadsGroup'>>
  private ports = { port: 0, adminPort: 0 }
  /** What was started last. */
  private process: CommandProcess | null = null

  private constructor(folder: string, env: Record<string, string>, how: ServerProcess['how']) {
    this.folder = folder
    this.env = env
    this.how = how
  }

  /** Started, on the topic of that Kafka. `LOG_LEVEL` is the lowest, so that what could print a token does. */
  static async open(
    bootstrapServers: string,
    topic: string,
    { command = 'demo', twin, streams, settings, leadsGroup = false }: ServerOptions = {},
  ): Promise<ServerProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'server-'))
    if (twin !== undefined) await copyIdentity(twin.folder, folder)
    if (command === 'serve') await keepPublicKeyOnly(folder)
    const file = join(folder, 'streams.json')
    if (streams !== undefined) await writeFile(file, JSON.stringify({ streams }))
    const read = streams === undefined ? { KAFKA_TOPIC: topic } : { CONFIG_FILE: file }
    const kafka = { KAFKA_BOOTSTRAP_SERVERS: bootstrapServers, ...read }
    const env = { LOG_LEVEL: 'trace', ...(command === 'serve' && SERVE_SETTINGS), ...kafka, ...settings }
    const server = new ServerProcess(folder, env, { command, leadsGroup })
    await server.start()
    for (const name of PRIVATE_FILES) if (existsSync(join(folder, name))) keepSecret(server.read(name))
    return server
  }

  get url(): string {
    return `https://localhost:${this.port}/events`
  }

  get port(): number {
    return this.ports.port
  }

  /** What it has printed since it was started last, both outputs. */
  get output(): string {
    return this.running.output
  }

  get pid(): number {
    return this.running.pid
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

  /** At the ports that it had before. */
  async start(): Promise<void> {
    const { port, adminPort } = this.ports
    const env = { ...this.env, PORT: String(port), ADMIN_PORT: String(adminPort) }
    const { command, leadsGroup } = this.how
    this.process = new CommandProcess(this.folder, [command], env, { leadsGroup })
    this.ports = await this.process.listening()
  }

  /** Resolves with the exit code once it has ended, with all that it started. */
  ended(): Promise<number | NodeJS.Signals | null> {
    return this.running.ended
  }

  /** As an operator does; resolves with the exit code. */
  stop(): Promise<number | NodeJS.Signals | null> {
    return this.running.end('SIGTERM')
  }

  /** As an accident does. */
  kill(): Promise<void> {
    return this.running.kill()
  }

  /** The tutorial's, made in this process: the command is a process for each. */
  async token(lifetime: Lifetime, subject = 'example', claims: TokenClaims = {}): Promise<Token> {
    const exp = Math.floor(Date.now() / 1000) + secondsOf(lifetime)
    const text = await mintToken({
      key: await readSigningKey(join(this.folder, PRIVATE_KEY_FILE)),
      algorithm: 'RS256',
      keyId: DEMO_KEY_ID,
      claims: { ...TOKEN_CLAIMS, sub: subject, exp, ...claims },
    })
    return { text: keepSecret(text), expiresAtMs: exp * 1000 }
  }

  /** The same by the tutorial's command. */
  async tokenByCommand(lifetime: Lifetime, subject = 'example'): Promise<Token> {
    const args = ['token', ...TOKEN_ARGUMENTS.split(' '), '--sub', subject, `--exp=${lifetime}`]
    const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...args], { cwd: this.folder })
    const text = keepSecret(stdout.trim())
    const { exp } = JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString())
    return { text, expiresAtMs: exp * 1000 }
  }

  /** The value of a metric, by its name and labels as they are printed. */
  async metric(name: string): Promise<number> {
    const line = (await this.metrics()).split('\n').find((text) => text.startsWith(`${name} `))
    return Number(line?.slice(name.length))
  }

  async metrics(): Promise<string> {
    // By a connection of its own: kept alive, it would count among those that are open.
    const headers = { connection: 'close' }
    return (await fetch(`http://127.0.0.1:${this.ports.adminPort}/metrics`, { headers })).text()
  }

  async close(): Promise<void> {
    await this.kill()
    await rm(this.folder, { recursive: true })
  }

  read(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8')
  }

  private get running(): CommandProcess {
    if (this.process === null) throw new Error('the server was not started')
    return this.process
  }
}

function secondsOf(lifetime: Lifetime): number {
  return Number(lifetime.slice(1, -1)) * UNIT_SECONDS[lifetime.slice(-1) as keyof typeof UNIT_SECONDS] // by its type
}

/** Of the key that signs tokens. `serve` refuses the demo's where it can be read. */
async function keepPublicKeyOnly(folder: string): Promise<void> {
  const file = join(folder, PRIVATE_KEY_FILE)
  const key = createPublicKey(await readFile(file))
  await writeFile(join(folder, SERVE_SETTINGS.JWT_KEYS), key.export({ type: 'spki', format: 'pem' }))
  await rm(file)
}

async function copyIdentity(from: string, to: string): Promise<void> {
  for (const name of [...PRIVATE_FILES, 'server.crt', 'test-ca.crt']) {
    await copyFile(join(from, name), join(to, name))
  }
}
