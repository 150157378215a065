// Rules that involve several settings, which the schema cannot express. Which settings are required depends on others.
// The default of `auth.keys` comes from the issuer. No two streams have the same path.

import type { AuthOptions, ResolvedOptions } from '../options.ts'
import { ticketPath } from '../tickets/ticket-path.ts'
import { keySetting } from '../token/key-setting.ts'
import { AUTH_SETTINGS } from './auth-settings.ts'
import { quoted } from './config-error.ts'
import { type Document, setAt, valueAt } from './document.ts'
import { pathPattern } from './streams/path-parameters.ts'
import { selectionFaults } from './streams/selection-rules.ts'
import { withIds } from './streams/stream-selectors.ts'
import { topicFaults } from './streams/topic-rules.ts'
import type { Fault } from './validation.ts'

const UNDEFINED_AUTHENTICATE: Fault = {
  place: ['auth', 'authenticate'],
  kind: 'wrong',
  words: 'takes a function, not undefined; leave it out to authenticate by tokens',
}

const NO_DISCOVERY =
  'the issuer is not a web address without user and password, so no discovery document can name them'

/** Without `authenticate`: issuer and audience are required, and the issuer is a URL unless `keys` is set. */
export function authFaults({ auth }: Document): Fault[] {
  if (typeof auth !== 'object' || auth === null) return []
  // Probably a misspelt variable of the caller. Without this fault, any valid token would be accepted instead.
  if ('authenticate' in auth) return auth.authenticate === undefined ? [UNDEFINED_AUTHENTICATE] : []
  const { issuer, audience, keys }: Partial<AuthOptions> = auth
  const faults: Fault[] = []
  if (issuer === undefined) faults.push(missing('issuer', AUTH_SETTINGS.issuer.description))
  if (audience === undefined) faults.push(missing('audience', AUTH_SETTINGS.audience.description))
  if (keys === undefined && typeof issuer === 'string' && keySetting(issuer).kind !== 'url') {
    faults.push(missing('keys', NO_DISCOVERY))
  }
  return faults
}

const ORIGINS = ['sse', 'corsOrigins']

const ANY_ORIGIN: Fault = {
  place: ORIGINS,
  kind: 'wrong',
  words:
    "is * although a cookie holds the token, so that any page could read its visitors' streams; list the origins, or none",
}

/** With a cookie no page of another origin may read the streams, unless the document lists its origin. */
export function fillOrigins(document: Document): void {
  if (hasCookie(document) && valueAt(document, ORIGINS) === undefined) setAt(document, ORIGINS, [])
}

export function originFaults(document: Document): Fault[] {
  const origins = valueAt(document, ORIGINS)
  return hasCookie(document) && Array.isArray(origins) && origins.includes('*') ? [ANY_ORIGIN] : []
}

function hasCookie(document: Document): boolean {
  return typeof valueAt(document, ['auth', 'cookie']) === 'string'
}

export function streamFaults(document: Document): Fault[] {
  const { streams } = document
  if (!Array.isArray(streams)) return []
  const paths: unknown[] = streams.map((stream: unknown) => Object(stream).path)
  const patterns = paths.map((path) => (typeof path === 'string' ? pathPattern(path) : null))
  const taken = paths.flatMap((path, at): Fault[] => {
    const pattern = patterns[at]
    if (pattern === null || patterns.indexOf(pattern ?? null) === at) return []
    return [
      {
        place: ['streams', `${at}`, 'path'],
        kind: 'wrong',
        words: `is taken by another stream: ${quoted(path)}`,
      },
    ]
  })
  const tickets = valueAt(document, ['sse', 'tickets']) === true ? ticketFaults(paths) : []
  return [...taken, ...tickets, ...topicFaults(streams), ...selectionFaults(streams)]
}

/** Tickets are asked for below a stream's path. */
function ticketFaults(paths: readonly unknown[]): Fault[] {
  return paths.flatMap((path, at): Fault[] => {
    if (typeof path !== 'string') return []
    const place = ['streams', `${at}`, 'path']
    const below = ticketPath(path)
    if (below === null)
      return [{ place, kind: 'wrong', words: 'ends with *, so that no path can be below it for its tickets' }]
    const other = paths.find(
      (taken) => typeof taken === 'string' && pathPattern(taken) === pathPattern(below),
    )
    if (other === undefined) return []
    return [
      { place, kind: 'wrong', words: `has its tickets at the path of another stream: ${quoted(other)}` },
    ]
  })
}

/** The options of a checked document. The default of `auth.keys` is the issuer's discovery document. */
export function resolveOptions(document: Document): ResolvedOptions {
  // The schema has checked its shape and filled in the defaults.
  const { kafka, auth, streams, sse } = document as unknown as ResolvedOptions
  const { issuer = '', audience = '', ...others } = auth
  const keys = auth.keys ?? (issuer === '' ? '' : discoveryDocument(issuer))
  return { kafka, auth: { ...others, issuer, audience, keys }, streams: streams.map(withIds), sse }
}

/** OpenID Connect Discovery 1.0 section 4: a slash at the issuer's end is removed first. */
function discoveryDocument(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
}

function missing(name: keyof AuthOptions, words: string): Fault {
  return { place: ['auth', name], kind: 'missing', words: `is missing: ${words}` }
}
