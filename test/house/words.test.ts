// Each word that clients, metrics and documents use has code that produces it. A word without one must be removed.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { TOO_LARGE_LINES } from '../../src/bus/frame.ts'
import { createConnectionFigures } from '../../src/http/connection-limits.ts'
import { createCounters } from '../../src/stream/counters.ts'
import { REFUSED_CHECKS } from '../../src/token/refused-check.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const lines = ['client/src', 'src', 'plugins', 'routes'].flatMap(linesIn)

/** Lines of code, without comments and lines that only declare or compare. */
function linesIn(folder: string): string[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => name.endsWith('.ts') && !name.startsWith('client/'))
    .flatMap((name) => readFileSync(join(ROOT, folder, name), 'utf8').split('\n'))
    .filter((line) => !/^ *(\/\/|\/?\*|\||readonly |(export )?type )/.test(line))
    .map((line) => line.replace(/[=!]== '[a-z-]+'/g, ''))
}

/** The members of a union of texts, as its type lists them. */
function membersOf(path: string, type: string): string[] {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const declared = new RegExp(`type ${type} =([^=]*?)(?=\\n\\n|\\nexport|\\n/)`).exec(text)?.[1] ?? ''
  return [...declared.matchAll(/'([a-z-]+)'/g)].map(([, word = '']) => word)
}

/** As a text, or as the name of a counter. */
const isSaid = (word: string): boolean =>
  lines.some((line) => line.includes(`'${word}'`) || line.includes(`closed.${word}++`))

describe('every word has a producer', () => {
  test('reasons of a stream’s end', () => {
    const reasons = Object.keys(createCounters().streamsEnded)
    expect(reasons.length).toBeGreaterThan(4)
    expect(reasons.filter((word) => !isSaid(word))).toEqual([])
  })

  test('reasons of a gap', () => {
    const reasons = [
      ...membersOf('src/bus/losses.ts', 'LossReason'),
      ...membersOf('src/beginning/requested-beginning.ts', 'BeginningReason'),
      ...membersOf('src/stream/signals.ts', 'GapReason'),
    ]
    expect([...reasons].sort()).toEqual(
      ['beyond-end', 'deletes-dropped', 'recreated', 'too-large', 'too-old', 'undecodable'].sort(),
    )
    expect(reasons.filter((word) => !isSaid(word))).toEqual([])
    expect(Buffer.concat(TOO_LARGE_LINES).toString()).toBe(':gap too-large\n')
  })

  test('reasons of a closed connection', () => {
    const reasons = Object.keys(createConnectionFigures().closed)
    expect(reasons.length).toBeGreaterThan(7)
    expect(reasons.filter((word) => !isSaid(word))).toEqual([])
  })

  test('checks that refuse a token, ticket or session', () => {
    const list = readFileSync(join(ROOT, 'src/token/refused-check.ts'), 'utf8').split('\n')
    const others = lines.filter((line) => !list.includes(line))
    expect(REFUSED_CHECKS.length).toBeGreaterThan(20)
    const isUnsaid = (check: string) => !others.some((line) => line.includes(`'${check}'`))
    expect(REFUSED_CHECKS.filter(isUnsaid)).toEqual([])
  })

  test('and docs/observing.md names the ends that there are, and no others', () => {
    const document = readFileSync(join(ROOT, 'docs/observing.md'), 'utf8')
    const [, sentence = ''] = /`reason` of an ended stream is([^;.]*)/.exec(document) ?? []
    const named = [...sentence.matchAll(/`([a-z-]+)`/g)].map(([, word]) => word)
    expect(named.sort()).toEqual(Object.keys(createCounters().streamsEnded).sort())
  })
})
