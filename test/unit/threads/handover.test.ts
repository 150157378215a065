// Options as data for a worker.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ConfigError } from '../../../src/config/config-error.ts'
import { readConfigFile } from '../../../src/config/config-file/config-file.ts'
import type { ServerOptions } from '../../../src/options.ts'
import { handOver, takeOver } from '../../../src/threads/handover.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'handover-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Of any shape: what is handed over does not look at what the options mean. */
const options = (value: unknown) => ({ auth: value }) as unknown as ServerOptions

function problemsOf(value: unknown): readonly string[] {
  try {
    handOver(options(value))
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

class Issuer {
  name = 'acme'
}
const circle: Record<string, unknown> = {}
circle.inner = { circle }

describe('options that are handed over', () => {
  it.each<[string, unknown, string]>([
    ['a function', { a: [() => 1] }, 'options.auth.a[0] is a function'],
    ['a symbol', { a: Symbol('s') }, 'options.auth.a is a symbol'],
    ['a Date', { a: new Date(0) }, 'options.auth.a is a Date and no plain object'],
    ['a RegExp', { a: /x/ }, 'options.auth.a is a RegExp and no plain object'],
    ['a Map', { a: new Map() }, 'options.auth.a is a Map and no plain object'],
    ['a Set', { a: new Set() }, 'options.auth.a is a Set and no plain object'],
    ['an instance of a class', { a: new Issuer() }, 'options.auth.a is a Issuer and no plain object'],
    ['a list of another class', { a: new (class List extends Array {})() }, 'options.auth.a is a List and'],
    ['a Buffer', { a: Buffer.from('x') }, 'options.auth.a is a Buffer and no plain object'],
    ['a Promise', { a: Promise.resolve() }, 'options.auth.a is a Promise and no plain object'],
    [
      'names that are symbols',
      { a: { [Symbol('s')]: 1 } },
      'options.auth.a is an object with symbols for names',
    ],
    ['what holds itself', circle, 'options.auth.inner.circle is a part of itself'],
  ])('name the place of %s', (_what, value, problem) => {
    expect(problemsOf(value)).toEqual([expect.stringContaining(problem)])
  })

  it('name all places at once', () => {
    expect(problemsOf({ a: /x/, b: { c: new Map() } })).toHaveLength(2)
  })

  it('arrive as they were sent, also undefined values, or are an error', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withSparseArray: false,
    })
    fc.assert(
      fc.property(anything, (value) => {
        if (problemsOf(value).length > 0) return
        const { options: handed } = handOver(options(value))
        expect(structuredClone(handed)).toStrictEqual(structuredClone(options(value)))
      }),
    )
  })

  it('take their functions out of the file, at any depth', async () => {
    const file = join(folder, 'options.mjs')
    writeFileSync(
      file,
      'export default { auth: { authenticate: () => "mine", list: [{ run: () => 2 }], text: "other" } }',
    )
    const read = await readConfigFile(file)
    if (!('document' in read) || read.module === null) throw new Error('it was not read')
    const given = { ...options({ ...Object(read.document.auth), text: 'sent' }), configModule: read.module }
    const handed = structuredClone(handOver(given))
    const { auth } = await takeOver(handed)
    const { authenticate, list, text } = auth as unknown as {
      authenticate: () => string
      list: { run: () => number }[]
      text: string
    }
    expect([authenticate(), list[0]?.run(), text]).toEqual(['mine', 2, 'sent'])
    writeFileSync(file, 'export default {}')
    await expect(takeOver(handed)).rejects.toThrow(
      `CONFIG_FILE: ${file} or a file that it imports has changed`,
    )
  })
})
