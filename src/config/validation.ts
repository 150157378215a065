// Validates a document by the schema, fills in the defaults, and puts what is invalid into words.
// Promise: no value of a setting that is marked `secret` is quoted.

import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { quoted } from '../text/quoted.ts'
import { OPTIONS_SCHEMA, SERVER_SCHEMA } from './schema.ts'
import type { Setting } from './setting.ts'
import { nearestName } from './suggestion.ts'

/** The path of a value in a document: names of properties and indices of arrays. */
export type SettingPlace = readonly string[]

export interface Fault {
  readonly place: SettingPlace
  readonly kind: 'missing' | 'unknown' | 'wrong'
  /** A predicate, such as `takes a number from 0 to 300, not "x"`. The caller puts the setting's name before it. */
  readonly words: string
}

// Compiled when first needed: few processes need both.
let checkOptions: ValidateFunction | null = null
let checkServer: ValidateFunction | null = null

/** The faults of a plugin's options. Changes the document: fills in the defaults. */
export function optionsFaults(document: unknown): Fault[] {
  checkOptions ??= createAjv().compile(OPTIONS_SCHEMA)
  return faults(checkOptions, document)
}

/** The same for the settings of a server. */
export function serverFaults(document: unknown): Fault[] {
  checkServer ??= createAjv().compile(SERVER_SCHEMA)
  return faults(checkServer, document)
}

/** The values that a setting accepts, in words, such as `an integer from 0 to 65535`. */
export function expectation(setting: Setting): string {
  if (setting.expects !== undefined) return setting.expects
  if (setting.enum !== undefined) return `one of ${setting.enum.join(', ')}`
  if (setting.type === 'boolean') return 'on or off'
  if (setting.type === 'integer' || setting.type === 'number') {
    const kind = setting.type === 'integer' ? 'an integer' : 'a number'
    return `${kind} from ${setting.minimum} to ${setting.maximum}`
  }
  return setting.type === 'object' ? 'an object' : setting.description.toLowerCase()
}

function createAjv(): Ajv {
  const created = new Ajv({
    allErrors: true,
    useDefaults: true,
    verbose: true,
    allowUnionTypes: true,
    // A test holds our schemas against the schema of schemas: a start need not compile that too.
    meta: false,
    validateSchema: false,
    // Shorter code would take longer to make than it saves in the few documents of a process.
    code: { optimize: false },
  })
  created.addVocabulary(['env', 'expects', 'secret'])
  created.addKeyword({
    keyword: 'callable',
    validate: (_: true, data: unknown) => typeof data === 'function',
  })
  return created
}

/** At most one fault for each place, even if a value breaks several rules. */
function faults(check: ValidateFunction, document: unknown): Fault[] {
  if (check(document)) return []
  const byPlace = new Map<string, Fault>()
  for (const error of check.errors ?? []) {
    const fault = faultOf(error)
    const key = fault?.place.join('/')
    if (fault !== null && key !== undefined && !byPlace.has(key)) byPlace.set(key, fault)
  }
  return [...byPlace.values()]
}

/** ajv does not type `params`: its shape depends on `keyword` (ajv, "Error parameters"). */
function faultOf(error: ErrorObject): Fault | null {
  const place = error.instancePath.split('/').slice(1).map(unescaped)
  const setting = error.parentSchema as Setting
  const params: Readonly<Record<string, unknown>> = error.params
  if (error.keyword === 'required') return missing(place, setting, String(params.missingProperty))
  if (error.keyword === 'additionalProperties')
    return unknown(place, setting, String(params.additionalProperty))
  // ajv also reports the name itself, as an error with `propertyName`.
  if (error.keyword === 'propertyNames') return null
  if (error.propertyName !== undefined) {
    return { place: [...place, error.propertyName], kind: 'unknown', words: `is not ${setting.expects}` }
  }
  const instead = setting.secret || error.data === undefined ? '' : `, not ${quoted(error.data)}`
  return { place, kind: 'wrong', words: `takes ${expectation(setting)}${instead}` }
}

function missing(place: SettingPlace, parent: Setting, name: string): Fault {
  const setting = parent.properties?.[name]
  const words = setting === undefined ? 'is missing' : `is missing: ${setting.expects ?? setting.description}`
  return { place: [...place, name], kind: 'missing', words }
}

function unknown(place: SettingPlace, parent: Setting, name: string): Fault {
  const nearest = nearestName(name, Object.keys(parent.properties ?? {})) ?? nameInGroup(parent, name)
  const hint = nearest === null ? hintOf(parent) : `; did you mean ${nearest}?`
  return { place: [...place, name], kind: 'unknown', words: `is not an option${hint}` }
}

/** Other clients of Kafka take names such as `sasl` and `ssl` beside their brokers. */
function hintOf({ properties = {} }: Setting): string {
  if (!Object.hasOwn(properties, 'config')) return ''
  return '; properties of librdkafka, such as sasl.username, are for config'
}

/** The option of this name that a group of `parent` has, such as `sse.secretKey`. */
function nameInGroup({ properties = {} }: Setting, name: string): string | null {
  const has = ([, group]: [string, Setting]) => Object.hasOwn(group.properties ?? {}, name)
  const group = Object.entries(properties).find(has)?.[0]
  return group === undefined ? null : `${group}.${name}`
}

/** RFC 6901 section 4. */
function unescaped(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~')
}
