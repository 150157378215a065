// The built demo as its user runs it: processes of their own in a folder of their own, at ports that the system chose.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { vi } from 'vitest'
import { keepPrintedBy, keepSecret } from '../support/printed.ts'

const CLI = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url))
const START_TIMEOUT_MS = 30_000

export class DemoProcess {
  readonly folder: string
  /** Kept over restarts, since a page comes back to the address that it knows. */
  port = 0
  /** All that the server has printed. */
  output = ''
  readonly #env: NodeJS.ProcessEnv
  readonly #broker: ChildProcess
  #server: ChildProcess | null = null

  private constructor(folder: string, env: NodeJS.ProcessEnv) {
    this.folder = folder
    this.#env = { PATH: process.env.PATH, ...env }
    this.#broker = this.#spawn('broker', {})
  }

  /** A broker that outlives the server; the server is not started yet. */
  static async prepare(env: NodeJS.ProcessEnv): Promise<DemoProcess> {
    const demo = new DemoProcess(await mkdtemp(join(tmpdir(), 'demo-')), env)
    await demo.#until(() => existsSync(join(demo.folder, '.kafka-sse/broker.json')))
    return demo
  }

  get running(): boolean {
    return this.#server !== null
  }

  get origin(): string {
    return `https://localhost:${this.port}`
  }

  async start(): Promise<void> {
    this.output = ''
    this.#server = this.#spawn('demo', { PORT: String(this.port), ADMIN_PORT: '0' })
    await this.#until(() => /:\d+\/index\.html/.test(this.output))
    this.port = Number(/:(\d+)\/index\.html/.exec(this.output)?.[1])
    for (const name of ['private.pem', 'server.key'])
      keepSecret(await readFile(join(this.folder, name), 'utf8'))
  }

  async stop(): Promise<void> {
    if (this.#server !== null) await end(this.#server)
    this.#server = null
  }

  async produce(key: string, value: string): Promise<void> {
    await promisify(execFile)(process.execPath, [CLI, 'produce', '--key', key, value], {
      cwd: this.folder,
      env: this.#env,
    })
  }

  async close(): Promise<void> {
    await this.stop()
    await end(this.#broker)
    await rm(this.folder, { recursive: true })
  }

  #spawn(command: string, env: NodeJS.ProcessEnv): ChildProcess {
    const child = spawn(process.execPath, [CLI, command], {
      cwd: this.folder,
      env: { ...this.#env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    keepPrintedBy(child)
    const keep = (bytes: Buffer): void => {
      this.output += bytes
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    return child
  }

  async #until(condition: () => boolean): Promise<void> {
    await vi.waitUntil(condition, { timeout: START_TIMEOUT_MS }).catch((cause: unknown) => {
      throw new Error(`the demo did not start; it said: ${this.output}`, { cause })
    })
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}
