// What is wrong with documents of OpenAPI and AsyncAPI, by the schemas of those who specify them.

import { createRequire } from 'node:module'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv } from 'ajv'

/** One for all, because it keeps the schema of each version compiled. */
const openApiValidator = new Validator()

/** By the schema of OpenAPI, and its references. Empty: it is valid. */
export async function openApiFaults(document: object): Promise<string[]> {
  const { valid, errors = [] } = await openApiValidator.validate({ ...structuredClone(document) })
  if (!valid) return [JSON.stringify(errors)]
  return [...lostReferences(document), ...pathFaults(document)]
}

/** Each name in braces has its parameter, and each parameter of a path its braces. The schema cannot say it. */
function pathFaults(document: object): string[] {
  const { paths = {} }: { paths?: Record<string, Record<string, { parameters?: Parameter[] }>> } = document
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).flatMap(([method, { parameters = [] }]) => {
      const inPath = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)
      const braced = [...path.matchAll(/\{([^}]*)\}/g)].map(([, name = '']) => name)
      return `${inPath.sort()}` === `${braced.sort()}`
        ? []
        : [`${method} ${path}: ${inPath} are not ${braced}`]
    }),
  )
}

interface Parameter {
  readonly in: string
  readonly name: string
}

/** The schema holds its meta-schema itself. */
const validateAsyncApi = new Ajv({
  ...{ meta: false, validateSchema: false, validateFormats: false },
  ...{ strict: false, unicodeRegExp: false },
}).compile(createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0.json'))

/** By the schema of AsyncAPI 3.0.0, and its references. */
export function asyncApiFaults(document: object): string[] {
  if (!validateAsyncApi(document)) return [JSON.stringify(validateAsyncApi.errors)]
  return lostReferences(document)
}

/** References within the document that lead nowhere. */
function lostReferences(document: object): string[] {
  return referencesIn(document).filter((reference) => {
    const names = reference.replace(/^#\//, '').split('/')
    return names.reduce<unknown>((at, name) => Object(at)[name], document) === undefined
  })
}

function referencesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) =>
    name === '$ref' && typeof inner === 'string' ? [inner] : referencesIn(inner),
  )
}
