// A bare server whose connections are guarded, and peers that misbehave on it: raw sockets and HTTP/2 sessions, closed
// with the scene.

import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  type Settings,
} from 'node:http2'
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ConnectionLimits } from '../../src/http/connection.ts'
import type { ConnectionBudget } from '../../src/http/connection-budget.ts'
import {
  createConnectionFigures,
  type GuardedServer,
  guardConnections,
} from '../../src/http/connection-limits.ts'
import { localCertificates } from '../support/certificates.ts'

export class GuardedScene {
  figures = createConnectionFigures()
  port = 0
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string }
  private server: GuardedServer | null = null
  private dispose: () => void = () => {}
  private readonly sockets = new Set<Socket>()
  private readonly sessions = new Set<ClientHttp2Session>()

  private constructor(tls: GuardedScene['tls']) {
    this.tls = tls
  }

  static async open(): Promise<GuardedScene> {
    const { caPem, certificatePem, keyPem } = await localCertificates()
    return new GuardedScene({ ca: caPem, cert: certificatePem, key: keyPem })
  }

  /** Listens, and looks at its connections every 50 ms. */
  async start(
    server: GuardedServer,
    limits: Partial<ConnectionLimits>,
    budget?: ConnectionBudget,
  ): Promise<void> {
    this.figures = createConnectionFigures()
    this.server = server
    this.dispose = guardConnections(server, { sweepMs: 50, closeMs: 300, ...limits }, this.figures, budget)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    this.port = (server.address() as AddressInfo).port // an object for every server that listens on a port
  }

  openTcp(): Socket {
    return this.keep(connectTcp(this.port, '127.0.0.1'))
  }

  async openTls(protocol: 'h2' | 'http/1.1'): Promise<Socket> {
    const to = { port: this.port, host: '127.0.0.1', ca: this.tls.ca, ALPNProtocols: [protocol] }
    const socket = connectTls(to)
    this.keep(socket)
    await once(socket, 'secureConnect')
    return socket
  }

  openHttp2(scheme: 'http' | 'https' = 'https', settings: Settings = {}): ClientHttp2Session {
    const session = connectHttp2(`${scheme}://localhost:${this.port}`, { ca: this.tls.ca, settings })
    this.sessions.add(session)
    session.on('error', () => {}) // being cut off is what is tested
    return session
  }

  ask(session: ClientHttp2Session, path: string): ClientHttp2Stream {
    const stream = session.request({ ':path': path })
    stream.on('error', () => {}) // the same
    return stream
  }

  /** It is closed with the scene; an error is an end. */
  keep(socket: Socket): Socket {
    this.sockets.add(socket)
    socket.on('error', () => {})
    return socket
  }

  /** As a process that stops: no more connections, and those that are idle end. */
  stop(): void {
    this.server?.close()
    this.dispose()
  }

  async close(): Promise<void> {
    for (const session of this.sessions) session.destroy()
    for (const socket of this.sockets) socket.destroy()
    this.sessions.clear()
    this.sockets.clear()
    const { server } = this
    this.server = null
    if (server === null || !server.listening) return
    server.close()
    if ('closeAllConnections' in server) server.closeAllConnections()
    await once(server, 'close')
  }
}
