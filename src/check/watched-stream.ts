// Opens a stream as a client does, by HTTP/2 where that is offered, and watches when its bytes come. Promise: it ends
// after a bounded time, and keeps of the body how it begins and when its pieces came.

import { once } from 'node:events'
import { type IncomingMessage, request as plainRequest } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { request as secureRequest } from 'node:https'
import { connect, isIP } from 'node:net'
import type { Readable } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'

export interface WatchedStream {
  readonly httpVersion: 'HTTP/2' | 'HTTP/1.1'
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** When pieces of the body came, in ms since the head did. The watch ends at the second one. */
  readonly piecesAtMs: readonly number[]
  /** How the body begins. */
  readonly beginning: string
}

export interface WatchOptions {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** PEM; null: those that Node knows. */
  readonly authorities: string | null
  /** For the head, and again for the body. */
  readonly watchMs: number
}

const BEGINNING_LENGTH_MAX = 64
const CONNECT_MS = 10_000
/** What comes within this of the one before counts as the same piece. */
const SAME_PIECE_MS = 200

interface Answer {
  readonly status: number
  readonly headers: WatchedStream['headers']
  readonly body: Readable
}

/** Rejects with the error of the connection; null if no head came in time. */
export async function watchStream(options: WatchOptions): Promise<WatchedStream | null> {
  const { url, headers, authorities, watchMs } = options
  const closing: (() => void)[] = []
  try {
    const socket = url.protocol === 'https:' ? await openTls(url, authorities, closing) : null
    const isHttp2 = socket?.alpnProtocol === 'h2'
    const asked = isHttp2 ? askHttp2(url, headers, socket, closing) : askHttp1(url, headers, socket, closing)
    const answer = await within(watchMs, asked)
    if (answer === null) return null
    const { piecesAtMs, beginning } = await watch(answer.body, watchMs)
    const { status, headers: answered } = answer
    return { httpVersion: isHttp2 ? 'HTTP/2' : 'HTTP/1.1', status, headers: answered, piecesAtMs, beginning }
  } finally {
    for (const close of closing) close()
  }
}

async function openTls(url: URL, authorities: string | null, closing: (() => void)[]): Promise<TLSSocket> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const socket = connectTls({
    host,
    port: Number(url.port || 443),
    ALPNProtocols: ['h2', 'http/1.1'],
    ...(isIP(host) === 0 && { servername: host }),
    ...(authorities !== null && { ca: authorities }),
  })
  closing.push(() => socket.destroy())
  await once(socket, 'secureConnect', { signal: AbortSignal.timeout(CONNECT_MS) })
  // What comes later shows as an end of the answer.
  socket.on('error', () => {})
  return socket
}

function askHttp2(
  url: URL,
  headers: WatchOptions['headers'],
  socket: TLSSocket,
  closing: (() => void)[],
): Promise<Answer> {
  const session = connectHttp2(url.origin, { createConnection: () => socket })
  closing.push(() => session.destroy())
  return new Promise((resolve, reject) => {
    session.on('error', reject)
    const stream = session.request({ ...headers, ':path': url.pathname + url.search })
    stream.on('error', reject)
    stream.once('response', (answered) => {
      const { ':status': status = 0, ...rest } = answered
      resolve({ status, headers: rest as Answer['headers'], body: stream }) // an answer's, without `:` names
    })
    stream.end()
  })
}

function askHttp1(
  url: URL,
  headers: WatchOptions['headers'],
  socket: TLSSocket | null,
  closing: (() => void)[],
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onAnswer = (answer: IncomingMessage): void => {
      answer.on('error', () => {})
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: answer })
    }
    const request =
      socket === null
        ? plainRequest(url, { headers, agent: false, createConnection: () => plainSocket(url) }, onAnswer)
        : secureRequest(url, { headers, agent: false, createConnection: () => socket }, onAnswer)
    closing.push(() => request.destroy())
    request.on('error', reject)
    request.end()
  })
}

function plainSocket(url: URL) {
  return connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) })
}

/** Resolves at the second piece, at the end, or after `watchMs`. */
function watch(body: Readable, watchMs: number): Promise<Pick<WatchedStream, 'piecesAtMs' | 'beginning'>> {
  const beganMs = performance.now()
  const piecesAtMs: number[] = []
  let beginning = ''
  let lastMs = Number.NEGATIVE_INFINITY
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      resolve({ piecesAtMs, beginning })
    }
    const timer = setTimeout(end, watchMs)
    body.on('data', (chunk: Buffer) => {
      const atMs = performance.now() - beganMs
      if (beginning.length < BEGINNING_LENGTH_MAX)
        beginning = (beginning + chunk.toString('latin1', 0, BEGINNING_LENGTH_MAX)).slice(
          0,
          BEGINNING_LENGTH_MAX,
        )
      if (atMs - lastMs > SAME_PIECE_MS) piecesAtMs.push(atMs)
      lastMs = atMs
      if (piecesAtMs.length > 1) end()
    })
    body.once('end', end).once('close', end)
  })
}

/** null if it takes longer. */
async function within<T>(limitMs: number, promise: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), limitMs)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
