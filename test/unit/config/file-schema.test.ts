// The JSON Schema of a CONFIG_FILE: what the documents show is valid by it, and what is misspelt or out of range is
// not. Needs `npm run build`.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { configFileSchema } from '../../../src/config/config-file/file-schema.ts'
import { OPTIONS_SCHEMA, SERVER_SCHEMA } from '../../../src/config/schema.ts'
import { settingRows } from './config-table.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(configFileSchema())

/** Where the document is wrong, and by which keyword. */
function faultsOf(document: unknown): string[] {
  validate(document)
  return (validate.errors ?? []).map(({ instancePath, keyword }) => `${instancePath} ${keyword}`)
}

interface Example {
  readonly at: string
  readonly document: unknown
}

/** Each configuration that a document shows as code: a module, JSON, or a group of options. */
function examplesIn(path: string): Example[] {
  const blocks = [...readFileSync(join(ROOT, path), 'utf8').matchAll(/^```(js|json)\n(.*?)^```/gms)]
  return blocks.flatMap(([, kind, code = ''], index) => {
    const text = code.replace(/^\/\/ .*\n/, '').replace(/^export default /, '')
    const isWhole = code !== text && /^\{/.test(text)
    const isGroup = /^(streams: \[|(auth|kafka|sse): \{)/.test(text)
    const isFile = kind === 'json' && /^\s*"(\$schema|streams|auth|kafka|sse)":/m.test(text)
    if (!isWhole && !isGroup && !isFile) return []
    const document: unknown = new Function(`return ${isGroup ? `{${text}}` : `(${text})`}`)()
    return [{ at: `${path}, block ${index + 1}`, document }]
  })
}

const PAGES = ['docs/configuration.md', 'docs/private-streams.md']
const examples = PAGES.flatMap(examplesIn)

describe('the configurations that the documents show', () => {
  test('are found', () => {
    for (const page of PAGES) expect(examplesIn(page).length, page).toBeGreaterThanOrEqual(5)
    expect(examples.some(({ document }) => Object.hasOwn(Object(document), '$schema'))).toBe(true)
  })

  test.each(examples)('$at is valid', ({ document }) => {
    expect(faultsOf(document)).toEqual([])
  })

  test.each(examples)('$at is not, with one letter more in any name', ({ document }) => {
    for (const name of Object.keys(Object(document)).filter((each) => each !== '$schema')) {
      const { [name]: value, ...others } = document as Record<string, unknown> // an object: it has names
      expect(faultsOf({ ...others, [`${name}x`]: value })).toEqual([' additionalProperties'])
      if (Array.isArray(value)) continue
      const misspelt = Object.fromEntries(
        Object.entries(Object(value)).map(([inner, each]) => [`${inner}x`, each]),
      )
      expect(faultsOf({ ...others, [name]: misspelt })).toContain(`/${name} additionalProperties`)
    }
  })
})

describe('the schema', () => {
  test.each([
    [{ sse: { heartbeatSecond: 5 } }, '/sse additionalProperties'],
    [{ sse: { heartbeatSeconds: 0 } }, '/sse/heartbeatSeconds minimum'],
    [{ sse: { heartbeatSeconds: '5' } }, '/sse/heartbeatSeconds type'],
    [{ sse: { adminPath: '/ops' } }, '/sse additionalProperties'],
    [{ streams: [{ path: '/events' }] }, '/streams/0 required'],
    [{ streams: [] }, '/streams minItems'],
    [{ streams: [{ path: '/a', topic: 'a', replay: 'newest' }] }, '/streams/0/replay enum'],
    [{ auth: { authenticate: 'by-key' } }, '/auth additionalProperties'],
    [{ kafka: { bootstrapServers: 'http://a' } }, '/kafka/bootstrapServers pattern'],
    [{ kafka: { config: { 'Client.ID': 'x' } } }, '/kafka/config propertyNames'],
    [{ port: 7143 }, ' additionalProperties'],
    [{ $schema: 5 }, '/$schema type'],
    [[], ' type'],
  ])('refuses %j', (document, fault) => {
    expect(faultsOf(document)).toContain(fault)
  })

  test.each([
    [{}],
    [{ kafka: {} }],
    [{ sse: { secretKey: null, ageMaxSeconds: null } }],
    [{ auth: { audience: 'one', scopeClaim: ['a', 'b'], typ: null } }],
    [{ streams: [{ path: '/a', topic: 'a', scope: null }] }],
  ])('accepts %j: the environment may set what is missing', (document) => {
    expect(faultsOf(document)).toEqual([])
  })

  test('has each option that a file may set, with a description, the variable in it, and no other', () => {
    const listed = namesIn(configFileSchema(), '')
    const options = settingRows().map(({ option }) => option)
    const inFiles = options.filter(
      (name) => name.includes('.') && !/^(auth\.authenticate|kafka\.token|sse\.adminPath)$/.test(name),
    )
    expect([...listed.keys()].sort()).toEqual([...inFiles].sort())
    for (const { option, variable } of settingRows().filter((row) => listed.has(row.option)))
      expect(listed.get(option), option).toMatch(
        variable === '' ? /./ : new RegExp(`Variable: ${variable.replace('*', '\\*')}$`),
      )
    for (const text of listed.values()) expect(text).not.toMatch(/\]\(/)
  })

  test('is at the package’s root, as the build has made it, for editors by path and for programs by name', () => {
    const path = createRequire(import.meta.url).resolve('fastify-kafka-sse/config.schema.json')
    expect(path).toBe(join(ROOT, 'config.schema.json'))
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(configFileSchema())
    const named = examples.flatMap(({ document }) => Object(document).$schema ?? [])
    expect(named).toEqual(['./node_modules/fastify-kafka-sse/config.schema.json'])
    const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    expect(files).toContain('config.schema.json')
  })
})

test.each([
  ['options', OPTIONS_SCHEMA],
  ['settings of a server', SERVER_SCHEMA],
])('the schema that a start checks its %s by, without checking it, is one by draft 7', (_, schema) => {
  const ajv = new Ajv()
  ajv.validateSchema(schema)
  expect(ajv.errors).toBe(null)
})

/** Descriptions by the names of options, as src/config names them. */
function namesIn(schema: unknown, place: string): Map<string, string> {
  const { properties, items, description = '' } = Object(schema)
  if (properties === undefined && items?.properties === undefined) return new Map([[place, description]])
  const inner = Object.entries(properties ?? items.properties).filter(([name]) => name !== '$schema')
  const within = place === '' ? '' : `${place}${properties === undefined ? '[]' : ''}.`
  return new Map(inner.flatMap(([name, each]) => [...namesIn(each, within + name)]))
}
