// The environment variables that there are, read off the schema, and the names of others that look like ours.

import { SERVER_SCHEMA } from './schema.ts'
import type { Setting } from './setting.ts'
import { nearestName } from './suggestion.ts'
import type { SettingPlace } from './validation.ts'

export interface Variable {
  readonly name: string
  readonly place: SettingPlace
  readonly setting: Setting
}

/** Every setting that a variable sets, KAFKA_CONFIG_* aside, which stands for as many as librdkafka has. */
export const VARIABLES: ReadonlyMap<string, Variable> = new Map(
  [...variablesOf(SERVER_SCHEMA, [])].map((variable) => [variable.name, variable]),
)

export const CONFIG_FILE = 'CONFIG_FILE'
const KAFKA_CONFIG = 'KAFKA_CONFIG_'

/** An unknown name that begins so is an error. LOG_ and CONFIG_ are too much everybody's for that. */
const OUR_NAMES =
  /^(ADMIN|CHALLENGE|CONNECTIONS|CORS|DEMO|DRAIN|HEARTBEAT|JWT|KAFKA|LINGER|STALLED|STREAMS|TLS)_|^(CHALLENGE|HEARTBEAT)$/
/** What Kubernetes injects for a Service called `kafka` or `admin`, with or without `-something`. */
const KUBERNETES_NAMES = /_SERVICE_HOST$|_SERVICE_PORT(_|$)|_PORT_\d+_/
const KUBERNETES_ADDRESS = /^(tcp|udp|sctp):\/\//
/** The tutorial's own JWT_TOKEN, what `kafka-sse tail` reads, and the settings of Kafka's command line tools. */
const OTHERS_NAMES = /^(JWT_TOKEN|KAFKA_SSE_[A-Z_]+|KAFKA_HOME|KAFKA_DEBUG|KAFKA_([A-Z0-9]+_)*OPTS)$/
/** librdkafka properties that end in `.file` themselves: their variable names no file of ours. */
const PROPERTIES_OF_FILES = new Set([
  'sasl.oauthbearer.assertion.file',
  'sasl.oauthbearer.assertion.private.key.file',
  'sasl.oauthbearer.assertion.jwt.template.file',
])

/** Names of ours that many programs have in one form or another: what is near one of them was not meant for us. */
const EVERYBODYS_NAMES = /^(HOST|PORT|TLS|LOG_LEVEL)(_FILE)?$|^CONFIG_FILE$/

/** `file`: the variable holds the path of a file that holds the value. */
export interface Meaning {
  readonly variable: Variable
  readonly file: boolean
}

/** What a name of the environment means to us; `unknown` only where it must have been meant for us. */
export function meaningOf(name: string, value: string): Meaning | 'unknown' | null {
  if (KUBERNETES_NAMES.test(name)) return null
  if (name.endsWith('_PORT') && KUBERNETES_ADDRESS.test(value)) return null
  const variable = VARIABLES.get(name) ?? null
  if (variable !== null) return { variable, file: false }
  const held = heldInFile(name)
  if (held !== null) return { variable: held, file: true }
  const property = kafkaProperty(name)
  if (property !== null) return property
  if (OTHERS_NAMES.test(name)) return null
  return OUR_NAMES.test(name) || isMisspelt(name) ? 'unknown' : null
}

/** One keystroke from a name of ours: a limit that is misspelt at its beginning must not be one that silently is not there. */
function isMisspelt(name: string): boolean {
  return /^[A-Z0-9_]+$/.test(name) && nearestName(name, UNMISTAKABLE_NAMES, 1) !== null
}

/** Every name that can be meant, for suggestions. */
export function knownNames(): string[] {
  return [
    CONFIG_FILE,
    ...[...VARIABLES.keys()].flatMap((name) => (isPath(name) ? [name] : [name, `${name}_FILE`])),
  ]
}

const UNMISTAKABLE_NAMES = knownNames().filter((name) => !EVERYBODYS_NAMES.test(name))

function heldInFile(name: string): Variable | null {
  if (!name.endsWith('_FILE')) return null
  const held = name.slice(0, -'_FILE'.length)
  return isPath(held) ? null : (VARIABLES.get(held) ?? null)
}

/** TLS_CERT_FILE is a path already: there is no TLS_CERT_FILE_FILE. */
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

/** The variables of a list's items stand for its first. */
function* variablesOf(setting: Setting, place: SettingPlace): Generator<Variable> {
  if (setting.env?.endsWith('*')) return
  if (setting.env !== undefined) yield { name: setting.env, place, setting }
  for (const [name, inner] of Object.entries(setting.properties ?? {}))
    yield* variablesOf(inner, [...place, name])
  if (setting.items?.properties) yield* variablesOf(setting.items, [...place, '0'])
}
