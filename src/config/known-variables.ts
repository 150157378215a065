// The environment variables that the schema declares, and a classification of all other names: misspelt or unrelated.

import { SERVER_SCHEMA } from './schema.ts'
import type { Setting } from './setting.ts'
import { commonNameOf, nearestName } from './suggestion.ts'
import type { SettingPlace } from './validation.ts'

export interface Variable {
  readonly name: string
  readonly place: SettingPlace
  readonly setting: Setting
}

/** Every variable by its name, except KAFKA_CONFIG_*, which sets any librdkafka property. */
export const VARIABLES: ReadonlyMap<string, Variable> = new Map(
  [...variablesOf(SERVER_SCHEMA, [])].map((variable) => [variable.name, variable]),
)

export const CONFIG_FILE = 'CONFIG_FILE'
const KAFKA_CONFIG = 'KAFKA_CONFIG_'

/** An unknown name with such a prefix is an error. LOG_ and CONFIG_ are left out, because many programs use them. */
const OUR_NAMES =
  /^((ADMIN|CONNECTIONS|CONNECTS|CONTROL|CORS|DEMO|DRAIN|JWT|KAFKA|LINGER|RELOAD|RENEWALS|STALLED|STREAMS|TLS|TOPICS)_|(CHALLENGE|HEARTBEAT)(_|$))/
/**
 * Variables that Kubernetes injects for a Service called `kafka` or `admin`, or with such a prefix, and Docker for a
 * container that is linked by such a name.
 */
const KUBERNETES_NAMES = /_SERVICE_HOST$|_SERVICE_PORT(_|$)|_PORT_\d+_|^[A-Z0-9]+_ENV_/
const DOCKER_LINK = /^\/[^/]+\/[^/]+$/
const KUBERNETES_ADDRESS = /^(tcp|udp|sctp):\/\//
/**
 * The tutorial's JWT_TOKEN, the variables of `kafka-sse tail`, those of Kafka's command line tools, and those of
 * Heroku's add-on.
 */
const UNRELATED_NAMES =
  /^(JWT_TOKEN|KAFKA_SSE_[A-Z_]+|KAFKA_HOME|KAFKA_DEBUG|KAFKA_([A-Z0-9]+_)*OPTS|KAFKA_(PLAINTEXT_|SASL_)?URL|KAFKA_TRUSTED_CERT|KAFKA_CLIENT_CERT(_KEY)?|KAFKA_PREFIX)$/
/** librdkafka properties whose own names end with `.file`: these variables hold a value, not the path of one. */
const PROPERTIES_OF_FILES = new Set([
  'sasl.oauthbearer.assertion.file',
  'sasl.oauthbearer.assertion.private.key.file',
  'sasl.oauthbearer.assertion.jwt.template.file',
])

/** Variables of ours that many programs have in similar forms. A name close to one of these is ignored. */
const COMMON_NAMES = /^(HOST|PORT|TLS|LOG_LEVEL)(_FILE)?$|^CONFIG_FILE$/

/** `file`: the variable holds the path of a file that holds the value. */
export interface Meaning {
  readonly variable: Variable
  readonly file: boolean
}

/**
 * The setting that a variable sets; `unknown` if it is probably a misspelt one of ours; `common` if other programs call
 * one of ours by that name, which may stand there for them; null if it is unrelated.
 */
export function meaningOf(name: string, value: string): Meaning | 'unknown' | 'common' | null {
  if (KUBERNETES_NAMES.test(name)) return null
  if (name.endsWith('_PORT') && KUBERNETES_ADDRESS.test(value)) return null
  if (name.endsWith('_NAME') && DOCKER_LINK.test(value)) return null
  const variable = VARIABLES.get(name) ?? null
  if (variable !== null) return { variable, file: false }
  const held = heldInFile(name)
  if (held !== null) return { variable: held, file: true }
  const property = kafkaProperty(name)
  if (property !== null) return property
  const isCommon = commonNameOf(name) !== null
  if (isCommon && (UNRELATED_NAMES.test(name) || !OUR_NAMES.test(name))) return 'common'
  if (UNRELATED_NAMES.test(name)) return null
  return OUR_NAMES.test(name) || isMisspelt(name) ? 'unknown' : null
}

/** One keystroke from a name of ours. A misspelt limit must be an error, because otherwise there would be no limit. */
function isMisspelt(name: string): boolean {
  return /^[A-Z0-9_]+$/.test(name) && nearestName(name, UNMISTAKABLE_NAMES, 1) !== null
}

/** The variable of a librdkafka property, by its place in the options; null for another place. */
export function propertyVariable([group, option, property]: SettingPlace): string | null {
  if (group !== 'kafka' || option !== 'config' || property === undefined) return null
  return KAFKA_CONFIG + property.toUpperCase().replaceAll('.', '_')
}

/** Every name that sets something, for suggestions. */
export function knownNames(): string[] {
  return [
    CONFIG_FILE,
    ...[...VARIABLES.keys()].flatMap((name) => (isPath(name) ? [name] : [name, `${name}_FILE`])),
  ]
}

const UNMISTAKABLE_NAMES = knownNames().filter((name) => !COMMON_NAMES.test(name))

function heldInFile(name: string): Variable | null {
  if (!name.endsWith('_FILE')) return null
  const held = name.slice(0, -'_FILE'.length)
  return isPath(held) ? null : (VARIABLES.get(held) ?? null)
}

/** TLS_CERT_FILE is itself a path, so there is no TLS_CERT_FILE_FILE. */
function isPath(name: string): boolean {
  return name.endsWith('_FILE')
}

function kafkaProperty(name: string): Meaning | null {
  const setting = SERVER_SCHEMA.properties?.kafka?.properties?.config?.additionalProperties
  if (!setting || !/^KAFKA_CONFIG_[A-Z0-9_]+$/.test(name)) return null
  const whole = propertyName(name)
  const file = name.endsWith('_FILE') && !PROPERTIES_OF_FILES.has(whole)
  const property = file ? whole.slice(0, -'.file'.length) : whole
  if (property === '' || whole === 'file') return null
  return { variable: { name, place: ['kafka', 'config', property], setting }, file }
}

function propertyName(name: string): string {
  return name.slice(KAFKA_CONFIG.length).toLowerCase().replaceAll('_', '.')
}

/** A variable of a list's items sets the first item. */
function* variablesOf(setting: Setting, place: SettingPlace): Generator<Variable> {
  if (setting.env?.endsWith('*')) return
  if (setting.env !== undefined) yield { name: setting.env, place, setting }
  for (const [name, inner] of Object.entries(setting.properties ?? {}))
    yield* variablesOf(inner, [...place, name])
  if (setting.items?.properties) yield* variablesOf(setting.items, [...place, '0'])
}
