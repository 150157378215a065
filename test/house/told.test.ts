// What operators are told: the log lines, the metrics and the errors that the documents name are those of the code, and
// the other way round. test/unit/admin/metrics.test.ts and test/unit/errors.test.ts compare the tables of the last two.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type LogCall, logCalls } from '../support/log-calls.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const observing = readFileSync(join(ROOT, 'docs/observing.md'), 'utf8')
const documents = [
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => `docs/${name}`),
  ...['README.md', 'SECURITY.md', 'CHANGELOG.md', 'client/README.md', 'deploy/README.md'],
].filter((path) => path.endsWith('.md'))

interface Told {
  readonly levels: readonly string[]
  readonly line: string
}

/** The rows of the log section: those with a level, and those of requests, which are information. */
function toldLines(): Told[] {
  const [, section = ''] = /\n## Log lines\n(.*?)\n## /s.exec(observing) ?? []
  const quoted = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text)
  return section.split('\n').flatMap((row) => {
    const [, first = '', second = ''] = row.split('|')
    if (/^ `(fatal|error|warn|info|debug)`/.test(first))
      return [{ levels: quoted(first), line: quoted(second)[0] ?? '' }]
    return quoted(first).map((line) => ({ levels: ['info'], line }))
  })
}

/** A line that ends with `…` says how it begins, if that is long enough to tell it from others. */
const PREFIX_LETTERS_MIN = 12

function isOf({ line, levels }: LogCall, told: Told): boolean {
  if (!levels.every((level) => told.levels.includes(level))) return false
  const prefix = told.line.replace(/…$/, '')
  const isPrefix = prefix !== told.line && prefix.replace(/[^a-z]/gi, '').length >= PREFIX_LETTERS_MIN
  return line === told.line || (isPrefix && line.startsWith(prefix))
}

describe('log lines', () => {
  const calls = logCalls(ROOT, ['src', 'plugins', 'routes'])
  const told = toldLines()

  test('are found in the code', () => {
    expect(calls.length).toBeGreaterThan(60)
    expect(calls.some(({ at, levels }) => at.startsWith('plugins/auth/keys') && levels.length === 2)).toBe(
      true,
    )
  })

  test('of the code are in docs/observing.md, with their level', () => {
    expect(calls.filter((call) => !told.some((row) => isOf(call, row)))).toEqual([])
  })

  test('of docs/observing.md are in the code, each once in the table', () => {
    expect(told.filter((row) => !calls.some((call) => isOf(call, row)))).toEqual([])
    expect(told.map(({ line }) => line).filter((line, at, all) => all.indexOf(line) !== at)).toEqual([])
  })
})

/** Labels of no metric of its own: of several registrations, and of Prometheus's targets. */
const OUTSIDE = new Set(['prefix', 'job', 'instance', 'le'])
const NAMED_BY_USERS = new Set(['topic', 'encoding', 'partition'])

describe('metrics', () => {
  const [, table = ''] = /\n\| name \| type \| labels \| what \|\n(.*?)\n\n/s.exec(observing) ?? []
  const rows = table.split('\n').slice(1)
  const names = rows.map((row) => /^\| `(\w+)`/.exec(row)?.[1] ?? '')
  const labels = new Set(
    rows.flatMap((row) => [...(row.split('|')[3] ?? '').matchAll(/`(\w+)`/g)].map(([, label]) => label)),
  )

  const deployed = ['deploy/prometheus/alerts.yaml', 'deploy/grafana/dashboard.json']

  test.each([...documents, ...deployed, 'deploy/prometheus/alerts.test.yaml'])(
    'have the values of labels that %s names',
    (path) => {
      const code = ['src', 'plugins', 'routes'].flatMap(codeOf).join('\n')
      const selectors = [...readFileSync(join(ROOT, path), 'utf8').matchAll(/\bkafka_sse_\w+\{([^}]*)\}/g)]
      const values = selectors.flatMap(([, selector = '']) =>
        [...selector.matchAll(/(\w+)[!=]~?\\?"([^"\\]*)/g)].flatMap(([, label = '', value = '']) =>
          OUTSIDE.has(label) || NAMED_BY_USERS.has(label) ? [] : value.split('|'),
        ),
      )
      const isSaid = (value: string) => code.includes(`'${value}'`) || code.includes(` ${value}: `)
      expect([...new Set(values)].filter((value) => !isSaid(value))).toEqual([])
    },
  )

  test.each([...documents, ...deployed])('that %s names are in the table', (path) => {
    const text = readFileSync(join(ROOT, path), 'utf8')
    const named = [...text.matchAll(/\bkafka_sse_[a-z_]+\b(?![*…])/g)].map(([name]) => name)
    const known = (name: string) => names.includes(name.replace(/_(bucket|sum|count)$/, ''))
    expect([...new Set(named)].filter((name) => !names.includes(name) && !known(name))).toEqual([])
    const selected = [...text.matchAll(/\bkafka_sse_\w+\{(\w+)[=~]/g)].map(([, label = '']) => label)
    expect(selected.filter((label) => !labels.has(label) && !OUTSIDE.has(label))).toEqual([])
  })
})

describe('errors', () => {
  const codes = new Set(namedIn(['src', 'plugins', 'routes', 'client/src'].flatMap(codeOf).join('\n')))

  test.each(documents)('that %s names are in the code', (path) => {
    expect(namedIn(readFileSync(join(ROOT, path), 'utf8')).filter((code) => !codes.has(code))).toEqual([])
  })
})

function namedIn(text: string): string[] {
  return [...new Set([...text.matchAll(/\bFKS_[A-Z_]+[A-Z]\b/g)].map(([code]) => code))]
}

function codeOf(folder: string): string[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(ROOT, folder, name), 'utf8'))
}
