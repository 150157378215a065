// Rules of `corsOrigins`: each has to be one that a browser can send as `Origin`, and beside a cookie the origin of
// known pages.

import { quoted } from '../../text/quoted.ts'
import { type Document, setAt, valueAt } from '../document.ts'
import type { Fault } from '../validation.ts'

const ORIGINS = ['sse', 'corsOrigins']
/** Each stands for pages of many authors: `*` for all pages, `null` for sandboxed frames, `file://` for local files. */
const SHARED = ['*', 'null', 'file://']

/** With a cookie no page of another origin may read the streams, unless the document lists its origin. */
export function fillOrigins(document: Document): void {
  if (hasCookie(document) && valueAt(document, ORIGINS) === undefined) setAt(document, ORIGINS, [])
}

export function originFaults(document: Document): Fault[] {
  const listed = valueAt(document, ORIGINS)
  const origins = Array.isArray(listed) ? listed.filter((origin) => typeof origin === 'string') : []
  const besideCookie = hasCookie(document)
  return origins.flatMap((origin): Fault[] => {
    const words = SHARED.includes(origin) ? sharedFault(origin, besideCookie) : originFault(origin)
    return words === null ? [] : [{ place: ORIGINS, kind: 'wrong', words }]
  })
}

function sharedFault(origin: string, besideCookie: boolean): string | null {
  if (!besideCookie) return null
  const pages = origin === '*' ? 'any page' : 'pages of any author'
  return `is ${origin} although a cookie holds the token, so that ${pages} could read its visitors' streams; list the origins, or none`
}

/** Why no request can have this `Origin`, as a predicate; null: one can. */
function originFault(origin: string): string | null {
  const has = `has ${quoted(origin)}, which no browser sends as an origin`
  if (origin.includes('*')) return `${has}: * stands alone, for all origins, and never within one`
  const sent = sentFor(origin)
  if (sent === null) return `${has}: give scheme, host and port, such as https://app.example.com:8443`
  return sent === origin ? null : `${has}: for such a page it is ${quoted(sent)}`
}

/**
 * The origin that a browser sends for a page of this address, or one that opens such a socket (RFC 6454 section 6.2):
 * without a path or a default port, and with the host in lower case. Null for an address without a host.
 */
function sentFor(address: string): string | null {
  const page = address.replace(/^ws(s?):/i, 'http$1:')
  const url = URL.canParse(page) ? new URL(page) : null
  return url === null || url.host === '' ? null : `${url.protocol}//${url.host}`
}

function hasCookie(document: Document): boolean {
  return typeof valueAt(document, ['auth', 'cookie']) === 'string'
}
