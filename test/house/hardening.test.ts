// The threat model names its tests: docs/hardening.md and SECURITY.md claim nothing that no test shows.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const hardening = read('docs/hardening.md')

const ATTACKERS = [
  'Anyone who reaches the port',
  'A user with a token',
  'A thief of a token',
  'Another replica',
  'A producer to the control topic',
  'A page of another origin',
]

function testsIn(text: string): string[] {
  return [...text.matchAll(/`(test\/[^`]+)`/g)].map(([, path = '']) => path)
}

function sectionOf(heading: string): string {
  return hardening.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
}

/** The cells of a table's rows, without its head. */
function rowsOf(section: string): string[][] {
  const lines = section.split('\n').filter((line) => line.startsWith('|'))
  return lines.slice(2).map((line) => line.split('|').slice(1, -1))
}

test.each(['docs/hardening.md', 'SECURITY.md'])('every test that %s names is there', (document) => {
  const named = testsIn(read(document))
  expect(named.length).toBeGreaterThan(0)
  expect(named.filter((path) => !/\.test\.ts$/.test(path) || !existsSync(join(ROOT, path)))).toEqual([])
})

describe.each(ATTACKERS)('%s', (attacker) => {
  const section = sectionOf(attacker)

  test('has lines, and each names what holds and a test that shows it', () => {
    const rows = rowsOf(section)
    expect(rows.length).toBeGreaterThan(3)
    const bare = rows.filter(
      ([, holds = '', shown = '']) => holds.trim() === '' || testsIn(shown).length === 0,
    )
    expect(bare).toEqual([])
  })

  test('says what does not hold', () => {
    expect(section).toMatch(/\n\*\*Does not hold\.\*\* [A-Z]/)
  })
})

test('the settings that the page asks for are settings', () => {
  const names = rowsOf(sectionOf('What to set')).flatMap(([setting = '']) =>
    [...setting.matchAll(/`([A-Z_]+)(?:=[^`]*)?`/g)].map(([, name = '']) => name.replace(/_FILE$/, '')),
  )
  expect(names.length).toBeGreaterThan(10)
  const listed = read('docs/configuration.md')
  expect(names.filter((name) => !listed.includes(`| \`${name}\` |`))).toEqual([])
})
