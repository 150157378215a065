// Watches the connections of one server and the requests on them: src/http/connection-limits.ts says what for. One timer for all, and
// nothing but public events of Node's servers.

import type { EventEmitter } from 'node:events'
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { awaitProof } from '../token/proven-connections.ts'
import { Connection, type ConnectionFigures, type ConnectionLimits } from './connection.ts'
import type { ConnectionBudget } from './connection-budget.ts'
import { OpenRequests } from './open-requests.ts'

/** A sweep is cut into as many parts, so that ten thousand pings never leave in one turn. */
const SWEEP_PARTS = 50
/** What open requests may take to end when all connections are closed. */
const LAST_MS = 500

/** Both ends of a connection, as every layer of it tells them. */
type Ends = Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'localPort'>

export interface GuardParts {
  readonly limits: ConnectionLimits
  readonly figures: ConnectionFigures
  /** null: as many connections as come. */
  readonly budget: ConnectionBudget | null
  readonly isTls: boolean
}

export class ConnectionGuard {
  private readonly parts: GuardParts
  private readonly now = () => performance.now()
  /** Open connections by the addresses and ports of both ends: that names one whichever layer it is seen from. */
  private readonly connections = new Map<string, Connection>()
  /** Where the sweep is. */
  private round = this.connections.values()
  private readonly requests: OpenRequests

  constructor(parts: GuardParts) {
    this.parts = parts
    this.requests = new OpenRequests(parts.limits, parts.figures, this.now)
  }

  /** Stands before the server's own listeners, which make TLS sockets and sessions at once. */
  watch(server: EventEmitter): () => void {
    const { sweepMs } = this.parts.limits
    const timer = setInterval(this.sweep, Math.max(1, sweepMs / SWEEP_PARTS)).unref()
    const accept = standBefore(server, 'connection', (socket: Socket) => this.connected(socket))
    const answer = standBefore(server, 'request', this.requested)
    server.prependListener('secureConnection', this.secured)
    server.prependListener('session', this.sessionOpened)
    const stop = () => {
      clearInterval(timer)
      accept()
      answer()
      server.off('secureConnection', this.secured)
      server.off('session', this.sessionOpened)
      server.off('close', stop)
    }
    server.once('close', stop)
    return () => {
      stop()
      this.closeAll()
    }
  }

  /** Those without an open request go as soon as their last bytes have left; the rest has a moment to end. */
  private closeAll(): void {
    for (const connection of this.connections.values()) connection.end()
    setTimeout(() => {
      for (const connection of this.connections.values()) connection.destroy()
    }, LAST_MS).unref()
  }

  /** Whether the connection may stay. */
  private connected(socket: Socket): boolean {
    const name = nameOf(socket)
    if (name === null) return true
    const { limits, figures, budget, isTls } = this.parts
    const address = String(socket.remoteAddress) // there is one, where there is a port
    const excess = budget?.admit(address) ?? null
    if (excess !== null) {
      figures.closed[excess]++
      socket.destroy()
      return false
    }
    const connection = new Connection(socket, isTls, limits, this.now)
    this.connections.set(name, connection)
    figures.open++
    if (!isTls) awaitProof(socket, () => connection.prove())
    socket.on('close', () => {
      figures.open--
      budget?.release(address)
      this.requests.gone(connection)
      if (this.connections.get(name) === connection) this.connections.delete(name)
    })
    return true
  }

  private readonly secured = (socket: Socket): void => {
    const connection = this.find(socket)
    connection?.secure(socket)
    awaitProof(socket, () => connection?.prove())
  }

  private readonly sessionOpened = (session: ServerHttp2Session): void => {
    const connection = this.find(session.socket)
    if (connection === undefined) return
    connection.carry(session)
    awaitProof(session, () => connection.prove())
    session.on('stream', (stream: ServerHttp2Stream) => this.requests.opened(stream, connection))
  }

  /** Whether it is to be answered. HTTP/2 requests come here, too, but are known by their streams. */
  private readonly requested = (request: IncomingMessage, response: unknown): boolean => {
    if (!(response instanceof ServerResponse)) return true
    // The rest of a pipeline that was too long, out of the bytes that were read already.
    if (request.socket.destroyed) return false
    const connection = this.find(request.socket)
    return connection === undefined || this.requests.opened(response, connection)
  }

  private find(socket: Ends): Connection | undefined {
    return this.connections.get(nameOf(socket) ?? '')
  }

  private readonly sweep = (): void => {
    this.requests.look()
    const part = Math.ceil(this.connections.size / SWEEP_PARTS)
    for (let looked = 0; looked < part; looked++) {
      const next = this.round.next()
      if (next.done === true) {
        this.round = this.connections.values()
        return
      }
      const reason = next.value.check()
      if (reason !== null) this.parts.figures.closed[reason]++
    }
  }
}

/** null on a Unix socket, and for a peer that has left already. */
function nameOf({ remoteAddress, remotePort, localAddress, localPort }: Ends): string | null {
  return remotePort === undefined ? null : `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}

/**
 * Asks before anybody hears of an event: where the answer is false they never do. Those who listen later are not asked for. Returns
 * what undoes that.
 */
function standBefore<Args extends unknown[]>(
  server: EventEmitter,
  event: string,
  isMeant: (...args: Args) => boolean,
): () => void {
  const listening = server.rawListeners(event) as ((...args: Args) => void)[] // functions, in Node's own types
  const hear = (...args: Args): void => {
    if (!isMeant(...args)) return
    for (const listener of listening) listener.apply(server, args)
  }
  for (const listener of listening) server.off(event, listener)
  server.on(event, hear)
  return () => {
    server.off(event, hear)
    for (const listener of listening) server.on(event, listener)
    listening.length = 0
  }
}
