// Watches the connections of one server and the requests on them (src/http/connection-limits.ts has the limits). Uses
// one timer for all, and only public events of Node's servers.

import type { EventEmitter } from 'node:events'
import { type IncomingMessage, ServerResponse } from 'node:http'
import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { awaitProof } from '../token/proven-connections.ts'
import { Connection, type ConnectionFigures, type ConnectionLimits } from './connection.ts'
import type { ConnectionBudget } from './connection-budget.ts'
import { OpenRequests } from './open-requests.ts'
import { RequestQueue } from './request-queue.ts'

/** Parts of a sweep, so that ten thousand pings are not sent in one turn. */
const SWEEP_PARTS = 50
/** When all connections are closed: time for open requests to end, and for a new connection's first one. */
const LAST_MS = 500

/** Both ends of a connection. TCP, TLS and HTTP/2 sockets all have them. */
type Ends = Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'localPort'>

export interface GuardParts {
  readonly limits: ConnectionLimits
  readonly figures: ConnectionFigures
  /** null: no limit on the number of connections. */
  readonly budget: ConnectionBudget | null
  readonly isTls: boolean
}

export class ConnectionGuard {
  private readonly parts: GuardParts
  private readonly now = () => performance.now()
  /** Open connections by the addresses and ports of both ends, which are the same on every layer. */
  private readonly connections = new Map<string, Connection>()
  /** Position of the sweep. */
  private round = this.connections.values()
  private readonly requests: OpenRequests
  private readonly queue = new RequestQueue()

  constructor(parts: GuardParts) {
    this.parts = parts
    this.requests = new OpenRequests(parts.limits, parts.figures, this.now)
  }

  /** Listens before the server's own listeners, which create TLS sockets and sessions at once. */
  watch(server: EventEmitter): () => void {
    const { sweepMs } = this.parts.limits
    const timer = setInterval(this.sweep, Math.max(1, sweepMs / SWEEP_PARTS)).unref()
    const undoConnection = intercept(server, 'connection', (handOn, socket: Socket) => {
      if (this.connected(socket)) handOn()
    })
    const undoRequest = intercept(server, 'request', this.requested)
    const undoStream = intercept(server, 'stream', this.streamOpened)
    server.prependListener('secureConnection', this.secured)
    server.prependListener('session', this.sessionOpened)
    const stop = () => {
      clearInterval(timer)
      undoConnection()
      undoRequest()
      undoStream()
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

  /** Closes connections without a request once their last bytes are sent; others, and new ones, have `LAST_MS`. */
  private closeAll(): void {
    for (const connection of this.connections.values()) connection.end(LAST_MS)
    setTimeout(() => {
      for (const connection of this.connections.values()) connection.destroy()
    }, LAST_MS).unref()
  }

  /** Whether the connection may stay. */
  private connected(socket: Socket): boolean {
    const name = nameOf(socket)
    if (name === null) return true
    const { limits, figures, budget, isTls } = this.parts
    const address = String(socket.remoteAddress) // known wherever the port is
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

  /** Runs before Node makes a request of the stream, which `sessionOpened` has counted. */
  private readonly streamOpened = (
    handOn: () => void,
    stream: ServerHttp2Stream,
    _headers: object,
    _flags: number,
    rawHeaders: string[],
  ): void => {
    if (stream.destroyed) return
    stream.on('error', () => {}) // 'close' tells that its client has left; nothing else listens for errors yet
    let hasEnded = false
    if (!stream.endAfterHeaders)
      stream.once('end', () => {
        hasEnded = true
      })
    this.queue.offer({
      isProven: this.find(stream.session?.socket)?.isProven === true,
      headers: rawHeaders,
      isGone: () => stream.destroyed || stream.closed,
      handOn: () => {
        const wasEarly = hasEnded
        handOn()
        // Node ends a stream without a body when it reads the end. Its request is made only now, and has missed that.
        if (wasEarly) stream.emit('end')
      },
      refuse: () => {
        this.parts.figures.closed.refused++
        stream.close(constants.NGHTTP2_REFUSED_STREAM)
      },
    })
  }

  /** HTTP/2 requests come here, too, but have waited as streams. */
  private readonly requested = (handOn: () => void, request: IncomingMessage, response: unknown): void => {
    if (!(response instanceof ServerResponse)) {
      handOn()
      return
    }
    // The request comes from a pipeline that was too long. It was read before the connection was destroyed.
    if (request.socket.destroyed) return
    const connection = this.find(request.socket)
    if (connection !== undefined && !this.requests.opened(response, connection)) return
    this.queue.offer({
      isProven: connection?.isProven === true,
      headers: request.rawHeaders,
      isGone: () => request.socket.destroyed,
      handOn,
      refuse: () => {
        this.parts.figures.closed.refused++
        request.socket.destroy()
      },
    })
  }

  private find(socket: Ends | undefined): Connection | undefined {
    return socket && this.connections.get(nameOf(socket) ?? '')
  }

  private readonly sweep = (): void => {
    this.requests.check()
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

/** null on a Unix socket, and if the peer has left already. */
function nameOf({ remoteAddress, remotePort, localAddress, localPort }: Ends): string | null {
  return remotePort === undefined ? null : `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}

/**
 * Gets an event before the listeners that the server has now, and hands it on to them: at once, later, or never.
 * Listeners that are added later are not affected. Returns a function that undoes it.
 */
function intercept<Args extends unknown[]>(
  server: EventEmitter,
  event: string,
  handle: (handOn: () => void, ...args: Args) => void,
): () => void {
  const listening = server.rawListeners(event) as ((...args: Args) => void)[] // functions, in Node's own types
  const listener = (...args: Args): void =>
    handle(
      () => {
        for (const own of listening) own.apply(server, args)
      },
      ...args,
    )
  for (const own of listening) server.off(event, own)
  server.on(event, listener)
  return () => {
    server.off(event, listener)
    for (const own of listening) server.on(event, own)
    listening.length = 0
  }
}
