// The house rules that a machine can hold: who imports whom, what files are called and how they begin.

import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** The composition roots: they alone know every part. */
const EDGES =
  /^src\/(server|plugin|cli)\.ts$|^src\/(app|commands)\/|^src\/threads\/(multi-thread-app|launcher|serving-process|worker)\.ts$/
const IMPORT = /^(?:import|export)\s+(type\s)?(?:[^'"]*?\sfrom\s)?'([^']+)'|\bimport\('([^']+)'\)/gm
const LINES_MAX = 350

interface Import {
  readonly from: string
  /** A package's name, or a file's path from the root. */
  readonly target: string
  readonly typeOnly: boolean
}

interface Source {
  readonly path: string
  readonly text: string
  readonly imports: readonly Import[]
}

const sources = ['src', 'plugins', 'routes'].flatMap(sourcesIn)
const imports = sources.flatMap((source) => source.imports)

function sourcesIn(folder: string): Source[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => name.endsWith('.ts'))
    .map((name) => {
      const path = join(folder, name)
      const text = readFileSync(join(ROOT, path), 'utf8')
      return { path, text, imports: importsOf(path, text) }
    })
}

function importsOf(from: string, text: string): Import[] {
  return [...text.matchAll(IMPORT)].map(([, type, fixed, dynamic]) => {
    const name = fixed ?? dynamic ?? ''
    const target = name.startsWith('.') ? normalize(join(dirname(from), name)) : packageOf(name)
    return { from, target, typeOnly: type !== undefined }
  })
}

function packageOf(name: string): string {
  return name.split('/', name.startsWith('@') ? 2 : 1).join('/')
}

/** Who imports what of these without being allowed to, as `who imports what`. */
function trespasses(target: RegExp, allowed: (imported: Import) => boolean): string[] {
  return imports
    .filter((imported) => target.test(imported.target) && !allowed(imported))
    .map(({ from, target: what }) => `${from} imports ${what}`)
}

describe('the reading of imports', () => {
  test('sees every form', () => {
    const text = [
      "import a from 'a'",
      "import type { B } from '@b/b/deep'",
      'import {\n  c,\n  type D,\n} from "ignored"',
      "import {\n  c,\n} from './c.ts'",
      "import 'd'",
      "export { e } from '../e.ts'",
      "const { f } = await import('./f.ts')",
    ].join('\n')
    expect(importsOf('src/x/y.ts', text).map(({ target, typeOnly }) => [target, typeOnly])).toEqual([
      ['a', false],
      ['@b/b', true],
      ['src/x/c.ts', false],
      ['d', false],
      ['src/e.ts', false],
      ['src/x/f.ts', false],
    ])
    expect(imports.length).toBeGreaterThan(100)
  })
})

describe('the core', () => {
  test('knows neither Fastify nor its plugins', () => {
    const typed = new Set(['src/options.ts', 'src/token/authenticator.ts'])
    expect(
      trespasses(/^(fastify|fastify-.*|@fastify\/.*)$/, ({ from, target, typeOnly }) => {
        if (!from.startsWith('src/') || EDGES.test(from)) return true
        return (typeOnly && typed.has(from)) || (from === 'src/errors.ts' && target === '@fastify/error')
      }),
    ).toEqual([])
  })

  test('knows neither plugins nor routes', () => {
    expect(
      trespasses(/^(plugins|routes)\//, ({ from }) => !from.startsWith('src/') || EDGES.test(from)),
    ).toEqual([])
  })

  test('does not know its edges', () => {
    expect(trespasses(EDGES, ({ from }) => EDGES.test(from))).toEqual([])
  })
})

describe('the parts', () => {
  test('only hosts use the plugin, which checks options: what was checked once is not checked again', () => {
    expect(trespasses(/^src\/plugin\.ts$/, () => false)).toEqual([])
  })

  test('only the Kafka plugin imports node-rdkafka', () => {
    expect(trespasses(/^node-rdkafka$/, ({ from }) => /^plugins\/kafka(\/|\.ts$)/.test(from))).toEqual([])
  })

  test('only the auth plugin imports the JWT libraries, and jose what mints the demo’s tokens', () => {
    expect(
      trespasses(/^(@fastify\/jwt|fast-jwt|jose|jsonwebtoken)$/, ({ from, target }) => {
        return /^plugins\/auth(\/|\.ts$)/.test(from) || (target === 'jose' && from === 'src/demo/token.ts')
      }),
    ).toEqual([])
  })

  test('plugins import no routes and no other plugin, routes no plugin', () => {
    expect(
      trespasses(/^(plugins|routes)\//, ({ from, target }) => {
        if (from.startsWith('src/')) return true
        const own = /^plugins\/([a-z-]+)/.exec(from)?.[1]
        return own === undefined ? target.startsWith('routes/') : target.startsWith(`plugins/${own}/`)
      }),
    ).toEqual([])
  })

  test('only the demo, and the commands beside it, know its keys', () => {
    const allowed = /^src\/(demo\/|commands\/(demo|broker-file|token|tail)\.ts$)|^routes\/demo-token\.ts$/
    expect(trespasses(/^src\/demo\//, ({ from }) => allowed.test(from))).toEqual([])
  })

  test('the client stands alone: browsers load its files as they are', () => {
    const ofClient = (path: string) => path.startsWith('src/client/')
    expect(trespasses(/./, ({ from, target }) => !ofClient(from) || ofClient(target))).toEqual([])
  })

  test('every import is of a file that is there or a package that package.json names', () => {
    const manifest: { dependencies: object; peerDependencies: object } = JSON.parse(
      readFileSync(join(ROOT, 'package.json'), 'utf8'),
    )
    const packages = { ...manifest.dependencies, ...manifest.peerDependencies }
    const known = new Set([...sources.map(({ path }) => path), ...Object.keys(packages)])
    expect(trespasses(/./, ({ target }) => target.startsWith('node:') || known.has(target))).toEqual([])
  })

  test('nothing imports itself by way of others', () => {
    const next = new Map(
      sources.map(({ path, imports: all }) => [path, all.filter(({ typeOnly }) => !typeOnly)]),
    )
    const leadsTo = (from: string, goal: string, seen: Set<string>): boolean =>
      (next.get(from) ?? []).some(({ target }) => {
        if (target === goal) return true
        if (seen.has(target)) return false
        seen.add(target)
        return leadsTo(target, goal, seen)
      })
    expect(sources.map(({ path }) => path).filter((path) => leadsTo(path, path, new Set()))).toEqual([])
  })
})

describe('every file', () => {
  test('opens with what it is, in one to three lines', () => {
    const opened = ({ text }: Source) => /^(#!.*\n)?(\/\/ .*\n){1,4}(?!\/\/)/.test(text)
    expect(sources.filter((source) => !opened(source)).map(({ path }) => path)).toEqual([])
  })

  test('is a kebab-case noun of its own', () => {
    const named = /^[a-z0-9]+(-[a-z0-9]+)*\.ts$/
    const vague = /(^|-)(utils?|helpers?|manager|misc|common)(-|\.)/
    expect(
      sources.map(({ path }) => basename(path)).filter((name) => !named.test(name) || vague.test(name)),
    ).toEqual([])
  })

  test('is short enough to be read at once', () => {
    const lines = ({ text }: Source) => text.split('\n').length
    const long = sources.filter((source) => lines(source) > LINES_MAX)
    expect(long.map((source) => `${source.path}: ${lines(source)} lines`)).toEqual([])
  })

  test('leaves nothing to be done later, and prints nothing behind the log’s back', () => {
    const unfinished = /\b(TODO|FIXME|XXX|HACK)\b|\bconsole\.|\bdebugger\b/
    expect(sources.filter(({ text }) => unfinished.test(text)).map(({ path }) => path)).toEqual([])
  })

  test('asks the wall clock only for moments that others name: whatever lasts is measured by the other one', () => {
    const moments = new Set([
      'src/stream/clock.ts', // where both come from
      'src/bus/record-clock.ts', // records' timestamps
      'plugins/kafka/following/reader.ts', // records' timestamps
      'plugins/auth.ts', // claims of tokens
      'plugins/auth/token-verifier.ts', // claims of tokens
      'src/client/token-source.ts', // claims of tokens
      'src/client/answer.ts', // a Retry-After that is a date
      'routes/since.ts', // the date of a URL
      'src/commands/token.ts', // tokens that are made
      'src/demo/token.ts',
      'src/demo/certificates.ts', // when they are valid
      'src/demo/credentials.ts',
      'plugins/admin/metrics.ts', // what is shown
      'plugins/admin/status.ts',
    ])
    const asking = sources
      .filter(({ text }) => /\bDate\.now\b|\bnew Date\b/.test(text))
      .map(({ path }) => path)
    expect(asking.filter((path) => !moments.has(path))).toEqual([])
    const named = /\bnowMs\b(\??: *number)? *[=:] *(\(\) => *)?Date\.now\b/
    expect(sources.filter(({ text }) => named.test(text)).map(({ path }) => path)).toEqual([])
  })

  test('exports by name; a default only where Fastify loads it', () => {
    const loaded = /^plugins\/[a-z]+\.ts$|^src\/plugin\.ts$/
    const defaults = sources.filter(({ path, text }) => /^export default\b/m.test(text) && !loaded.test(path))
    expect(defaults.map(({ path }) => path)).toEqual([])
  })
})
