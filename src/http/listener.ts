// Listening sockets, and the servers behind them: HTTP/2 over TLS with HTTP/1.1 on the same port, or plain HTTP/1.1.
// A name with several addresses (localhost: 127.0.0.1 and ::1) listens on each of them, at the same port.

import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import { errorCode } from '../errors.ts'
import type { TlsOptions } from '../options.ts'
import type { ConnectionBudget } from './connection-budget.ts'
import { type ConnectionFigures, guardConnections } from './connection-limits.ts'
import { closingUnreadBodies } from './unread-bodies.ts'

export interface Certificate {
  /** PEM: the server's certificate, then its intermediates. */
  readonly cert: Buffer
  /** PEM, without a passphrase. */
  readonly key: Buffer
}

export interface TlsContext extends Certificate {
  /**
   * 48 random bytes, the same in all threads of a port. So each resumes the TLS sessions of the others (RFC 8446
   * section 2.2).
   */
  readonly ticketKeys?: Buffer
}

export interface ListenOptions extends ServeOptions {
  readonly host: string
  /** 0: the operating system chooses one, the same for every address of the host. */
  readonly port: number
}

export interface ServeOptions {
  /** null: plain HTTP/1.1, for a proxy that ends TLS. */
  readonly tls: TlsContext | null
  /** Figures that the connection guard counts into. */
  readonly connections?: ConnectionFigures
  /** Limit on connections; without it there is none. */
  readonly budget?: ConnectionBudget
}

export interface Listener {
  readonly port: number
  /** For connections that come from now on; those that are open stay. Throws if the key is not the certificate's. */
  useCertificate(certificate: TlsContext): void
  /** Closes every connection, even one with open streams, so end the streams first. */
  close(): Promise<void>
}

/** Memory that one HTTP/2 connection may take in Node, in MB, before its new streams are refused (node:http2). */
const SESSION_MEMORY_MB_MAX = 64
/**
 * Header block of an HTTP/1.1 request: four times Node's default, for event ids of many partitions. HTTP/2 takes as
 * much.
 */
const HEADER_BYTES_MAX = 64 * 1024
export const BACKLOG = 4096

/** Rejects with Node's error (ENOENT, EACCES), which has the path. */
export async function readTls({ certFile, keyFile }: TlsOptions): Promise<Certificate> {
  const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)])
  return { cert, key }
}

/** Rejects with Node's error (EADDRINUSE, EACCES, ENOTFOUND) if it cannot listen on one of the addresses. */
export async function listen(handler: RequestListener, options: ListenOptions): Promise<Listener> {
  const bound: Listener[] = []
  try {
    for (const address of await addressesOf(options.host)) {
      bound.push(await bind(handler, options, { host: address, port: bound[0]?.port ?? options.port }))
    }
  } catch (error) {
    await closeAll(bound)
    throw error
  }
  return allOf(bound)
}

/** The same on listening sockets that another process has opened, by their file descriptors. */
export async function serveSockets(
  handler: RequestListener,
  options: ServeOptions,
  descriptors: readonly number[],
): Promise<Listener> {
  const bound = await Promise.all(descriptors.map((fd) => bind(handler, options, { fd })))
  return allOf(bound)
}

/** For listening sockets that another process has opened. */
export interface SocketsOptions extends ServeOptions {
  readonly sockets: readonly number[]
}

/** Several listeners that close together. */
export class Listeners {
  private readonly listeners: Listener[] = []

  /** Resolves with the port. */
  async add(handler: RequestListener, options: ListenOptions | SocketsOptions): Promise<number> {
    const listener =
      'sockets' in options
        ? await serveSockets(handler, options, options.sockets)
        : await listen(handler, options)
    this.listeners.push(listener)
    return listener.port
  }

  useCertificate(certificate: TlsContext): void {
    for (const listener of this.listeners) listener.useCertificate(certificate)
  }

  async close(): Promise<void> {
    await Promise.all(this.listeners.map((listener) => listener.close()))
  }
}

function allOf(bound: readonly Listener[]): Listener {
  return {
    port: bound[0]?.port ?? 0,
    useCertificate: (certificate) => {
      for (const server of bound) server.useCertificate(certificate)
    },
    close: () => closeAll(bound),
  }
}

export async function addressesOf(host: string): Promise<string[]> {
  if (host !== 'localhost') return [host]
  const found = await lookup(host, { all: true })
  return [...new Set(found.map(({ address }) => address))]
}

const NO_TCP = 'LISTEN_FDS: one of the sockets is no TCP socket that listens'

async function bind(
  handler: RequestListener,
  { tls, connections, budget }: ServeOptions,
  where: { host: string; port: number } | { fd: number },
): Promise<Listener> {
  const closing = closingUnreadBodies(handler)
  const server =
    tls === null ? createServer({ maxHeaderSize: HEADER_BYTES_MAX }, closing) : secureServer(closing, tls)
  const release = guardConnections(server, {}, connections, budget)
  if ('fd' in where) server.listen(where, BACKLOG)
  // `exclusive`: in a worker of node:cluster the port is this process's own, as everywhere else.
  else server.listen({ ...where, backlog: BACKLOG, exclusive: true })
  await once(server, 'listening').catch((error) => {
    throw 'fd' in where ? new Error(`${NO_TCP} (${errorCode(error)})`) : error
  })
  const address = server.address()
  if (address === null || typeof address === 'string') {
    server.close()
    release()
    throw new Error(`${NO_TCP}, but a Unix socket`)
  }
  return {
    port: address.port,
    useCertificate: (certificate) => {
      if ('setSecureContext' in server) server.setSecureContext({ ...certificate })
    },
    close: async () => {
      const closed = once(server, 'close')
      await acceptedAll()
      server.close()
      release()
      await closed
    },
  }
}

/** A turn of the event loop in which little happened, and how long one is waited for. */
const SHORT_TURN_MS = 1
const TURNS_MS = 500

/**
 * Resolves at the end of a short turn of the event loop, which has accepted all connections that waited for it. A port
 * that closes resets those that wait.
 */
async function acceptedAll(): Promise<void> {
  await new Promise(setImmediate)
  const endsAtMs = performance.now() + TURNS_MS
  for (;;) {
    const sinceMs = performance.now()
    await new Promise(setImmediate)
    const nowMs = performance.now()
    if (nowMs - sinceMs < SHORT_TURN_MS || nowMs >= endsAtMs) return
  }
}

function secureServer(handler: RequestListener, { cert, key, ticketKeys }: TlsContext): Http2SecureServer {
  const server = createSecureServer({
    cert,
    key,
    allowHTTP1: true,
    maxSessionMemory: SESSION_MEMORY_MB_MAX,
    ...(ticketKeys && { ticketKeys }),
  })
  // The HTTP/1.1 side reads this property; createSecureServer has no option for it.
  Object.assign(server, { maxHeaderSize: HEADER_BYTES_MAX })
  // Node has different types for the two kinds of request; Fastify takes both.
  server.on('request', handler as unknown as Parameters<Server['on']>[1])
  return server
}

async function closeAll(bound: readonly Listener[]): Promise<void> {
  await Promise.all(bound.map((server) => server.close()))
}
