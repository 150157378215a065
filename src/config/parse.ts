// Parses and validates a configuration: the environment and CONFIG_FILE of a server, or the options of the plugin.
// Promise: one error lists every problem, a line for each. The options that it returns have all defaults.

import type {
  KafkaSseOptions,
  LogLevel,
  ResolvedOptions,
  ServerOptions,
  StreamOptions,
  TlsOptions,
} from '../options.ts'
import { quoted } from '../text/quoted.ts'
import { authFaults } from './auth/issuer-faults.ts'
import { ConfigError } from './config-error.ts'
import { logoutFaults, portFaults, proxyFaults, resolveOptions, streamFaults } from './cross-field-rules.ts'
import { defaultWorkers } from './default-workers.ts'
import { copied, type Document, dotted, setAt, unplain, unplainFaults, valueAt } from './document.ts'
import type { EnvironmentVariables } from './environment.ts'
import { connectionFaults } from './kafka/connection-rules.ts'
import { tlsProblems, verificationKeysProblem } from './key-files.ts'
import { lineOf, type MergedSettings, mergeSettings, nameOf } from './merged-settings.ts'
import type { ServerSettingName } from './server-settings.ts'
import { descriptionFaults } from './streams/description-rules.ts'
import { fillOrigins, originFaults } from './streams/origin-rules.ts'
import { controlFaults } from './streams/topic-rules.ts'
import { type Fault, optionsFaults, type SettingPlace, serverFaults } from './validation.ts'

export { ConfigError } from './config-error.ts'

/** Options that Fastify's `register` reads, and passes on to the plugin. Fastify ignores those of a wrong type. */
const REGISTER_OPTIONS: Readonly<Record<string, { readonly type: string; readonly expects: string }>> = {
  prefix: { type: 'string', expects: 'a path, such as "/live"' },
  logLevel: { type: 'string', expects: 'a level, such as "warn"' },
  logSerializers: { type: 'object', expects: 'an object of functions' },
}

/**
 * The plugin's options with all defaults, as a copy. Throws a ConfigError, which names each setting by its place, such
 * as `options.sse.heartbeatSeconds`.
 */
export function validateOptions(options: KafkaSseOptions): ResolvedOptions {
  const words = unplain(options)
  if (words !== null) throw new ConfigError([`options ${words}`])
  const entries = Object.entries(options)
  const given = Object.fromEntries(entries.filter(([name]) => !Object.hasOwn(REGISTER_OPTIONS, name)))
  refuse(unplainFaults(given))
  const document = copied(given) as Document
  fillOrigins(document)
  refuse([...registerFaults(entries), ...optionsFaults(document), ...crossFieldFaults(document)])
  return resolveOptions(document, optionName)
}

/** What stands beside a part that is validated alone. Nothing of it is used. */
const BESIDE = {
  kafka: { bootstrapServers: 'localhost:9092' },
  auth: { authenticate: () => null },
  streams: [{ path: '/', topic: 'none' }],
}

/**
 * As `validateOptions`, for a part that is registered by itself: by the same schema, and with the same defaults.
 * `given` has the groups of options that the part takes; their names are left out of the problems' places. `names`:
 * what the part calls options that have another name in the schema.
 */
export function validatePart(
  given: Partial<Readonly<Record<keyof KafkaSseOptions, unknown>>>,
  names: Readonly<Record<string, string>> = {},
): ResolvedOptions {
  refusePart(unplainFaults(given), names)
  const document = copied({ ...BESIDE, ...given }) as Document
  fillOrigins(document)
  const faults = [...optionsFaults(document), ...crossFieldFaults(document)]
  const ofPart = faults.filter(({ place: [group = ''] }) => Object.hasOwn(given, group))
  refusePart(ofPart, names)
  return resolveOptions(document, ([, ...place]) => optionName(place))
}

function refusePart(faults: readonly Fault[], names: Readonly<Record<string, string>>): void {
  refuse(
    faults.map((fault) => {
      const place = fault.place.slice(fault.place[0] === 'streams' ? 0 : 1)
      return {
        ...fault,
        place: place.map((name) => (Object.hasOwn(names, name) ? (names[name] ?? name) : name)),
      }
    }),
  )
}

function registerFaults(entries: readonly (readonly [string, unknown])[]): Fault[] {
  return entries.flatMap(([name, value]): Fault[] => {
    const option = Object.hasOwn(REGISTER_OPTIONS, name) ? REGISTER_OPTIONS[name] : undefined
    if (option === undefined || value === undefined || typeof value === option.type) return []
    const words = `takes ${option.expects}, not ${quoted(value)}`
    return [{ place: [name], kind: 'wrong', words }]
  })
}

function crossFieldFaults(document: Document): Fault[] {
  return [
    ...authFaults(document),
    ...originFaults(document),
    ...logoutFaults(document),
    ...streamFaults(document),
    ...controlFaults(document),
    ...connectionFaults(document),
    ...descriptionFaults(document),
  ]
}

function refuse(faults: readonly Fault[]): void {
  if (faults.length === 0) return
  throw new ConfigError(faults.map(({ place, words }) => `${optionName(place)} ${words}`))
}

function optionName(place: SettingPlace): string {
  const name = dotted(place)
  return /^(\[|$)/.test(name) ? `options${name}` : `options.${name}`
}

/** The options of `kafka-sse serve`. Rejects with a ConfigError, which names each setting by its variable. */
export async function parseEnvironment(
  env: EnvironmentVariables,
  folder: string = process.cwd(),
  hasSockets = false,
): Promise<ServerOptions> {
  const settings = await mergeSettings(env)
  const found = [...settings.problems, ...settings.borrowed]
  const problems = [...found, ...faultLines(settings, hasSockets), ...tlsLines(settings.document)]
  const { document } = settings
  if (document.demoTokens !== undefined) problems.push('DEMO_TOKENS is for kafka-sse demo alone')
  problems.push(...keysLines(settings, folder))
  if (problems.length > 0) throw new ConfigError(problems)
  return serverOptions(settings)
}

/** What the demo sets by itself. The keys of both maps are places, such as `auth.issuer`. */
export interface DemoPresets {
  readonly folder: string
  /** Hosts at which DEMO_TOKENS is on unless it is set: only this machine can reach them. */
  readonly localHosts: readonly string[]
  /** Values that the environment and CONFIG_FILE must not set. */
  readonly fixed: ReadonlyMap<string, unknown>
  /** Values that the environment and CONFIG_FILE may replace. */
  readonly defaults: ReadonlyMap<string, unknown>
  /** The stream, if CONFIG_FILE lists none. */
  readonly onlyStream: StreamOptions
  /** Listens at sockets that a supervisor has opened. Default: false. */
  readonly hasSockets?: boolean
}

/** The options of `kafka-sse demo`. Rejects like parseEnvironment. Reads no key file: the demo creates them later. */
export async function parseDemoEnvironment(
  env: EnvironmentVariables,
  { folder, localHosts, fixed, defaults, onlyStream, hasSockets = false }: DemoPresets,
): Promise<ServerOptions> {
  const settings = await mergeSettings(env, onlyStream)
  const { document, problems } = settings
  for (const [name, value] of fixed) {
    const place = name.split('.')
    if (valueAt(document, place) === undefined) setAt(document, place, value)
    else
      problems.push(`${nameOf(place, settings)} is for kafka-sse serve: the demo trusts its own keys alone`)
  }
  for (const [name, value] of defaults) {
    const place = name.split('.')
    if (valueAt(document, place) === undefined) setAt(document, place, value)
  }
  problems.push(...faultLines(settings, hasSockets))
  if (problems.length > 0) throw new ConfigError(problems)
  const options = serverOptions(settings)
  const tokens = document.demoTokens ?? (localHosts.includes(options.host) ? 'on' : 'off')
  return { ...options, demo: { folder, tokens: tokens === 'on', envelopes: {} } }
}

function faultLines(settings: MergedSettings, hasSockets: boolean): string[] {
  const { document } = settings
  fillOrigins(document)
  const ports = hasSockets ? [] : [portFaults]
  const faults = [serverFaults, crossFieldFaults, proxyFaults, ...ports].flatMap((find) => find(document))
  // One line is enough for a setting that has the wrong name.
  const untold = faults.filter(
    ({ kind, place }) => kind !== 'missing' || !settings.meant.has(nameOf(place, settings)),
  )
  return [...untold.map((fault) => lineOf(fault, settings)), ...adminPathLines(settings)]
}

/** On a server's public port, health, metrics and status would be open to every client. */
function adminPathLines(settings: MergedSettings): string[] {
  const place = ['sse', 'adminPath']
  if (typeof valueAt(settings.document, place) !== 'string') return []
  return [`${nameOf(place, settings)} is for the plugin: a server has ADMIN_PORT`]
}

function keysLines(settings: MergedSettings, folder: string): string[] {
  const issuers = valueAt(settings.document, ['auth', 'issuers'])
  const listed = Array.isArray(issuers) ? issuers.map((_, at) => ['auth', 'issuers', `${at}`, 'keys']) : []
  return [['auth', 'keys'], ...listed].flatMap((place) => {
    const keys = valueAt(settings.document, place)
    if (typeof keys !== 'string') return []
    return verificationKeysProblem(nameOf(place, settings), keys, folder) ?? []
  })
}

function tlsLines({ tls, tlsCertFile, tlsKeyFile }: Document): string[] {
  const files = Object.entries({ TLS_CERT_FILE: tlsCertFile, TLS_KEY_FILE: tlsKeyFile })
  if (tls === 'off') {
    return files.filter(([, file]) => file !== undefined).map(([name]) => `${name} is set although TLS=off`)
  }
  if (typeof tlsCertFile === 'string' && typeof tlsKeyFile === 'string') {
    return tlsProblems({ certFile: tlsCertFile, keyFile: tlsKeyFile })
  }
  if (tls !== 'on') return []
  return files
    .filter(([, file]) => file === undefined)
    .map(([name]) => `${name} is not set: a path in PEM, or TLS=off behind a proxy that ends TLS`)
}

/** The server's settings in a document that the schema has checked. */
type CheckedDocument = Readonly<Record<Exclude<ServerSettingName, NumberName | ListName>, string>> &
  Readonly<Record<Exclude<NumberName, 'workers'>, number>> & {
    readonly workers?: number
  } & Readonly<Record<ListName, string[]>>
type ListName = 'adminHosts' | 'trustProxy'
type NumberName =
  | 'port'
  | 'adminPort'
  | 'connectionsMax'
  | 'connectionsPerAddressMax'
  | 'lingerSeconds'
  | 'reloadSeconds'
  | 'workers'

function serverOptions(settings: MergedSettings): ServerOptions {
  const { document, module } = settings
  const { tls, tlsCertFile, tlsKeyFile, page, ...checked } = document as CheckedDocument
  const { host, port, adminHost, adminPort, adminHosts, trustProxy, logLevel } = checked
  const { workers = defaultWorkers(), lingerSeconds, reloadSeconds } = checked
  const { connectionsMax, connectionsPerAddressMax } = checked
  const files: TlsOptions = { certFile: tlsCertFile, keyFile: tlsKeyFile }
  return {
    ...resolveOptions(document, (place) => nameOf(place, settings)),
    ...{ host, port, adminHost, adminPort, adminHosts, trustProxy, logLevel: logLevel as LogLevel },
    ...{ workers, lingerSeconds, reloadSeconds, connectionsMax, connectionsPerAddressMax },
    tls: tls === 'off' ? null : files,
    page: page === 'on',
    ...(module !== null && { configModule: module }),
  }
}
