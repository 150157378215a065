// A connection with the streams of many customers, as a proxy of theirs has it. Now and then it leaves, or loses a
// server that was killed, and all its streams come back at any server.

import { type ClientHttp2Session, connect } from 'node:http2'
import { setTimeout as pause } from 'node:timers/promises'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { MovingTarget } from './moving-client.ts'
import type { PrivateClient } from './private-client.ts'

export interface PrivateConnectionOptions {
  readonly targets: readonly MovingTarget[]
  readonly clients: readonly PrivateClient[]
  readonly stayMsMax: number
  readonly random: () => number
}

const RECONNECT_MS_MAX = 300
/** A server that is up has answered by then, on any machine. */
const CONNECT_MS_MAX = 30_000
const SESSION_OVER_MS = 1_000

export class PrivateConnection {
  /** Connections that opened at another server than the one before. */
  moves = 0
  private readonly options: PrivateConnectionOptions
  private readonly done: Promise<void>
  private socket: TLSSocket | null = null
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
    this.socket?.destroy()
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
    const { port, origin, hostname: servername } = new URL(target.address.url)
    const socket = connectTls({
      host: '127.0.0.1',
      port: Number(port),
      servername,
      ca: target.address.ca,
      ALPNProtocols: ['h2'],
    })
    this.socket = socket
    const session = connect(origin, { createConnection: () => socket })
    session.on('error', () => socket.destroy())
    socket.on('error', () => socket.destroy())
    session.once('connect', () => this.open(session, target))
    const leaving = setTimeout(() => {
      if (!this.isSettled) this.leave()
    }, random() * stayMsMax)
    const watch = this.watchConnect(session, target)
    const sessionOver = new Promise((resolve) => session.once('close', resolve))
    await new Promise((resolve) => socket.once('close', resolve))
    clearTimeout(leaving)
    clearTimeout(watch)
    session.destroy()
    // Sessions of Node were seen that never ended, although they were destroyed.
    await Promise.race([sessionOver, pause(SESSION_OVER_MS)])
    for (const client of this.options.clients) client.leave()
  }

  /** A connection that does not come about is given up. That is a fault of a server that was up all the time. */
  private watchConnect(session: ClientHttp2Session, target: MovingTarget): NodeJS.Timeout {
    const { starts, name } = target
    return setTimeout(() => {
      if (!session.connecting) return
      const at = `${name}, start ${starts}`
      if (target.isUp && target.starts === starts)
        this.options.clients[0]?.tell({ at }, `could not connect within ${CONNECT_MS_MAX} ms`)
      this.socket?.destroy()
    }, CONNECT_MS_MAX)
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
        this.socket?.destroy()
      })
    }
  }

  private leave(): void {
    for (const client of this.options.clients) client.leave()
    this.socket?.destroy()
  }
}
