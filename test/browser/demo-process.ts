// The built demo as its user runs it: a broker and a server in a folder of their own, at a port that the system chose.

import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { vi } from 'vitest'
import { type CommandProcess, CommandScene } from '../support/command-process.ts'
import { keepSecret } from '../support/printed.ts'

const START_TIMEOUT_MS = 30_000

export class DemoProcess {
  /** Kept over restarts, since a page comes back to the address that it knows. */
  port = 0
  private readonly scene = CommandScene.open()
  private readonly env: Record<string, string>
  private readonly broker: CommandProcess
  private server: CommandProcess | null = null

  private constructor(env: Record<string, string>) {
    this.env = env
    this.broker = this.scene.start(['broker'], env)
  }

  /** Started, beside a broker that outlives it. */
  static async open(env: Record<string, string>): Promise<DemoProcess> {
    const demo = new DemoProcess(env)
    await until(demo.broker, () => existsSync(join(demo.folder, '.kafka-sse/broker.json')))
    await demo.start()
    return demo
  }

  get folder(): string {
    return this.scene.folder
  }

  /** What the server has printed since it was started last. */
  get output(): string {
    return this.server?.output ?? ''
  }

  get isRunning(): boolean {
    return this.server !== null
  }

  get origin(): string {
    return `https://localhost:${this.port}`
  }

  async start(): Promise<void> {
    const server = this.scene.start(['demo'], { ...this.env, PORT: String(this.port), ADMIN_PORT: '0' })
    this.server = server
    const page = /:(\d+)\/index\.html/
    await until(server, () => page.test(server.stdout))
    this.port = Number(page.exec(server.stdout)?.[1])
    for (const name of ['private.pem', 'server.key'])
      keepSecret(await readFile(join(this.folder, name), 'utf8'))
  }

  async stop(): Promise<void> {
    await this.server?.end('SIGTERM')
    this.server = null
  }

  async produce(key: string, value: string): Promise<void> {
    await this.write('--key', key, value)
  }

  /** A producer that stays: each line of its input is a key, a tab and a value. Ends with the demo. */
  pour(): Writable {
    const { child } = this.scene.start(['produce', '--key-separator', '\t'], this.env, { readsInput: true })
    if (child.stdin === null) throw new Error('the producer has no input')
    return child.stdin
  }

  /** Writes a tombstone. */
  async delete(key: string): Promise<void> {
    await this.write('--delete', '--key', key)
  }

  private async write(...args: string[]): Promise<void> {
    const { code, stderr } = await this.scene.run(['produce', ...args], this.env)
    if (code !== 0) throw new Error(`it was not produced: ${stderr}`)
  }

  async close(): Promise<void> {
    await this.stop()
    await this.broker.end('SIGTERM')
    await this.scene.close()
  }
}

async function until(process: CommandProcess, condition: () => boolean): Promise<void> {
  await vi.waitUntil(condition, { timeout: START_TIMEOUT_MS }).catch((cause: unknown) => {
    throw new Error(`the demo did not start; it said: ${process.output}`, { cause })
  })
}
