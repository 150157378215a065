// How two readings of the settings differ: what can take effect now, and what needs a restart. Promise: values are
// compared and never told, because they may be secrets.

import { VARIABLES } from '../config/known-variables.ts'
import type { ServerOptions } from '../options.ts'
import { LIVE_SERVER, LIVE_SSE, liveOptions, withLive } from './live-settings.ts'

export interface Differences {
  /** Names of settings, as people write them. */
  readonly live: readonly string[]
  readonly restart: readonly string[]
}

const LIVE: ReadonlySet<string> = new Set([...LIVE_SERVER, ...LIVE_SSE.map((name) => `sse.${name}`)])
/** Groups that are compared setting by setting; all else is compared as a whole. */
const GROUPS = new Set(['kafka', 'auth', 'sse'])
const NAMES: ReadonlyMap<string, string> = new Map([
  ...[...VARIABLES.values()].map(({ name, place }): [string, string] => [place.join('.'), name]),
  ['configModule', 'CONFIG_FILE'],
  ['kafka.config', 'KAFKA_CONFIG_*'],
  // What the variables of a single issuer become, too.
  ['auth.issuers', 'JWT_* (auth.issuers)'],
])

export function differences(now: ServerOptions, next: ServerOptions): Differences {
  const [was, is] = [flat(now), flat(next)]
  const changed = [...new Set([...was.keys(), ...is.keys()])].filter(
    (place) => textOf(was.get(place)) !== textOf(is.get(place)),
  )
  // Ids and tickets need a key for as long as the process lives.
  const isLive = (place: string) => LIVE.has(place) && (place !== 'sse.secretKey' || is.get(place) !== null)
  return {
    live: changed.filter(isLive).map(nameOf),
    restart: changed.filter((place) => !isLive(place)).map(nameOf),
  }
}

/** The options as they are after a reload: what needs a restart stays as it was. */
export function reloaded(now: ServerOptions, next: ServerOptions): ServerOptions {
  return withLive(now, liveOptions(next))
}

function flat(options: ServerOptions): Map<string, unknown> {
  return new Map(
    Object.entries(options).flatMap(([name, value]) =>
      GROUPS.has(name)
        ? Object.entries(value).map(([inner, held]): [string, unknown] => [`${name}.${inner}`, held])
        : [[name, value] as [string, unknown]],
    ),
  )
}

/** Functions are left out: those of a CONFIG_FILE change with its digest. */
function textOf(value: unknown): string {
  return JSON.stringify(value) ?? ''
}

function nameOf(place: string): string {
  return NAMES.get(place) ?? place
}
