// Checks the options of a stream when it is constructed, and fills in the defaults of its limits. Promise: an error
// names the option, and quotes no value.

import { EVENT_LENGTH_MAX } from './event-parser.ts'
import type { ConnectOptions } from './options.ts'

/** Each option, with what `typeof` says of it. */
const TYPES: Record<keyof ConnectOptions, string> = {
  getToken: 'function',
  headers: 'object',
  credentials: 'string',
  lastEventId: 'string',
  signal: 'object',
  challenges: 'boolean',
  onEvent: 'function',
  onState: 'function',
  onOpen: 'function',
  onEnd: 'function',
  onError: 'function',
  onChallenge: 'function',
  onRenewed: 'function',
  fetch: 'function',
  heartbeatMs: 'number',
  retryMaxMs: 'number',
  eventLengthMax: 'number',
  readAheadMax: 'number',
  random: 'function',
}
/** A name is suggested for a misspelt one if no more letters differ. */
const DIFFERING_MAX = 3
/** Headers that the client sets itself. */
const OWN_HEADERS = ['accept', 'authorization', 'last-event-id']

/** The limits of ConnectOptions, with defaults. */
export interface Limits {
  readonly heartbeatMs: number
  readonly retryMaxMs: number
  readonly eventLengthMax: number
  readonly readAheadMax: number
}

/** Throws a TypeError for an option that there is not, or that is of another type. `own`: options of the caller. */
export function checkOptions(options: ConnectOptions, own: Readonly<Record<string, string>> = {}): void {
  const types = { ...TYPES, ...own }
  for (const [name, value] of Object.entries(check('options', options, 'object'))) {
    if (!Object.hasOwn(types, name))
      throw new TypeError(`There is no option ${name}${suggestion(name, types)}`)
    // Without getToken the session is a cookie's, which is not meant where a getToken is named that is not there.
    if (value !== undefined || name === 'getToken') check(name, value, types[name as keyof ConnectOptions])
  }
  const { signal, credentials = 'omit' } = options
  if (signal && !('aborted' in signal)) throw new TypeError('signal must be an AbortSignal')
  if (!['omit', 'same-origin', 'include'].includes(credentials)) {
    throw new TypeError('credentials must be omit, same-origin or include')
  }
}

/** Throws a RangeError. */
export function readLimits(options: ConnectOptions): Limits {
  const limits = {
    heartbeatMs: options.heartbeatMs ?? 27_000,
    retryMaxMs: options.retryMaxMs ?? 30_000,
    eventLengthMax: options.eventLengthMax ?? EVENT_LENGTH_MAX,
    readAheadMax: options.readAheadMax ?? 1_048_576,
  }
  for (const [name, limit] of Object.entries(limits)) checkLimit(name, limit)
  return limits
}

/** An absolute URL without a fragment; in browsers relative to the page. Throws a TypeError. */
export function readUrl(url: string | URL): string {
  try {
    const resolved = new URL(url, globalThis.location?.href)
    resolved.hash = ''
    if (/^https?:\/\/[^@/]+\//.test(resolved.href)) return resolved.href
  } catch {
    // The error of URL quotes the text, in which a token may stand.
  }
  throw new TypeError('url must be an http or https URL, without a user or a password')
}

/** In lower case. Throws a TypeError. */
export function readHeaders({ headers = {} }: ConnectOptions): Record<string, string> {
  let read: Record<string, string>
  try {
    read = Object.fromEntries(new Headers(headers))
  } catch {
    throw new TypeError('headers must have names and values that HTTP allows')
  }
  const own = OWN_HEADERS.find((name) => name in read)
  if (own !== undefined) throw new TypeError(`headers must not have ${own}: the client sets it`)
  return read
}

export function readLastEventId({ lastEventId = '' }: ConnectOptions): string {
  if (/[\0\r\n]/.test(lastEventId)) throw new TypeError('lastEventId must not have a line end or a NUL')
  return lastEventId
}

function check<T>(name: string, value: T, type: string): T {
  if (value === null || typeof value !== type) throw new TypeError(`${name} must be of type ${type}`)
  return value
}

/** At most 2^31-1, because a longer timer fires at once. */
function checkLimit(name: string, limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit < 2 ** 31) return
  throw new RangeError(`${name} must be a whole number from 1 to 2147483647`)
}

function suggestion(name: string, types: object): string {
  const [nearest = ''] = Object.keys(types)
    .filter((known) => differing(name, known) <= DIFFERING_MAX)
    .sort((one, other) => differing(name, one) - differing(name, other))
  return nearest && `: is it ${nearest}?`
}

/** How many letters only one of the two has, in any order and case. */
function differing(name: string, known: string): number {
  let rest = name.toLowerCase()
  let missing = 0
  for (const letter of known.toLowerCase()) {
    if (rest.includes(letter)) rest = rest.replace(letter, '')
    else missing++
  }
  return missing + rest.length
}
