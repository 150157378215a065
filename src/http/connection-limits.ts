// Closes useless connections: those without a TLS handshake, a preface or a whole request, those that are idle for a
// minute, and those whose peer is gone. Promise: within 90 s by the defaults, and never one with an open stream and a
// live peer.

import type { Server as HttpServer } from 'node:http'
import type { Http2SecureServer, Http2Server } from 'node:http2'
import type { Server as HttpsServer } from 'node:https'
import { Server as TlsServer } from 'node:tls'
import type { ConnectionFigures, ConnectionLimits } from './connection.ts'
import type { ConnectionBudget } from './connection-budget.ts'
import { ConnectionGuard } from './connection-guard.ts'

export type { ConnectionFigures } from './connection.ts'

export type GuardedServer = HttpServer | HttpsServer | Http2Server | Http2SecureServer

export const GUARD_DEFAULTS: ConnectionLimits = {
  handshakeMs: 20_000,
  idleMs: 60_000,
  requestMs: 45_000,
  pingMs: 30_000,
  silentMs: 30_000,
  closeMs: 5000,
  sweepMs: 5000,
  takenMs: 25_000,
  requestsUnprovenMax: 100,
  streamsPerConnectionMax: 1000,
}

const NONE_CLOSED: ConnectionFigures['closed'] = {
  handshake: 0,
  idle: 0,
  silent: 0,
  unanswered: 0,
  untaken: 0,
  pipelined: 0,
  refused: 0,
  full: 0,
  address: 0,
}

export function createConnectionFigures(): ConnectionFigures {
  return { open: 0, closed: { ...NONE_CLOSED } }
}

/**
 * Guards the connections of a server that does not listen yet, until it closes or the returned function is called. That
 * function also closes every connection; open requests have half a second. Several servers may share figures and a
 * budget; null: no limit on the number of connections. Peers on a Unix socket cannot be told apart, so they are not
 * guarded. Throws a TypeError for what is no server or no limit, and a RangeError for a limit that is not a positive
 * number.
 */
export function guardConnections(
  server: GuardedServer,
  options: Partial<ConnectionLimits> = {},
  figures: ConnectionFigures = createConnectionFigures(),
  budget: ConnectionBudget | null = null,
): () => void {
  if (typeof server?.rawListeners !== 'function')
    throw new TypeError('guardConnections takes a server of Node, such as app.server')
  const limits = { ...GUARD_DEFAULTS, ...options }
  for (const [name, limit] of Object.entries(limits)) {
    if (!Object.hasOwn(GUARD_DEFAULTS, name)) throw new TypeError(`guardConnections has no limit ${name}`)
    if (!(limit > 0 && Number.isFinite(limit)))
      throw new RangeError(`${name} is not a positive number: ${limit}`)
  }
  limitServer(server, limits)
  return new ConnectionGuard({ limits, figures, budget, isTls: server instanceof TlsServer }).watch(server)
}

/** Sets Node's own limits. They apply until a request has arrived, and never limit its answer. */
function limitServer(server: GuardedServer, limits: ConnectionLimits): void {
  const { requestMs, idleMs, requestsUnprovenMax } = limits
  if ('updateSettings' in server) server.updateSettings({ maxConcurrentStreams: requestsUnprovenMax })
  if (!('headersTimeout' in server)) return
  Object.assign(server, { headersTimeout: requestMs, requestTimeout: requestMs, keepAliveTimeout: idleMs })
}
