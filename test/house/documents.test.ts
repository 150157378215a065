// What the documents say of files: every relative link leads to a file, and both walks of docs/architecture.md pass
// through files that exist and refer to each other. And commands that wait for what they read.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const ELSEWHERE = /^(\.git|node_modules|dist|coverage)(\/|$)/

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const exists = (path: string) => existsSync(join(ROOT, path))
const documents = filesIn('', '.md')
const architecture = read('docs/architecture.md')

/** Paths from the root, without symbolic links and what is installed or built. */
function filesIn(folder: string, ending: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (ELSEWHERE.test(path)) return []
    if (entry.isDirectory()) return filesIn(path, ending)
    return entry.isFile() && path.endsWith(ending) ? [path] : []
  })
}

function proseOf(document: string): string {
  return read(document).replace(/^```.*?^```/gms, '')
}

/** The anchors of a document, as GitHub makes them of its headings. */
function anchorsOf(document: string): Set<string> {
  const headings = [...proseOf(document).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading)
  return new Set(headings.map(slugOf))
}

function slugOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

/** Links, and the pictures of HTML. */
function linksOf(document: string): string[] {
  const found = proseOf(document).matchAll(/\]\(([^)\s]+)\)|<(?:img|source) [^>]*?\bsrc(?:set)?="([^"]+)"/g)
  const links = [...found].map(([, target, picture]) => target ?? picture ?? '')
  return links.filter((target) => !/^[a-z]+:/.test(target))
}

function isDead(document: string, target: string): boolean {
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? document : normalize(join(dirname(document), path))
  if (!exists(file)) return true
  return anchor !== undefined && !anchorsOf(file).has(anchor)
}

test('commands that start a broker in the background wait for its file before they read it', () => {
  const wait = 'until [ -s .kafka-sse/broker.json ]; do sleep 0.2; done'
  const next = documents.flatMap((document) =>
    [...read(document).matchAll(/npx kafka-sse broker[^`\n]* &\n(.*)[^`]*/g)]
      .filter(([commands]) => commands.includes('broker.json'))
      .map(([, line]) => `${document}: ${line}`),
  )
  expect(next).toEqual(['examples/README.md', 'examples/react/README.md'].map((path) => `${path}: ${wait}`))
})

describe('links between documents', () => {
  test('are found', () => {
    expect(documents).toContain('README.md')
    expect(documents.flatMap(linksOf).length).toBeGreaterThan(100)
    expect([...anchorsOf('README.md')]).toContain('run-it-in-a-minute')
    expect(isDead('docs/architecture.md', 'protocol.md#no-such-heading')).toBe(true)
    expect(isDead('docs/architecture.md', '../src/no-such-file.ts')).toBe(true)
  })

  test('lead to files and headings that exist', () => {
    const dead = documents.flatMap((document) =>
      linksOf(document)
        .filter((target) => isDead(document, target))
        .map((target) => `${document} links to ${target}`),
    )
    expect(dead).toEqual([])
  })

  test('that name a file in code, name the file that they lead to', () => {
    const wrong = documents.flatMap((document) =>
      [...proseOf(document).matchAll(/\[`([^`\]]+\.(?:ts|md|mjs))`\]\(([^)#\s]+)[^)]*\)/g)]
        .filter(([, name = '', target = '']) => !normalize(join(dirname(document), target)).endsWith(name))
        .map(([link]) => `${document}: ${link}`),
    )
    expect(wrong).toEqual([])
  })
})

describe('sections that other files name', () => {
  const files = ['.ts', '.js', '.md', '.html', '.json', '.yaml'].flatMap((ending) => filesIn('', ending))
  const dead = (pattern: RegExp, anchorOf: (heading: string) => string) =>
    files.flatMap((path) =>
      [...read(path).matchAll(pattern)]
        .filter(([, page = '', heading = '']) => isDead('', `${page}#${anchorOf(heading)}`))
        .map(([named]) => `${path} names ${named}`),
    )

  test('by their address are there, as the alerts’ runbooks', () => {
    const address =
      /https:\/\/github\.com\/fastify-kafka-sse\/fastify-kafka-sse\/blob\/main\/([\w./-]+)#([\w-]+)/g
    expect(read('deploy/prometheus/alerts.yaml').match(address)?.length).toBeGreaterThan(10)
    expect(dead(address, (anchor) => anchor)).toEqual([])
  })

  test('by their heading are there', () => {
    const named = /\b(docs\/[\w-]+\.md), ["“]([^"”\n]+)["”]/g
    expect(files.filter((path) => read(path).match(named) !== null).length).toBeGreaterThan(5)
    expect(dead(named, slugOf)).toEqual([])
  })
})

describe('the source', () => {
  test('refers to files of ours that exist', () => {
    const named = /\b(?:client\/src|src|plugins|routes|test|bench|docs)\/[\w./-]+\.(?:ts|mts|mjs|md)\b/g
    const files = ['client/src', 'src', 'plugins', 'routes', 'test'].flatMap((folder) =>
      filesIn(folder, '.ts'),
    )
    const texts = [...files.filter((path) => !path.startsWith('test/house/')), ...documents]
    const missing = texts.flatMap((path) => {
      const comments = path.endsWith('.md')
        ? read(path)
        : (read(path).match(/(?:\/\/|^\s*\/?\*).*$/gm) ?? []).join('\n')
      return [...comments.matchAll(named)]
        .filter(([name]) => !exists(name))
        .map(([name]) => `${path} names ${name}`)
    })
    expect(missing).toEqual([])
  })
})

/** A numbered step of a walk: a file, the files that it calls on the way, and the word that leads to the next step. */
interface Step {
  readonly file: string
  readonly called: readonly string[]
  readonly handsOnBy: string | null
}

function walksIn(heading: string): Step[][] {
  const [, section = ''] = architecture.split(`\n### ${heading}\n`)
  const [text = ''] = section.split(/^##/m)
  const walks: Step[][] = []
  for (const [block, number = ''] of text.matchAll(/^(\d+)\. \[`.*(?:\n {3}.*)*/gm)) {
    if (number === '1') walks.push([])
    const [file = '', ...called] = [...block.matchAll(/^(?:\d+\.| {3}-) \[`([^`]+)`\]/gm)].map(
      ([, name = '']) => name,
    )
    const [first = ''] = block.split(/\n {3}- /)
    walks.at(-1)?.push({ file, called, handsOnBy: /→ `(\w+)`$/.exec(first.trim())?.[1] ?? null })
  }
  return walks
}

describe.each([
  ['A record’s, from Kafka to the socket', 3],
  ['A token’s, from request to renewal', 2],
])('the walk "%s"', (heading, parts) => {
  const walks = walksIn(heading)

  test('has steps, in files that exist', () => {
    expect(walks).toHaveLength(parts)
    for (const steps of walks) expect(steps.length).toBeGreaterThan(3)
    const files = walks.flat().flatMap(({ file, called }) => [file, ...called])
    expect(files.filter((file) => !exists(file))).toEqual([])
  })

  test('hands on from step to step by a word that both files have', () => {
    const has = (file: string, word: string) => new RegExp(`\\b${word}\\b`).test(read(file))
    const broken = walks.flatMap((steps) =>
      steps.slice(0, -1).flatMap(({ file, handsOnBy }, index) => {
        const next = steps[index + 1]?.file ?? ''
        if (handsOnBy === null) return [`${file} says no word for ${next}`]
        return [file, next]
          .filter((each) => !has(each, handsOnBy))
          .map((each) => `${each} has no ${handsOnBy}`)
      }),
    )
    expect(broken).toEqual([])
  })

  test('calls on the way what a file of the same step imports', () => {
    const strangers = walks.flat().flatMap(({ file, called }) => {
      const imported = (from: string) =>
        [...read(from).matchAll(/from '(\.[^']+)'/g)].map(([, name = '']) =>
          normalize(join(dirname(from), name)),
        )
      const known = new Set([file, ...called].flatMap(imported))
      return called.filter((each) => !known.has(each)).map((each) => `${file} does not reach ${each}`)
    })
    expect(strangers).toEqual([])
  })
})
