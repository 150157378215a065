// Options that are not plain objects: what an object inherits, hides or changes would be lost on the way, an
// `authenticate` above all. Such an object is named, and nothing of it is dropped.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ConfigError, parseEnvironment, validateOptions } from '../../../src/config/parse.ts'
import type { KafkaSseOptions } from '../../../src/options.ts'
import { takeOver } from '../../../src/threads/handover.ts'
import { AUDIENCE, ISSUER, makeKey } from '../../support/keys-and-tokens.ts'

const R = '() => { throw new Error("no") }'
/** The source of the options, and what is said behind the name of their place. */
const ODD: [what: string, source: string, place: string, words: string][] = [
  ['inherit all', `Object.create({ auth: { authenticate: ${R} } })`, '', 'is no plain object'],
  ['inherit it', `{ auth: Object.create({ authenticate: ${R} }) }`, 'auth', 'is no plain object'],
  ['have it of a class', `{ auth: new (class C { authenticate() {} })() }`, 'auth', 'is no plain object'],
  [
    'do not enumerate it',
    `{ auth: Object.defineProperty({}, 'authenticate', { value: ${R} }) }`,
    'auth',
    'has names that are not enumerable',
  ],
  ['have it by a symbol', `{ auth: { [Symbol('authenticate')]: ${R} } }`, 'auth', 'has symbols for names'],
  [
    'do not list it',
    `{ auth: new Proxy({ authenticate: ${R} }, { ownKeys: () => [] }) }`,
    'auth',
    'is a Proxy',
  ],
  [
    'hold themselves',
    `(() => { const o = {}; o.o = o; return { auth: o } })()`,
    'auth.o',
    'is a part of itself',
  ],
  ['have it undefined', '{ auth: { authenticate: undefined } }', 'auth.authenticate', 'takes a function'],
  ['have it null', '{ auth: { authenticate: null } }', 'auth.authenticate', 'takes a function'],
]

let folder: string
let env: Record<string, string>
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'plain-'))
  writeFileSync(join(folder, 'key.pem'), makeKey('ES256').publicPem)
  const tokens = { JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE, JWT_KEYS: join(folder, 'key.pem') }
  env = { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1', TLS: 'off', ...tokens }
})
afterAll(() => rmSync(folder, { recursive: true }))

function fileOf(source: string): string {
  const path = join(folder, `${Math.random().toString(36).slice(2)}.mjs`)
  writeFileSync(path, `export default ${source}`)
  return path
}

async function problemsOf(read: () => unknown): Promise<readonly string[]> {
  try {
    await read()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('options that', () => {
  it.each(ODD)('%s are refused, in a file', async (_, source, place, words) => {
    const file = fileOf(source)
    const problems = await problemsOf(() => parseEnvironment({ ...env, CONFIG_FILE: file }))
    expect(problems).toEqual([expect.stringContaining(`${file}: ${place || 'the default export'} ${words}`)])
  })

  it.each(ODD)('%s are refused by the plugin', async (_, source, place, words) => {
    const { default: options } = await import(pathToFileURL(fileOf(source)).href)
    const problems = await problemsOf(() => validateOptions(options as KafkaSseOptions))
    const name = place === '' ? 'options' : `options.${place}`
    expect(problems).toContainEqual(expect.stringContaining(`${name} ${words}`))
  })

  it('come from another realm, or have no prototype, are what they are', () => {
    const auth = runInNewContext('({ authenticate: () => null })')
    const kafka = Object.assign(Object.create(null), { brokers: ['127.0.0.1:1'] })
    const options = { kafka: { properties: { 'bootstrap.servers': '127.0.0.1:1' } }, streams: [] }
    const problems = () => validateOptions({ ...options, auth, other: kafka } as unknown as KafkaSseOptions)
    expect(problems).not.toThrow(/plain object/)
  })

  it('have a function in another thread alone are refused there', async () => {
    const options = await parseEnvironment({
      ...env,
      CONFIG_FILE: fileOf(`{ auth: { authenticate: ${R} } }`),
    })
    const { authenticate: _, ...auth } = options.auth
    await expect(takeOver({ options: { ...options, auth }, functions: [] })).rejects.toThrow(
      /: auth\.authenticate is not a function in every thread/,
    )
  })
})
