// The features of this build of librdkafka. It lacks those whose headers were not installed. What it has and what is
// missing is logged once, with the command that adds them, and a property that needs one is refused by name.

import type { KafkaLibrary } from '../../../src/bus/topic.ts'
import { ConfigError } from '../../../src/config/config-error.ts'
import { rdkafka } from './native.ts'

type Properties = Readonly<Record<string, string | number | boolean>>

interface Part {
  readonly words: string
  /** Debian's package of the headers. */
  readonly debianPackage: string | null
}

/** By the names of librdkafka's `builtin.features`, without those that every build has. */
export const PARTS: ReadonlyMap<string, Part> = new Map([
  ['ssl', { words: 'TLS', debianPackage: 'libssl-dev' }],
  ['sasl_scram', { words: 'SASL SCRAM', debianPackage: 'libssl-dev' }],
  ['sasl_oauthbearer', { words: 'SASL OAUTHBEARER', debianPackage: 'libssl-dev' }],
  ['oidc', { words: 'OIDC', debianPackage: 'libcurl4-openssl-dev' }],
  ['sasl_gssapi', { words: 'SASL GSSAPI', debianPackage: 'libsasl2-dev' }],
  ['gzip', { words: 'gzip', debianPackage: 'zlib1g-dev' }],
  ['zstd', { words: 'zstd', debianPackage: 'libzstd-dev' }],
  ['sasl_plain', { words: 'SASL PLAIN', debianPackage: null }],
  ['snappy', { words: 'snappy', debianPackage: null }],
  ['lz4', { words: 'lz4', debianPackage: null }],
])

/** Features of the installed build. */
export const BUILT_FEATURES: readonly string[] = rdkafka.features

/** Compressions of records, by the names of `builtin.features`. */
export const CODECS: readonly string[] = ['gzip', 'snappy', 'lz4', 'zstd']

export const BUILT_LIBRARY: KafkaLibrary = {
  version: rdkafka.librdkafkaVersion,
  codecs: CODECS.filter((codec) => BUILT_FEATURES.includes(codec)),
}

/** One line for the log of what the build has: TLS, SASL, OIDC and the compressions. */
export function builtLine(features: readonly string[]): string {
  const built = [...PARTS].filter(([name]) => features.includes(name)).map(([, { words }]) => words)
  return `librdkafka ${rdkafka.librdkafkaVersion} was built with ${listed(built)}`
}

export interface MissingParts {
  /** Such as `TLS, SASL SCRAM and zstd`. */
  readonly words: string
  /** The command that adds the missing parts, to run in the project's folder; null if no package has them. */
  readonly command: string | null
}

const WHERE = 'brings it (on Debian; the README has other systems)'

/** null if nothing is missing. */
export function missingParts(features: readonly string[]): MissingParts | null {
  const missing = [...PARTS].filter(([name]) => !features.includes(name)).map(([, part]) => part)
  if (missing.length === 0) return null
  return { words: listed(missing.map(({ words }) => words)), command: commandFor(missing) }
}

/** One line for the log; null if nothing is missing. */
export function missingLine(features: readonly string[]): string | null {
  const missing = missingParts(features)
  if (missing === null) return null
  const { words, command } = missing
  const what = `librdkafka was built without ${words}: a Kafka that asks for one of these cannot be used`
  return command === null ? what : `${what}. ${command} ${WHERE}`
}

let isTold = false

/** Logs what the build has, and what is missing, once in a process. */
export function tellParts(log: PartsLog, features = BUILT_FEATURES): void {
  if (isTold) return
  isTold = true
  log.info(builtLine(features))
  const line = missingLine(features)
  if (line !== null) log.warn(line)
}

interface PartsLog {
  info(line: string): void
  warn(line: string): void
}

/** Throws a ConfigError where a property needs a feature that the build lacks. */
export function refuseMissing(config: Properties = {}, features = BUILT_FEATURES): void {
  for (const [property, feature] of neededFeatures(config)) {
    const part = PARTS.get(feature)
    if (part === undefined || features.includes(feature)) continue
    const command = commandFor([part])
    const help = command === null ? '' : `. ${command} ${WHERE}`
    throw new ConfigError([
      `Kafka property ${property} needs ${part.words}: librdkafka was built without it${help}`,
    ])
  }
}

/** Each property, such as `security.protocol = SASL_SSL`, with the feature that it needs. */
function neededFeatures(config: Properties): [property: string, feature: string][] {
  const asked = (name: string): string => String(config[name] ?? '').toLowerCase()
  const needed: [string, string][] = []
  const need = (name: string, feature: string): void => {
    needed.push([config[name] === undefined ? name : `${name} = ${config[name]}`, feature])
  }
  const protocol = asked('security.protocol')
  if (protocol.endsWith('ssl')) need('security.protocol', 'ssl')
  const mechanismName = config['sasl.mechanism'] === undefined ? 'sasl.mechanisms' : 'sasl.mechanism'
  const mechanism = asked(mechanismName) || (protocol.startsWith('sasl_') ? DEFAULT_MECHANISM : '')
  if (mechanism !== '') need(mechanismName, featureOf(mechanism))
  if (asked('sasl.oauthbearer.method') === 'oidc') need('sasl.oauthbearer.method', 'oidc')
  for (const name of ['compression.type', 'compression.codec']) {
    if (asked(name) !== '') need(name, asked(name))
  }
  return needed
}

/** librdkafka's default. */
const DEFAULT_MECHANISM = 'gssapi'

function featureOf(mechanism: string): string {
  return mechanism.startsWith('scram-') ? 'sasl_scram' : `sasl_${mechanism}`
}

function commandFor(parts: readonly Part[]): string | null {
  const packages = new Set(parts.flatMap(({ debianPackage }) => debianPackage ?? []))
  if (packages.size === 0) return null
  return `apt-get install ${[...packages].sort().join(' ')} && npm rebuild node-rdkafka`
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}
