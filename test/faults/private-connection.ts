// A connection with the streams of many customers, as a proxy of theirs has it. Now and then it leaves, or loses a
// server that was killed, and all its streams come back at any server.

import { type ClientHttp2Session, connect } from 'node:http2'
import { setTimeout as pause } from 'node:timers/promises'
import type { MovingTarget } from './moving-client.ts'
import type { PrivateClient } from './private-client.ts'

export interface PrivateConnectionOptions {
  readonly targets: readonly MovingTarget[]
  readonly clients: readonly PrivateClient[]
  readonly stayMsMax: number
  readonly random: () => number
}

const RECONNECT_MS_MAX = 300

export class PrivateConnection {
  /** Connections that opened at another server than the one before. */
  moves = 0
  private readonly options: PrivateConnectionOptions
  private readonly done: Promise<void>
  private session: ClientHttp2Session | null = null
  private lastTarget: MovingTarget | null = null
  private isSettled = false
  private isClosing = false

  constructor(options: PrivateConnectionOptions) {
    this.options = options
    this.done = this.run()
  }

  /** From now on it leaves only with the server. */
  settle(): void {
    this.isSettled = true
    for (const client of this.options.clients) client.settle()
  }

  async close(): Promise<void> {
    this.isClosing = true
    this.session?.destroy()
    await this.done
  }

  private async run(): Promise<void> {
    while (!this.isClosing) {
      await this.visit()
      await pause(this.options.random() ** 3 * RECONNECT_MS_MAX)
    }
  }

  private async visit(): Promise<void> {
    const { targets, random, stayMsMax } = this.options
    const target = targets[Math.floor(random() * targets.length)]
    if (target === undefined) throw new Error('there is no server to go to')
    const session = connect(new URL(target.address.url).origin, { ca: target.address.ca })
    this.session = session
    session.on('error', () => session.destroy())
    session.once('connect', () => this.open(session, target))
    const leaving = setTimeout(() => {
      if (!this.isSettled) this.leave(session)
    }, random() * stayMsMax)
    await new Promise((resolve) => session.once('close', resolve))
    clearTimeout(leaving)
  }

  private open(session: ClientHttp2Session, target: MovingTarget): void {
    if (this.lastTarget !== null && this.lastTarget !== target) this.moves++
    this.lastTarget = target
    const { starts, name } = target
    const at = `${name}, start ${starts}`
    const isMeant = () => this.isClosing || !target.isUp || target.starts !== starts
    for (const client of this.options.clients) {
      if (session.destroyed) return // a server may be killed at any moment
      client.open(session, at, (status) => {
        const how = status === undefined ? 'without an answer' : `after ${status}`
        if (!isMeant()) client.tell({ at }, `its stream ended ${how}, and neither side was to end it`)
        session.destroy()
      })
    }
  }

  private leave(session: ClientHttp2Session): void {
    for (const client of this.options.clients) client.leave()
    session.destroy()
  }
}
