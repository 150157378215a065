// The JSON Schema of a CONFIG_FILE in JSON, for editors: names, types, ranges and descriptions, from the schema that
// checks the file. What the environment may set instead is not required.

import { OPTIONS_SCHEMA } from '../schema.ts'
import type { Setting } from '../setting.ts'

/** Draft 7, which is the newest that editors read in full. */
const DRAFT = 'http://json-schema.org/draft-07/schema#'

/** Keywords of a setting that mean the same in JSON Schema. */
const KEYWORDS = [
  'default',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'uniqueItems',
  'maxProperties',
  'pattern',
] as const satisfies readonly (keyof Setting)[]

/** Options of an app that has the plugin: a server refuses them. */
const OF_HOSTS = ['adminPath']

type FileSchema = Readonly<Record<string, unknown>>

/** The member by which a file names its schema. The server passes over it. */
export const SCHEMA_MEMBER = '$schema'

export function configFileSchema(): FileSchema {
  const member = { type: 'string', description: 'The schema of this file, for editors' }
  const { properties, ...rest } = schemaOf(OPTIONS_SCHEMA)
  return {
    $schema: DRAFT,
    title: 'CONFIG_FILE of kafka-sse',
    ...rest,
    properties: { [SCHEMA_MEMBER]: member, ...Object(properties) },
  }
}

function schemaOf(setting: Setting): FileSchema {
  const { items, propertyNames, additionalProperties } = setting
  return {
    ...typeOf(setting),
    description: descriptionOf(setting),
    ...Object.fromEntries(
      KEYWORDS.flatMap((name) => (setting[name] === undefined ? [] : [[name, setting[name]]])),
    ),
    ...(items && { items: itemsOf(items) }),
    ...(setting.properties && { properties: propertiesOf(setting.properties) }),
    ...(propertyNames && { propertyNames: { pattern: propertyNames.pattern } }),
    ...(additionalProperties !== undefined && {
      additionalProperties: additionalProperties === false ? false : schemaOf(additionalProperties),
    }),
  }
}

/** An item stands in the file as a whole, because no variable sets a part of it. */
function itemsOf(items: Setting): FileSchema {
  return { ...schemaOf(items), ...(items.required && { required: items.required }) }
}

function propertiesOf(properties: Readonly<Record<string, Setting>>): FileSchema {
  const inFiles = ([name, { callable }]: [string, Setting]) => callable !== true && !OF_HOSTS.includes(name)
  const listed = Object.entries(properties).filter(inFiles)
  return Object.fromEntries(listed.map(([name, inner]) => [name, schemaOf(inner)]))
}

function typeOf({ type, nullable, enum: values }: Setting): FileSchema {
  const types = [type ?? [], nullable === true ? 'null' : []].flat()
  return {
    ...(types.length > 0 && { type: types.length === 1 ? types[0] : types }),
    ...(values && { enum: nullable === true ? [...values, null] : values }),
  }
}

/** Links lead to the documents of the package. */
function descriptionOf({ description, env }: Setting): string {
  const text = description.replaceAll(/\[([^\]]+)\]\(([^)]+)\)/g, (_, words: string, target: string) => {
    return `${words} (docs/${target.startsWith('#') ? 'configuration.md' : ''}${target})`
  })
  return env === undefined ? text : `${text}. Variable: ${env}`
}
