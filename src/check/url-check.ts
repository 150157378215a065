// Checks a stream from where clients are: whether what stands between them and the server hands on each byte at once,
// by which HTTP version, and whether its headers are those of a stream. Promise: no token is told.

import { errorCode, errorWords } from '../errors.ts'
import type { CheckReport } from './check-report.ts'
import { type WatchedStream, watchStream } from './watched-stream.ts'

const CHECK = 'url'
/** Longer than the default of HEARTBEAT_SECONDS, so that there is a second piece. */
const WATCH_MS = 12_000
/** The server sends `retry:` with the head. */
const AT_ONCE_MS = 2_000

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
  const asked = new URL(url)
  // Otherwise a large topic would be sent for nothing.
  if (!asked.searchParams.has('from')) asked.searchParams.set('from', 'latest')
  const headers = {
    accept: 'text/event-stream',
    ...(token !== null && { authorization: `Bearer ${token}` }),
  }
  try {
    const watched = await watchStream({ url: asked, headers, authorities, watchMs })
    if (watched !== null) checkAnswer(report, url, watched, token !== null, watchMs)
    else report.fail(CHECK, `no head within ${watchMs / 1000} s: ${BUFFERS}, or the server hangs`, TURN_OFF)
  } catch (error) {
    failConnection(report, url, error)
  }
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
    const advice = status === 401 || status === 403 ? 'see the line of the token' : null
    report.fail(CHECK, `it answers ${status} in place of a stream`, advice)
  }
}

function checkHeaders(report: CheckReport, headers: WatchedStream['headers']): void {
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

function checkPieces(report: CheckReport, { piecesAtMs, beginning }: WatchedStream, watchMs: number): void {
  const [firstMs, secondMs] = piecesAtMs
  if (firstMs === undefined)
    report.fail(CHECK, `no byte within ${watchMs / 1000} s after the head: ${BUFFERS}`, TURN_OFF)
  else if (!beginning.startsWith('retry:')) report.fail(CHECK, 'what comes is no stream of this server')
  else if (firstMs > AT_ONCE_MS)
    report.fail(CHECK, `the first bytes came ${inSeconds(firstMs)} after the head: ${BUFFERS}`, TURN_OFF)
  else {
    const more =
      secondMs === undefined ? `none in the next ${watchMs / 1000} s` : `more after ${inSeconds(secondMs)}`
    report.ok(CHECK, `bytes come as they are sent: the first after ${inSeconds(firstMs)}, ${more}`)
  }
}

function inSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function failConnection(report: CheckReport, { host, protocol }: URL, error: unknown): void {
  const code = errorCode(error)
  const words = `${host} cannot be reached: ${errorWords(error) || code}`
  const isOfCertificate = protocol === 'https:' && /CERT|SELF_SIGNED|UNABLE_TO_/.test(code ?? '')
  report.fail(CHECK, words, isOfCertificate ? 'give the authority by --ca, or renew the certificate' : null)
}
