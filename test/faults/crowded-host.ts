// Starts a host with many registrations, and asks it. Needs `npm run build`.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { KafkaSseOptions } from '../../src/plugin.ts'
import { keepPrintedBy } from '../support/printed.ts'

const FILE = fileURLToPath(new URL('../../bench/turns/host.mjs', import.meta.url))

interface Message {
  readonly port?: number
  readonly upToDateMs?: number
  readonly readsMs?: readonly number[]
}

export class CrowdedHost {
  /** Resolves with the time from the first registration until every topic was read up to date. */
  readonly upToDateMs: Promise<number>
  private readonly child: ChildProcess

  private constructor(child: ChildProcess) {
    this.child = child
    this.upToDateMs = this.next('upToDateMs')
    this.upToDateMs.catch(() => {}) // not every test asks
  }

  /** Resolves when the host's app is ready, with or without Kafka. */
  static async start(registrations: readonly KafkaSseOptions[]): Promise<CrowdedHost> {
    const child = fork(FILE, [JSON.stringify({ registrations })], { execArgv: [], silent: true })
    keepPrintedBy(child)
    const host = new CrowdedHost(child)
    await host.next('port')
    return host
  }

  /** The 95th percentile of the host's reads of a file in this time. */
  async readP95Ms(measureMs: number): Promise<number> {
    this.child.send({ measureMs })
    const readsMs = [...(await this.next('readsMs'))].sort((a, b) => a - b)
    return readsMs[Math.floor(readsMs.length * 0.95)] ?? Number.NaN
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    this.child.kill('SIGKILL')
    await once(this.child, 'exit')
  }

  private next<Field extends keyof Message>(field: Field): Promise<NonNullable<Message[Field]>> {
    return new Promise((resolve, reject) => {
      const take = (message: Message) => {
        const value = message[field]
        if (value === undefined) return
        this.child.off('message', take)
        resolve(value)
      }
      this.child.on('message', take)
      this.child.once('exit', (code) => reject(new Error(`the host ended with ${code}`)))
    })
  }
}
