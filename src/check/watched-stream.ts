// Opens a stream as a browser does, by HTTP/2 where that is offered, and watches when its bytes come. Promise: it ends
// after a bounded time, and keeps of the body how it begins and when its pieces came.

import { once } from 'node:events'
import { type IncomingMessage, request as plainRequest } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { request as secureRequest } from 'node:https'
import { connect, isIP, type Socket } from 'node:net'
import type { Readable, Transform } from 'node:stream'
import { connect as connectTls, TLSSocket } from 'node:tls'
import { constants, createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'

export interface WatchedStream {
  readonly httpVersion: 'HTTP/2' | 'HTTP/1.1'
  readonly status: number
  readonly headers: AnswerHeaders
  /** When the head came, in ms since the request. */
  readonly headAtMs: number
  /** When pieces of the body came, in ms since the head did. The watch ends at the second one. */
  readonly piecesAtMs: readonly number[]
  /** How the body begins, decompressed. */
  readonly beginning: string
  /** When the answer ended, in ms since the head; null if it went on. */
  readonly endedAtMs: number | null
}

export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>

export interface WatchOptions {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** PEM; null: those that Node knows. */
  readonly authorities: string | null
  /** For the head, and again for the body. */
  readonly watchMs: number
}

/** No connection within CONNECT_MS. */
export class ConnectLate extends Error {}

/** What browsers accept, so that a proxy that compresses does so here, too. */
const ACCEPTED_CODINGS = 'gzip, deflate, br'
const BEGINNING_LENGTH_MAX = 256
const CONNECT_MS = 10_000
/** What comes within this of the one before counts as the same piece. */
const SAME_PIECE_MS = 200

interface Answer {
  readonly status: number
  readonly headers: AnswerHeaders
  readonly body: Readable
}

/** Rejects with the error of the connection; null if no head came in time. */
export async function watchStream(options: WatchOptions): Promise<WatchedStream | null> {
  const { url, authorities, watchMs } = options
  const headers = { ...options.headers, 'accept-encoding': ACCEPTED_CODINGS }
  const closing: (() => void)[] = []
  try {
    const socket = await openSocket(url, authorities, closing)
    const isHttp2 = socket instanceof TLSSocket && socket.alpnProtocol === 'h2'
    const asked = isHttp2 ? askHttp2(url, headers, socket, closing) : askHttp1(url, headers, socket, closing)
    const askedAtMs = performance.now()
    const answer = await within(watchMs, asked)
    if (answer === null) return null
    const headAtMs = performance.now() - askedAtMs
    const watched = await watch(decoded(answer), watchMs)
    const { status, headers: answered } = answer
    return { httpVersion: isHttp2 ? 'HTTP/2' : 'HTTP/1.1', status, headers: answered, headAtMs, ...watched }
  } finally {
    for (const close of closing) close()
  }
}

async function openSocket(url: URL, authorities: string | null, closing: (() => void)[]): Promise<Socket> {
  const isSecure = url.protocol === 'https:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port || (isSecure ? 443 : 80))
  const tls = {
    ALPNProtocols: ['h2', 'http/1.1'],
    ...(isIP(host) === 0 && { servername: host }),
    ...(authorities !== null && { ca: authorities }),
  }
  const socket = isSecure ? connectTls({ host, port, ...tls }) : connect({ host, port })
  closing.push(() => socket.destroy())
  const late = AbortSignal.timeout(CONNECT_MS)
  await once(socket, isSecure ? 'secureConnect' : 'connect', { signal: late }).catch((error: unknown) => {
    throw late.aborted ? new ConnectLate(`no connection within ${CONNECT_MS / 1000} s`) : error
  })
  // What comes later shows as an end of the answer.
  socket.on('error', () => {})
  return socket
}

function askHttp2(
  url: URL,
  headers: WatchOptions['headers'],
  socket: Socket,
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
      resolve({ status, headers: rest as AnswerHeaders, body: stream }) // an answer's, without `:` names
    })
    stream.once('close', () => reject(new Error('the connection was closed without an answer')))
    stream.end()
  })
}

function askHttp1(
  url: URL,
  headers: WatchOptions['headers'],
  socket: Socket,
  closing: (() => void)[],
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onAnswer = (answer: IncomingMessage): void => {
      answer.on('error', () => {})
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: answer })
    }
    const options = { headers, agent: false as const, createConnection: () => socket }
    const isSecure = url.protocol === 'https:'
    const request = isSecure ? secureRequest(url, options, onAnswer) : plainRequest(url, options, onAnswer)
    closing.push(() => request.destroy())
    request.on('error', reject)
    request.end()
  })
}

/** The body as a browser reads it: what a decompressor still holds back has not come. */
function decoded({ headers, body }: Answer): Readable {
  const decompressor = decompressorOf(String(headers['content-encoding'] ?? ''))
  if (decompressor === null) return body
  body.on('close', () => decompressor.end())
  return body.pipe(decompressor)
}

function decompressorOf(coding: string): Transform | null {
  const { Z_SYNC_FLUSH, BROTLI_OPERATION_FLUSH } = constants
  switch (coding.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip({ flush: Z_SYNC_FLUSH, finishFlush: Z_SYNC_FLUSH })
    case 'deflate':
      return createInflate({ flush: Z_SYNC_FLUSH, finishFlush: Z_SYNC_FLUSH })
    case 'br':
      return createBrotliDecompress({ flush: BROTLI_OPERATION_FLUSH, finishFlush: BROTLI_OPERATION_FLUSH })
    default:
      return null
  }
}

type Pieces = Pick<WatchedStream, 'piecesAtMs' | 'beginning' | 'endedAtMs'>

/** Resolves at the second piece, at the end, or after `watchMs`. */
function watch(body: Readable, watchMs: number): Promise<Pieces> {
  const beganMs = performance.now()
  const sinceHeadMs = () => performance.now() - beganMs
  const piecesAtMs: number[] = []
  let beginning = ''
  let lastMs = Number.NEGATIVE_INFINITY
  return new Promise((resolve) => {
    const finish = (endedAtMs: number | null): void => {
      clearTimeout(timer)
      resolve({ piecesAtMs, beginning, endedAtMs })
    }
    const timer = setTimeout(() => finish(null), watchMs)
    body.on('data', (chunk: Buffer) => {
      const atMs = sinceHeadMs()
      const left = BEGINNING_LENGTH_MAX - beginning.length
      if (left > 0) beginning += chunk.toString('latin1', 0, left)
      if (atMs - lastMs > SAME_PIECE_MS) piecesAtMs.push(atMs)
      lastMs = atMs
      if (piecesAtMs.length > 1) finish(null)
    })
    const onEnd = () => finish(sinceHeadMs())
    body.once('end', onEnd).once('close', onEnd).on('error', onEnd)
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
