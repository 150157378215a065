// CONFIG_FILE as code: what its digest covers, and when a thread refuses to load it.

import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readConfigFile, readModule } from '../../../src/config/config-file/config-file.ts'
import { readCode } from '../../../src/config/config-file/module-files.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-file-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

type Files = Readonly<Record<string, string>>

function write(files: Files): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
}

/** The module as the main thread hands it to the others. */
async function read(name = 'config.mjs') {
  const found = await readConfigFile(join(folder, name))
  if (!('document' in found) || found.module === null) throw new Error(JSON.stringify(found))
  return found.module
}

async function problemOf(name = 'config.mjs'): Promise<string> {
  const found = await readConfigFile(join(folder, name))
  return 'problem' in found ? found.problem : `read: ${JSON.stringify(found)}`
}

const CHANGED = /or a file that it imports has changed since it was read first; start again$/

describe('the digest of a configuration file', () => {
  const OLD = 'export const open = false; export default open'
  const NEW = 'export const open = true; export default open'
  const CJS_OLD = 'exports.open = false'
  const CJS_NEW = 'exports.open = true'
  const cjs = (call: string) =>
    `import { createRequire } from 'node:module'\n${call}\nexport default { auth: { open: loaded.open } }`

  it.each<[string, string, Files, Files]>([
    [
      'imports',
      "import { open } from './auth.mjs'\nexport default { auth: { open } }",
      { 'auth.mjs': OLD },
      { 'auth.mjs': NEW },
    ],
    [
      'imports without a space',
      'import{open}from"./auth.mjs";export default{auth:{open}}',
      { 'auth.mjs': OLD },
      { 'auth.mjs': NEW },
    ],
    [
      'imports, with a query and an escaped name',
      "import { open } from './a%20b.mjs?v=1'\nexport default { auth: { open } }",
      { 'a b.mjs': OLD },
      { 'a b.mjs': NEW },
    ],
    [
      'imports for its effects',
      "import './effect.mjs'\nexport default { auth: { open: globalThis.open } }",
      { 'effect.mjs': 'globalThis.open = false' },
      { 'effect.mjs': 'globalThis.open = true' },
    ],
    [
      'exports from elsewhere',
      "export { default } from './lib/options.mjs'",
      { 'lib/options.mjs': 'export default { auth: { open: false } }' },
      { 'lib/options.mjs': 'export default { auth: { open: true } }' },
    ],
    [
      'imports by way of others that import each other',
      "import { open } from './a.mjs'\nexport default { auth: { open } }",
      {
        'a.mjs': "export * from './deep/b.mjs'",
        'deep/b.mjs': "import '../a.mjs'\nexport { open } from '../c.mjs'",
        'c.mjs': OLD,
      },
      { 'c.mjs': NEW },
    ],
    [
      'imports when it runs',
      'const { open } = await import(\n  `./auth.mjs`\n)\nexport default { auth: { open } }',
      { 'auth.mjs': OLD },
      { 'auth.mjs': NEW },
    ],
    [
      'imports by a name that stands elsewhere',
      "const AUTH = './auth.mjs'\nconst { open } = await import(AUTH)\nexport default { auth: { open } }",
      { 'auth.mjs': OLD },
      { 'auth.mjs': NEW },
    ],
    [
      'imports as JSON',
      "import auth from './auth.json' with { type: 'json' }\nexport default { auth }",
      { 'auth.json': '{ "open": false }' },
      { 'auth.json': '{ "open": true }' },
    ],
    [
      'requires',
      cjs("const require = createRequire(import.meta.url)\nconst loaded = require('./auth.cjs')"),
      { 'auth.cjs': CJS_OLD },
      { 'auth.cjs': CJS_NEW },
    ],
    [
      'requires without an extension, by another name',
      cjs("const load = createRequire(import.meta.url)\nconst loaded = load('./auth')"),
      { 'auth.js': CJS_OLD, 'package.json': '{ "type": "commonjs" }' },
      { 'auth.js': CJS_NEW },
    ],
    [
      'requires as a folder',
      cjs("const loaded = createRequire(import.meta.url)('./lib')"),
      { 'lib/index.js': "module.exports = require('./auth')", 'lib/auth.json': '{ "open": false }' },
      { 'lib/auth.json': '{ "open": true }' },
    ],
    [
      'requires as a folder with a manifest',
      cjs("const loaded = createRequire(import.meta.url)('./lib')"),
      { 'lib/package.json': '{ "main": "code/auth" }', 'lib/code/auth.js': CJS_OLD },
      { 'lib/code/auth.js': CJS_NEW },
    ],
  ])('is another one where something changes that the file %s', async (_how, config, files, changed) => {
    write({ 'config.mjs': config, ...files })
    const { digest } = await readCode(join(folder, 'config.mjs'))
    write(changed)
    expect((await readCode(join(folder, 'config.mjs'))).digest).not.toBe(digest)
    write(files)
    expect((await readCode(join(folder, 'config.mjs'))).digest).toBe(digest)
  })

  it('is another one where a file changes that is imported by its URL', async () => {
    const url = pathToFileURL(join(folder, 'auth.mjs')).href
    write({
      'config.mjs': `import { open } from '${url}'\nexport default { auth: { open } }`,
      'auth.mjs': OLD,
    })
    const module = await read()
    await expect(readModule(module)).resolves.toEqual({ auth: { open: false } })
    write({ 'auth.mjs': NEW })
    await expect(readModule(module)).rejects.toThrow(CHANGED)
  })

  it('covers what a folder behind a link becomes when the link is set to another folder', async () => {
    const config = "import { open } from './auth.mjs'\nexport default { auth: { open } }"
    write({ 'v1/config.mjs': config, 'v1/auth.mjs': OLD, 'v2/config.mjs': config, 'v2/auth.mjs': NEW })
    write({ 'v3/config.mjs': config, 'v3/auth.mjs': OLD })
    const link = (to: string) => {
      symlinkSync(to, join(folder, 'next'))
      renameSync(join(folder, 'next'), join(folder, 'data'))
    }
    link('v1')
    const module = await read('data/config.mjs')
    link('v2')
    await expect(readModule(module)).rejects.toThrow(CHANGED)
    link('v3') // the same code in another folder
    await expect(readModule(module)).resolves.toEqual({ auth: { open: false } })
  })

  it('leaves alone what is no code of the configuration: packages, and files that it reads or only names', async () => {
    const config = [
      "import { readFileSync } from 'node:fs'",
      "import { used } from 'a-package'",
      "const keys = readFileSync(new URL('./keys.json', import.meta.url), 'utf8')",
      "export default { auth: { keys: './keys.json', used, length: keys.length }, page: '/not/there.js' }",
    ]
    write({
      'config.mjs': config.join('\n'),
      'keys.json': '[1]',
      'node_modules/a-package/package.json': '{ "type": "module", "exports": "./index.js" }',
      'node_modules/a-package/index.js': 'export const used = 1',
    })
    const module = await read()
    write({ 'keys.json': '[2]', 'node_modules/a-package/index.js': 'export const used = 1 // the same' })
    await expect(readModule(module)).resolves.toMatchObject({ auth: { used: 1 } })
  })

  it('covers 256 files, and says so where there are more', async () => {
    const files = (count: number): Files => {
      const names = Array.from({ length: count - 1 }, (_, index) => `part-${index}.mjs`)
      const config = [...names.map((name) => `import './${name}'`), 'export default {}'].join('\n')
      return { 'config.mjs': config, ...Object.fromEntries(names.map((name) => [name, ''])) }
    }
    write(files(256))
    await readCode(join(folder, 'config.mjs'))
    write(files(257))
    expect(await problemOf()).toBe(
      `CONFIG_FILE: cannot read ${join(folder, 'config.mjs')}: it is made of more than 256 files`,
    )
  })

  it('covers 16 MiB, and says so where there is more', async () => {
    const config = "import './data.mjs'\nexport default {}"
    const large = (bytes: number) => write({ 'config.mjs': config, 'data.mjs': ' '.repeat(bytes) })
    large(16_777_216 - config.length)
    await readCode(join(folder, 'config.mjs'))
    large(16_777_217 - config.length)
    expect(await problemOf()).toBe(
      `CONFIG_FILE: cannot read ${join(folder, 'config.mjs')}: it is made of more than 16 MiB`,
    )
  })
})

describe('the first reading of a configuration file', () => {
  /** Writes while the file is loaded, as another process may. */
  const changing = (statements: string) =>
    [
      "import { writeFileSync } from 'node:fs'",
      `const at = (name) => ${JSON.stringify(folder)} + '/' + name`,
      statements,
      'export default {}',
    ].join('\n')

  it.each([
    ['changes', "writeFileSync(at('auth.mjs'), '// new')"],
    [
      'changes and changes back',
      "writeFileSync(at('auth.mjs'), '// new')\nwriteFileSync(at('auth.mjs'), '// old')",
    ],
  ])('is refused where a file that is imported %s while it is loaded', async (_what, statements) => {
    write({ 'config.mjs': `${changing(statements)}\nimport './auth.mjs'`, 'auth.mjs': '// old' })
    expect(await problemOf()).toMatch(CHANGED)
  })

  it('loads one folder where a link is set to another meanwhile', async () => {
    const entry = (folderName: string) => ({
      [`${folderName}/config.mjs`]: "import { name } from './auth.mjs'\nexport default { auth: { name } }",
      [`${folderName}/auth.mjs`]: `export const name = '${folderName}'`,
    })
    write({ ...entry('v1'), ...entry('v2') })
    const link = (to: string) => {
      symlinkSync(to, join(folder, 'next'))
      renameSync(join(folder, 'next'), join(folder, 'data'))
    }
    link('v1')
    const reading = readConfigFile(join(folder, 'data/config.mjs'))
    for (let turns = 0; turns < 200; turns++) {
      link(turns % 2 === 0 ? 'v2' : 'v1')
      await new Promise(setImmediate)
    }
    expect(await reading).toMatchObject({ document: { auth: { name: expect.stringMatching(/^v[12]$/) } } })
  })
})
