// The house rules that a test can check: imports between rooms, names of files, and how a file begins.

import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const IMPORT = /^(?:import|export)\s+(type\s)?(?:[^'"]*?\sfrom\s)?'([^']+)'|\bimport\('([^']+)'\)/gm
const DECLARATION =
  /^export (?:abstract )?(?:async )?(?:const|let|class|interface|type|enum|function\*?) ([A-Za-z_$][\w$]*)/gm
const LINES_MAX = 250

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

const sources = ['src', 'plugins', 'routes', 'client/src'].flatMap(sourcesIn)
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

const EVERYTHING = 'everything'
/** The table of docs/architecture.md: by room, the rooms that it may import. */
const DOORS = doorsIn(readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8'))

function doorsIn(document: string): ReadonlyMap<string, ReadonlySet<string> | typeof EVERYTHING> {
  const rows = document.matchAll(/^\| `([^`]+)` \| [^|]+ \| ([^|]+) \|$/gm)
  const doorsOf = (cell: string) => new Set([...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))
  return new Map(
    [...rows].map(([, room = '', cell = '']) => [
      room,
      cell.startsWith(EVERYTHING) ? EVERYTHING : doorsOf(cell),
    ]),
  )
}

/** What the section "Long files" of docs/architecture.md lists, each with its reason. */
function defendedFiles(): string[] {
  const [, section = ''] = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8').split('\n## Long files\n')
  const items = (section.split(/^## /m)[0] ?? '').matchAll(/^- \[`([^`]+)`\]/gm)
  return [...items].map(([, name = '']) => name)
}

/** The longest row of the table that the path begins with; null for packages. */
function roomOf(path: string): string | null {
  const rooms = [...DOORS.keys()].filter(
    (room) => path === room || path.startsWith(`${room}/`) || path === `${room}.ts`,
  )
  return rooms.sort((a, b) => b.length - a.length)[0] ?? null
}

function isTrespass({ from, target }: Import): boolean {
  if (!/^(src|plugins|routes|client)\//.test(target)) return false
  const [room, into] = [roomOf(from), roomOf(target)]
  if (room === null || into === null) return true
  const doors = DOORS.get(room)
  if (doors === undefined || room === into) return doors === undefined
  // Threads may import everything, and only src/server.ts may import them.
  if (doors === EVERYTHING) return into === 'src/threads' && room !== 'src/server.ts'
  return !doors.has(into)
}

/** Imports of these that are not allowed, as `who imports what`. */
function trespasses(target: RegExp, allowed: (imported: Import) => boolean): string[] {
  return imports
    .filter((imported) => target.test(imported.target) && !allowed(imported))
    .map(({ from, target: what }) => `${from} imports ${what}`)
}

function pathsWith(pattern: RegExp): string[] {
  return sources.filter(({ text }) => pattern.test(text)).map(({ path }) => path)
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

describe('rooms and doors', () => {
  test('lead where docs/architecture.md says, types included', () => {
    expect(imports.filter(isTrespass).map(({ from, target }) => `${from} imports ${target}`)).toEqual([])
  })

  test('are all in use: a door that no import needs is closed', () => {
    const used = new Set(imports.map(({ from, target }) => `${roomOf(from)} → ${roomOf(target)}`))
    const open = [...DOORS].flatMap(([room, doors]) =>
      doors === EVERYTHING ? [] : [...doors].map((to) => `${room} → ${to}`),
    )
    expect(open.filter((door) => !used.has(door))).toEqual([])
  })

  test.each([
    ['src/bus/bus.ts', 'src/stream/signals.ts'],
    ['src/segments/segment.ts', 'src/bus/frame.ts'],
    ['src/cursor/cursor.ts', 'src/token/session.ts'],
    ['src/token/claims.ts', 'src/options.ts'],
    ['src/stream/stream.ts', 'src/http/connection.ts'],
    ['src/http/listener.ts', 'src/app/web-app.ts'],
    ['src/config/parse.ts', 'src/stream/streams.ts'],
    ['client/src/index.ts', 'src/token/claims.ts'],
    ['plugins/kafka/client/consumer.ts', 'plugins/kafka/following/reader.ts'],
    ['plugins/sse.ts', 'plugins/auth.ts'],
    ['routes/events.ts', 'plugins/auth.ts'],
    ['src/app/web-app.ts', 'src/threads/worker.ts'],
    ['src/commands/serve.ts', 'src/threads/launcher.ts'],
  ])('%s must not import %s, nor a type of it', (from, target) => {
    for (const typeOnly of [false, true]) expect(isTrespass({ from, target, typeOnly })).toBe(true)
  })

  test('no room has more than 20 files, and src/ itself has five', () => {
    const counts = new Map<string, number>()
    for (const { path } of sources) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1)
    expect([...counts].filter(([, count]) => count > 20)).toEqual([])
    expect(sources.map(({ path }) => path).filter((path) => dirname(path) === 'src')).toEqual(
      ['cli', 'errors', 'options', 'plugin', 'server'].map((name) => `src/${name}.ts`),
    )
  })

  test('nothing imports itself by way of others, types included', () => {
    const next = new Map(sources.map(({ path, imports: all }) => [path, all.map(({ target }) => target)]))
    const leadsTo = (from: string, goal: string, seen: Set<string>): boolean =>
      (next.get(from) ?? []).some((target) => {
        if (target === goal) return true
        if (seen.has(target)) return false
        seen.add(target)
        return leadsTo(target, goal, seen)
      })
    expect(sources.map(({ path }) => path).filter((path) => leadsTo(path, path, new Set()))).toEqual([])
  })

  test('every import is of a file that is there or a package that package.json names', () => {
    type Packages = Record<'dependencies' | 'optionalDependencies' | 'peerDependencies', object>
    const manifest: Packages = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    const packages = {
      ...manifest.dependencies,
      ...manifest.optionalDependencies,
      ...manifest.peerDependencies,
    }
    const known = new Set([...sources.map(({ path }) => path), ...Object.keys(packages)])
    expect(trespasses(/./, ({ target }) => target.startsWith('node:') || known.has(target))).toEqual([])
  })
})

describe('libraries', () => {
  test('only edges know Fastify and its plugins; others its types at the most', () => {
    const edges = /^(src\/(app|check|parts|threads)\/|src\/plugin\.ts$|plugins\/|routes\/)/
    const typed = new Set([
      'src/options.ts',
      'src/http/outcome-lines.ts',
      'src/http/request-lines.ts',
      'src/token/authenticator.ts',
      'src/tracing/spans.ts',
    ])
    expect(
      trespasses(/^(fastify|fastify-.*|@fastify\/.*)$/, ({ from, target, typeOnly }) => {
        if (edges.test(from) || (typeOnly && typed.has(from))) return true
        return from === 'src/errors.ts' && target === '@fastify/error'
      }),
    ).toEqual([])
  })

  test('only src/tracing knows OpenTelemetry, and loads its SDK where spans are asked for', () => {
    const isTracing = ({ from }: Import) => from.startsWith('src/tracing/')
    expect(trespasses(/^@opentelemetry\//, isTracing)).toEqual([])
    const { text = '' } = sources.find(({ path }) => path === 'src/tracing/exporter.ts') ?? {}
    expect(text.match(/from '@opentelemetry\/[a-z-]+'/g)).toEqual(["from '@opentelemetry/api'"])
  })

  test('only the Kafka plugin knows node-rdkafka, and one file loads it and says what to run without it, one makes clients', () => {
    const isTyped = ({ from, typeOnly }: Import) => typeOnly && /^plugins\/kafka\//.test(from)
    expect(trespasses(/^node-rdkafka$/, isTyped)).toEqual([])
    const loading = sources.filter(({ text }) => text.includes("require('node-rdkafka')"))
    expect(loading.map(({ path }) => path)).toEqual(['plugins/kafka/client/native.ts'])
    const making = sources.filter(({ text }) => /new rdkafka\.(Producer|KafkaConsumer)\b/.test(text))
    expect(making.map(({ path }) => path)).toEqual(['plugins/kafka/client/new-client.ts'])
  })

  test('a worker does not load node-rdkafka, which only the main thread can', () => {
    const loaded = new Set(['src/threads/worker.ts'])
    for (const path of loaded)
      for (const { target, typeOnly } of sources.find((source) => source.path === path)?.imports ?? [])
        if (!typeOnly) loaded.add(target)
    expect(loaded).toContain('src/stream/streams.ts')
    expect(loaded).not.toContain('plugins/kafka/client/native.ts')
  })

  test('only the auth plugin imports the JWT libraries, and jose what mints the demo’s tokens', () => {
    expect(
      trespasses(/^(@fastify\/jwt|fast-jwt|jose|jsonwebtoken)$/, ({ from, target }) => {
        return /^plugins\/auth(\/|\.ts$)/.test(from) || (target === 'jose' && from === 'src/demo/token.ts')
      }),
    ).toEqual([])
  })

  test('only the demo’s commands and its route load what reads the demo’s keys', () => {
    const users =
      /^src\/(demo\/|commands\/(demo|token|tail-arguments|stream-target)\.ts$)|^routes\/demo-token\.ts$/
    expect(trespasses(/^src\/demo\/(?!atomic-file)/, ({ from }) => users.test(from))).toEqual([])
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

  test(`has at most ${LINES_MAX} lines, but those that docs/architecture.md defends`, () => {
    const long = sources.filter(({ text }) => text.trimEnd().split('\n').length > LINES_MAX)
    expect(long.map(({ path }) => path).sort()).toEqual(defendedFiles().sort())
  })

  test('has no marker of unfinished work', () => {
    expect(pathsWith(/\b(TODO|FIXME|XXX|HACK)\b/)).toEqual([])
  })

  test('prints by the log alone, and stops in no debugger', () => {
    expect(pathsWith(/\bconsole\.|\bdebugger\b/)).toEqual([])
  })

  test('asks the wall clock only for moments that others name; durations are monotonic', () => {
    const moments = new Set([
      'src/stream/clock.ts', // where both come from
      'src/bus/record-clock.ts', // records' timestamps
      'plugins/kafka/following/reader.ts', // records' timestamps
      'plugins/auth.ts', // claims of tokens
      'plugins/auth/token-verifier.ts', // claims of tokens
      'plugins/kafka/client/token-supply.ts', // when a token for Kafka ends
      'client/src/token-source.ts', // claims of tokens
      'client/src/wake-ups.ts', // how long timers stood still
      'client/src/response.ts', // a Retry-After that is a date
      'routes/since.ts', // the date of a URL
      'src/check/certificate-check.ts', // when they are valid
      'src/reload/certificate-end.ts', // when it ends
      'src/check/token-check.ts', // claims of tokens
      'src/commands/token.ts', // tokens that are made
      'src/demo/token.ts',
      'src/demo/certificates.ts', // when they are valid
      'src/demo/credentials.ts',
      'plugins/admin/metrics.ts', // what is shown
      'plugins/admin/status.ts',
      'src/tracing/spans.ts', // when the span of a stream began
      'plugins/admin/sampler.ts',
    ])
    const asking = sources
      .filter(({ text }) => /\bDate\.now\b|\bnew Date\b/.test(text))
      .map(({ path }) => path)
    expect(asking.filter((path) => !moments.has(path))).toEqual([])
    const named = /\bnowMs\b(\??: *number)? *[=:] *(\(\) => *)?Date\.now\b/
    expect(sources.filter(({ text }) => named.test(text)).map(({ path }) => path)).toEqual([])
  })

  test('declares no exported name that another file declares: one word per thing', () => {
    const files = new Map<string, string[]>()
    // The client is loaded without the rest, so its words are its own.
    for (const { path, text } of sources.filter((source) => !source.path.startsWith('client/')))
      for (const [, name = ''] of text.matchAll(DECLARATION))
        files.set(name, [...(files.get(name) ?? []), path])
    expect(files.size).toBeGreaterThan(200)
    expect([...files].filter(([, paths]) => new Set(paths).size > 1)).toEqual([])
  })

  test('leaves it to src/errors.ts to put an unknown error into words', () => {
    const own = /instanceof Error\s*\?\s*\w+\.message\b(?!\])|'code' in \w+ \? (String\()?\w+\.code/
    const others = sources.filter(({ path }) => path !== 'src/errors.ts' && !path.startsWith('client/'))
    expect(others.filter(({ text }) => own.test(text)).map(({ path }) => path)).toEqual([])
  })

  test('exports by name; a default only where Fastify loads it', () => {
    const loaded = /^(plugins|src\/parts)\/[a-z]+\.ts$|^src\/plugin\.ts$/
    const defaults = sources.filter(({ path, text }) => /^export default\b/m.test(text) && !loaded.test(path))
    expect(defaults.map(({ path }) => path)).toEqual([])
  })
})
