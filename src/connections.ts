// Closes connections that lead nowhere: no TLS hello, no preface, half a request, nothing asked for a minute, a peer that
// is gone. Promise: within 90 s by the defaults, and never one whose stream is open and whose peer is alive.

import type { Server as HttpServer } from 'node:http'
import type { Http2SecureServer, Http2Server } from 'node:http2'
import type { Server as HttpsServer } from 'node:https'
import { Server as TlsServer } from 'node:tls'
import type { ConnectionFigures, ConnectionLimits } from './connection.ts'
import { ConnectionGuard } from './connection-guard.ts'

export type { ConnectionFigures } from './connection.ts'

export type GuardedServer = HttpServer | HttpsServer | Http2Server | Http2SecureServer

export interface GuardOptions extends ConnectionLimits {
  /** Streams open at once on one HTTP/2 connection; further requests wait at the client. Default 1,000. */
  readonly streamsPerConnectionMax: number
}

export const GUARD_DEFAULTS: GuardOptions = {
  handshakeMs: 20_000,
  idleMs: 60_000,
  requestMs: 45_000,
  pingMs: 30_000,
  silentMs: 30_000,
  closeMs: 5000,
  sweepMs: 5000,
  streamsPerConnectionMax: 1000,
}

export function createConnectionFigures(): ConnectionFigures {
  return { open: 0, closed: { handshake: 0, idle: 0, silent: 0, unanswered: 0 } }
}

/**
 * Guards the connections of a server that does not listen yet, until it is closed or the returned function is called:
 * that one also closes every connection, after at most half a second for what is open on it. Several servers may count into the same figures. Peers on a Unix socket cannot be told apart, and are left alone.
 * Throws a RangeError for a limit that is not a positive number.
 */
export function guardConnections(
  server: GuardedServer,
  options: Partial<GuardOptions> = {},
  figures: ConnectionFigures = createConnectionFigures(),
): () => void {
  const limits = { ...GUARD_DEFAULTS, ...options }
  for (const [name, limit] of Object.entries(limits))
    if (!(limit > 0 && Number.isFinite(limit)))
      throw new RangeError(`${name} is not a positive number: ${limit}`)
  limitServer(server, limits)
  return new ConnectionGuard(limits, figures, server instanceof TlsServer).watch(server)
}

/** Node's own limits. They end when a request has come, so that its answer may last for ever. */
function limitServer(server: GuardedServer, limits: GuardOptions): void {
  const { requestMs, idleMs, streamsPerConnectionMax } = limits
  if ('updateSettings' in server) server.updateSettings({ maxConcurrentStreams: streamsPerConnectionMax })
  if (!('headersTimeout' in server)) return
  Object.assign(server, { headersTimeout: requestMs, requestTimeout: requestMs, keepAliveTimeout: idleMs })
}
