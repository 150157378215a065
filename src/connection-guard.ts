// Watches the connections of one server and the requests on them: src/connections.ts says what for. One timer for all, and
// nothing but public events of Node's servers.

import type { EventEmitter } from 'node:events'
import { type IncomingMessage, ServerResponse } from 'node:http'
import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { Connection, type ConnectionFigures, type ConnectionLimits } from './connection.ts'

/** A sweep is cut into as many parts, so that ten thousand pings never leave in one turn. */
const SWEEP_PARTS = 50
/** What open requests may take to end when all connections are closed. */
const LAST_MS = 500

/** A request that is open: HTTP/1.1's response, or HTTP/2's stream. */
type Answer = ServerResponse | ServerHttp2Stream

/** Both ends of a connection, as every layer of it tells them. */
type Ends = Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'localPort'>

export class ConnectionGuard {
  private readonly limits: ConnectionLimits
  private readonly figures: ConnectionFigures
  private readonly isTls: boolean
  private readonly now = () => performance.now()
  /** Open connections by the addresses and ports of both ends: that names one whichever layer it is seen from. */
  private readonly connections = new Map<string, Connection>()
  /** Where the sweep is. */
  private round = this.connections.values()
  /** When each request came that has not been looked at yet, in that order; each is looked at once. */
  private readonly requests = new Map<Answer, number>()

  constructor(limits: ConnectionLimits, figures: ConnectionFigures, isTls: boolean) {
    this.limits = limits
    this.figures = figures
    this.isTls = isTls
  }

  /** Listens before the server's own listeners, which make TLS sockets and sessions at once. */
  watch(server: EventEmitter): () => void {
    const timer = setInterval(this.sweep, Math.max(1, this.limits.sweepMs / SWEEP_PARTS)).unref()
    server.prependListener('connection', this.connected)
    server.prependListener('secureConnection', this.secured)
    server.prependListener('session', this.sessionOpened)
    server.prependListener('request', this.requested)
    const stop = () => {
      clearInterval(timer)
      server.off('connection', this.connected)
      server.off('secureConnection', this.secured)
      server.off('session', this.sessionOpened)
      server.off('request', this.requested)
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

  private readonly connected = (socket: Socket): void => {
    const name = nameOf(socket)
    if (name === null) return
    const connection = new Connection(socket, this.isTls, this.limits, this.now)
    this.connections.set(name, connection)
    this.figures.open++
    socket.on('close', () => {
      this.figures.open--
      if (this.connections.get(name) === connection) this.connections.delete(name)
    })
  }

  private readonly secured = (socket: Socket): void => {
    this.find(socket)?.secure(socket)
  }

  private readonly sessionOpened = (session: ServerHttp2Session): void => {
    const connection = this.find(session.socket)
    if (connection === undefined) return
    connection.carry(session)
    session.on('stream', (stream: ServerHttp2Stream) => this.opened(stream, connection))
  }

  /** HTTP/2 requests come here, too, but are known by their streams. */
  private readonly requested = (request: IncomingMessage, response: unknown): void => {
    if (!(response instanceof ServerResponse)) return
    const connection = this.find(request.socket)
    if (connection !== undefined) this.opened(response, connection)
  }

  private find(socket: Ends): Connection | undefined {
    return this.connections.get(nameOf(socket) ?? '')
  }

  private opened(answer: Answer, connection: Connection): void {
    if (answer.destroyed) return
    connection.requestOpened()
    this.requests.set(answer, this.now())
    const closed = (isReset: boolean) => {
      this.requests.delete(answer)
      connection.requestClosed(isReset)
    }
    if (answer instanceof ServerResponse) answer.on('close', () => closed(false))
    else answer.on('close', () => closed(answer.aborted))
  }

  private readonly sweep = (): void => {
    this.cutUnanswered(this.now() - this.limits.requestMs)
    const part = Math.ceil(this.connections.size / SWEEP_PARTS)
    for (let looked = 0; looked < part; looked++) {
      const next = this.round.next()
      if (next.done === true) {
        this.round = this.connections.values()
        return
      }
      const reason = next.value.check()
      if (reason !== null) this.figures.closed[reason]++
    }
  }

  /** Ends the requests that came before `sinceMs` and have not been answered: their rest never came, or nobody cares. */
  private cutUnanswered(sinceMs: number): void {
    for (const [answer, cameAtMs] of this.requests) {
      if (cameAtMs > sinceMs) return
      this.requests.delete(answer)
      if (answer.headersSent) continue
      this.figures.closed.unanswered++
      if (answer instanceof ServerResponse) answer.destroy()
      else answer.close(constants.NGHTTP2_CANCEL)
    }
  }
}

/** null on a Unix socket, and for a peer that has left already. */
function nameOf({ remoteAddress, remotePort, localAddress, localPort }: Ends): string | null {
  return remotePort === undefined ? null : `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}
