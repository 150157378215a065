// Checks the options of a stream, and fills in their defaults. Promise: an error names the option, and quotes no value.

import { EVENT_LENGTH_MAX } from './event-parser.ts'
import type { ConnectOptions } from './options.ts'
import { TIMER_MAX_MS } from './waiting.ts'

/** A name is suggested for a misspelt one if no more letters differ. */
const DIFFERING_MAX = 3

type Optional = 'getToken' | 'onEvent'

/** The options, with defaults. */
export type Settings = Required<Omit<ConnectOptions, Optional>> & Pick<ConnectOptions, Optional>

function defaults(): Record<keyof ConnectOptions, unknown> {
  return {
    getToken: undefined,
    headers: {},
    credentials: 'same-origin',
    lastEventId: '',
    signal: new AbortController().signal,
    challenges: true,
    onEvent: undefined,
    onState: ignore,
    onOpen: ignore,
    onEnd: ignore,
    onError: ignore,
    onChallenge: ignore,
    onRenewed: ignore,
    // Looked up at each request, and not as a method of another object, because browsers throw then.
    fetch: (url: string, request: RequestInit) => fetch(url, request),
    heartbeatMs: 27_000,
    retryMaxMs: 30_000,
    eventLengthMax: EVENT_LENGTH_MAX,
    readAheadMax: 1_048_576,
    random: Math.random,
  }
}

/**
 * Throws a TypeError or RangeError. `own`: options of the caller besides these, with their defaults; a function may be
 * undefined.
 */
export function readOptions(options: ConnectOptions, own: Readonly<Record<string, unknown>> = {}): Settings {
  const settings: Record<string, unknown> = { ...defaults(), ...own }
  for (const [name, value] of Object.entries(checkType('options', options, 'object'))) {
    if (!Object.hasOwn(settings, name)) {
      fail(`There is no option ${name}${suggestion(name, Object.keys(settings))}`)
    }
    // Without getToken the session is a cookie's, which is not meant where a getToken is named that is not there.
    if (value === undefined && name !== 'getToken') continue
    settings[name] = checkType(name, value, typeof (settings[name] ?? ignore))
    if (typeof value === 'number') checkLimit(name, value)
  }
  const checked = settings as Settings // each option has the type of its default
  if (!('aborted' in checked.signal)) fail('signal must be an AbortSignal')
  if (!/^(omit|same-origin|include)$/.test(checked.credentials)) {
    fail('credentials must be omit, same-origin or include')
  }
  if (/[\0\r\n]/.test(checked.lastEventId)) fail('lastEventId must be one line')
  return { ...checked, headers: readHeaders(checked.headers) }
}

/** An absolute URL; in browsers relative to the page. Throws a TypeError. */
export function readUrl(url: string | URL): string {
  try {
    const { href } = new URL(url, globalThis.location?.href)
    if (/^https?:\/\/[^@/]+\//.test(href)) return href
  } catch {
    // The error of URL quotes the text, in which a token may stand.
  }
  return fail('url must be absolute http or https without credentials')
}

/** In lower case, so that those of the client replace them. */
function readHeaders(headers: Record<string, string>): Record<string, string> {
  try {
    return Object.fromEntries(new Headers(headers))
  } catch {
    return fail('headers must be valid')
  }
}

function checkType<T>(name: string, value: T, type: string): T {
  if (value === null || typeof value !== type) fail(`${name} must be of type ${type}`)
  return value
}

/** A whole number of 31 bits, because a longer timer fires at once. */
function checkLimit(name: string, limit: number): void {
  if (limit > 0 && (limit | 0) === limit) return
  throw new RangeError(`${name} must be a whole number from 1 to ${TIMER_MAX_MS}`)
}

function suggestion(name: string, known: string[]): string {
  const [nearest = ''] = known.sort((one, other) => differing(name, one) - differing(name, other))
  return differing(name, nearest) > DIFFERING_MAX ? '' : `: is it ${nearest}?`
}

/** How many letters only one of the two has, in any order and case. */
function differing(name: string, known: string): number {
  let rest = name.toLowerCase()
  for (const letter of known.toLowerCase()) rest = rest.replace(letter, '')
  // Those that are left of `name`, and as many of `known` as it lacks.
  return 2 * rest.length + known.length - name.length
}

function fail(message: string): never {
  throw new TypeError(message)
}

function ignore(): void {}
