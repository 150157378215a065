// Rules that involve several settings, which the schema cannot express: no two streams have the same path. Those of
// tokens are in src/config/auth/issuer-faults.ts.

import { isIPv6 } from 'node:net'
import { proxyFault } from '../limits/trusted-proxies.ts'
import type { AuthOptions, ResolvedAuth, ResolvedOptions } from '../options.ts'
import { quoted } from '../text/quoted.ts'
import { ticketPath } from '../tickets/ticket-path.ts'
import { issuersOf } from './auth/issuers.ts'
import { type Document, valueAt } from './document.ts'
import { SERVER_SETTINGS } from './server-settings.ts'
import type { Setting } from './setting.ts'
import { pathPattern } from './streams/path-parameters.ts'
import { selectionFaults } from './streams/selection-rules.ts'
import { withIds } from './streams/stream-selectors.ts'
import { topicFaults } from './streams/topic-rules.ts'
import type { Fault, SettingPlace } from './validation.ts'

/** Of a server. */
export function proxyFaults(document: Document): Fault[] {
  const place = ['trustProxy']
  const listed = valueAt(document, place)
  const entries = Array.isArray(listed) ? listed.filter((entry) => typeof entry === 'string') : []
  return entries.flatMap((entry): Fault[] => {
    const fault = proxyFault(entry, entries)
    return fault === null ? [] : [{ place, kind: 'wrong', words: `has ${quoted(entry)}, which ${fault}` }]
  })
}

/** Of a server: its two ports cannot be one, unless they are at different addresses. */
export function portFaults(document: Document): Fault[] {
  const { port, adminPort, host, adminHost } = SERVER_SETTINGS
  const of = (name: string, { default: byDefault }: Setting) => valueAt(document, [name]) ?? byDefault
  const isShared = meet(String(of('host', host)), String(of('adminHost', adminHost)))
  const taken = of('port', port)
  if (taken === 0 || taken !== of('adminPort', adminPort) || !isShared) return []
  // The one that somebody has set is named.
  return taken === adminPort.default
    ? [{ place: ['port'], kind: 'wrong', words: `is the admin port, too: ${taken}` }]
    : [{ place: ['adminPort'], kind: 'wrong', words: `is the port of the streams, too: ${taken}` }]
}

/** Whether one port cannot be opened at both. A name, other than localhost, counts as an address of IPv4. */
function meet(host: string, other: string): boolean {
  return addressesAt(host).some((one) =>
    addressesAt(other).some((another) => covers(one, another) || covers(another, one)),
  )
}

function addressesAt(host: string): readonly string[] {
  return host === 'localhost' ? ['127.0.0.1', '::1'] : [host]
}

function covers(one: string, other: string): boolean {
  return one === other || one === '::' || (one === '0.0.0.0' && !isIPv6(other))
}

/** Providers do not know the sessions that a host makes by itself, and no stream may be at the path. */
export function logoutFaults(document: Document): Fault[] {
  const place = ['auth', 'logoutPath']
  const path = valueAt(document, place)
  if (typeof path !== 'string') return []
  if (valueAt(document, ['auth', 'authenticate']) !== undefined)
    return [
      {
        place,
        kind: 'wrong',
        words: 'is for servers that verify tokens, and auth.authenticate replaces that',
      },
    ]
  const { streams } = document
  const isTaken = Array.isArray(streams) && streams.some((stream: unknown) => Object(stream).path === path)
  return isTaken ? [{ place, kind: 'wrong', words: `is the path of a stream: ${quoted(path)}` }] : []
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

/** The options of a checked document. `nameOf`: what its writer calls a setting, for errors that show later. */
export function resolveOptions(document: Document, nameOf: (place: SettingPlace) => string): ResolvedOptions {
  // The schema has checked its shape and filled in the defaults.
  const { kafka, auth, streams, sse } = document as unknown as CheckedOptions
  const isBounded = kafka.controlTopic !== null || auth.logoutPath !== null
  const lifetimeSeconds = isBounded ? BOUNDED_LIFETIME_SECONDS : null
  return { kafka, auth: resolveAuth(auth, lifetimeSeconds, nameOf), streams: streams.map(withIds), sse }
}

type CheckedOptions = Omit<ResolvedOptions, 'auth'> & {
  readonly auth: Omit<ResolvedAuth, 'issuers'> & AuthOptions
}

/**
 * Default of the longest life of a token or a host's session where each revocation has to be kept for as long, and
 * users cause revocations themselves: a day. Without a limit, each logout would fill a row of the table for ever.
 */
const BOUNDED_LIFETIME_SECONDS = 86_400

/** `lifetimeSeconds`: the bound of issuers, or of a host's sessions, that have none. */
function resolveAuth(
  auth: CheckedOptions['auth'],
  lifetimeSeconds: number | null,
  nameOf: (place: SettingPlace) => string,
): ResolvedAuth {
  const { issuer, audience, clients, keys, typ, scopeClaim, require, lifetimeSecondsMax, ...others } = auth
  if (auth.authenticate !== undefined)
    return { ...others, issuers: [], lifetimeSecondsMax: lifetimeSecondsMax ?? lifetimeSeconds }
  const issuers = issuersOf(auth, nameOf).map((each) => ({
    ...each,
    lifetimeSecondsMax: each.lifetimeSecondsMax ?? lifetimeSeconds,
    isIatRequired: each.lifetimeSecondsMax !== null && lifetimeSeconds !== null,
  }))
  return { ...others, issuers }
}
