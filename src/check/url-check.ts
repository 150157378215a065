// Checks a stream from where clients are: whether what stands between them and the server hands on each byte at once,
// by which HTTP version, and whether its headers are those of a stream. Promise: no token is told.

import type { CheckReport } from './check-report.ts'
import { connectionFault } from './connection-fault.ts'
import { isHere } from './reachable-address.ts'
import { type AnswerHeaders, type WatchedStream, watchStream } from './watched-stream.ts'

const CHECK = 'url'
/** Longer than the default of HEARTBEAT_SECONDS, so that there is a second piece. */
const WATCH_MS = 12_000
/** The server sends `retry:` with the head. */
const AT_ONCE_MS = 2_000

/** In place of the token. */
const WITHHELD = 'TOKEN'
/** Characters of a header, or of the names in a certificate. */
const TOLD_MAX = 300

/** How the server names why it ends a stream. Other text may be the beginning of a long token. */
const END_REASON = /^[a-z-]{1,30}$/

const BUFFERS = 'something on the way buffers'
const TURN_OFF = "turn its buffering off for this path (nginx: proxy_buffering off), and don't compress it"

export interface CheckedUrl {
  readonly url: URL
  readonly token: string | null
  readonly authorities: string | null
}

export async function checkUrl(
  report: CheckReport,
  { url, token, authorities }: CheckedUrl,
  watchMs = WATCH_MS,
): Promise<void> {
  if (token !== null && url.protocol === 'http:' && !isHere(url))
    report.warn(CHECK, 'http has no TLS, so anyone on the way can read the token', 'use https')
  const asked = new URL(url)
  // Otherwise a large topic would be sent for nothing.
  if (!asked.searchParams.has('from')) asked.searchParams.set('from', 'latest')
  const headers = {
    accept: 'text/event-stream',
    ...(token !== null && { authorization: `Bearer ${token}` }),
  }
  try {
    const watched = await watchStream({ url: asked, headers, authorities, watchMs })
    if (watched !== null) checkAnswer(report, url, withoutToken(watched, token), token !== null, watchMs)
    else report.fail(CHECK, `no head within ${watchMs / 1000} s: ${BUFFERS}, or the server hangs`, TURN_OFF)
  } catch (error) {
    const { words, advice } = connectionFault(url, error)
    report.fail(CHECK, `${url.host} cannot be reached: ${told(words, token)}`, advice)
  }
}

/** What answers may be any server, and repeat in its headers what it was sent. */
function withoutToken(watched: WatchedStream, token: string | null): WatchedStream {
  const toldOf = (value: string) => told(value, token)
  const headers = Object.entries(watched.headers).map(([name, value]) => {
    return [name, Array.isArray(value) ? value.map(toldOf) : value && toldOf(value)]
  })
  return { ...watched, headers: Object.fromEntries(headers), beginning: toldOf(watched.beginning) }
}

/** The beginning of a text of others, without the token. */
function told(text: string, token: string | null): string {
  const bare = token === null ? text : text.replaceAll(token, WITHHELD)
  return bare.length > TOLD_MAX ? `${bare.slice(0, TOLD_MAX)}…` : bare
}

function checkAnswer(
  report: CheckReport,
  url: URL,
  watched: WatchedStream,
  hasToken: boolean,
  watchMs: number,
): void {
  const { httpVersion, status, headers } = watched
  const server = [headers.via, headers.server].flat().filter((name) => name !== undefined)
  const by = server.length === 0 ? '' : `, by ${server.join(', ')}`
  if (httpVersion === 'HTTP/2') report.ok(CHECK, `${url.host} answers by HTTP/2${by}`)
  else
    report.warn(
      CHECK,
      `${url.host} answers by HTTP/1.1${by}`,
      'browsers open six connections to a host: offer h2 by ALPN to pages',
    )
  if (status === 200) {
    checkHeaders(report, headers)
    checkPieces(report, watched, watchMs)
  } else if (status === 401 && !hasToken)
    report.warn(CHECK, 'it demands a token (401), as it should', 'give one to see how bytes come: --token')
  else {
    const location = status >= 300 && status < 400 ? ` to ${redirectTarget(url, headers)}` : ''
    report.fail(CHECK, `it answers ${status}${location} in place of a stream`, adviceOn(status))
  }
}

/** Without the query, which may hold the token. */
function redirectTarget(url: URL, { location }: AnswerHeaders): string {
  const text = String(location ?? '')
  if (!URL.canParse(text, url.href)) return 'nowhere'
  const { origin, pathname } = new URL(text, url.href)
  return origin + pathname
}

function adviceOn(status: number): string | null {
  if (status >= 300 && status < 400)
    return 'give clients that URL: many send no token to the target of a redirect'
  switch (status) {
    case 401:
      return 'the check token says which check refuses it; a proxy must hand on Authorization'
    case 403:
      return 'its scope or claims do not grant this stream: see the check token'
    case 404:
      return 'no stream has this path: see streams in CONFIG_FILE, and how the proxy changes paths'
    case 429:
      return 'a limit of the server is reached: see its log'
    case 502:
    case 504:
      return 'the proxy does not reach the server: see its upstream, and http or https there (TLS)'
    case 503:
      return 'no server is ready: see /health/ready of each'
    default:
      return null
  }
}

function checkHeaders(report: CheckReport, headers: AnswerHeaders): void {
  const type = String(headers['content-type'] ?? 'none')
  if (!/^text\/event-stream\b/i.test(type))
    report.fail(CHECK, `content-type is ${type}, not text/event-stream`)
  const coding = headers['content-encoding']
  if (coding !== undefined && coding !== 'identity')
    report.warn(CHECK, `content-encoding is ${coding}: who compresses has to collect bytes first`, TURN_OFF)
  if (headers['content-length'] !== undefined)
    report.fail(CHECK, `content-length is ${headers['content-length']}: ${BUFFERS}`, TURN_OFF)
  const caching = String(headers['cache-control'] ?? 'missing')
  if (!/\bno-(store|cache)\b/i.test(caching))
    report.warn(
      CHECK,
      `cache-control is ${caching}: a cache may keep the answer`,
      'hand on the one of the server',
    )
}

function checkPieces(
  report: CheckReport,
  { headAtMs, piecesAtMs, beginning, endedAtMs }: WatchedStream,
  watchMs: number,
): void {
  const [firstMs, secondMs] = piecesAtMs
  const [, endReason] = /^:end (.*)$/m.exec(beginning) ?? []
  if (firstMs === undefined && endedAtMs === null)
    report.fail(CHECK, `no byte within ${watchMs / 1000} s after the head: ${BUFFERS}`, TURN_OFF)
  else if (!beginning.startsWith('retry:')) report.fail(CHECK, 'what comes is no stream of this server')
  else if (firstMs !== undefined && firstMs > AT_ONCE_MS)
    report.fail(CHECK, `the first bytes came ${inSeconds(firstMs)} after the head: ${BUFFERS}`, TURN_OFF)
  else if (endReason !== undefined)
    report.warn(
      CHECK,
      `the server ends the stream at once: ${END_REASON.test(endReason) ? endReason : 'for no reason of this server'}`,
      'see its /health/ready and its log',
    )
  else if (endedAtMs !== null && secondMs === undefined && headAtMs > AT_ONCE_MS)
    report.fail(
      CHECK,
      `the head came ${inSeconds(headAtMs)} late, and all else with it: ${BUFFERS}`,
      TURN_OFF,
    )
  else if (endedAtMs !== null && secondMs === undefined)
    report.fail(
      CHECK,
      `it was cut after ${inSeconds(endedAtMs)}`,
      'set the time-outs of all on the way above HEARTBEAT_SECONDS, and see that the token lives longer',
    )
  else if (secondMs === undefined)
    report.warn(
      CHECK,
      `the first bytes came at once, and no heartbeat in the next ${watchMs / 1000} s`,
      `HEARTBEAT_SECONDS is longer, or ${BUFFERS}`,
    )
  else report.ok(CHECK, `bytes come as they are sent: ${whenWords(firstMs ?? 0, secondMs)}`)
}

function whenWords(firstMs: number, secondMs: number): string {
  return `the first after ${inSeconds(firstMs)}, more after ${inSeconds(secondMs)}`
}

function inSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
