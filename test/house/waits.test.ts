// A test that waits says for how long: Vitest gives up after a second by default, which a busy machine may take.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const TESTS = fileURLToPath(new URL('..', import.meta.url))
const WAIT = /\bvi\s*\.(?:waitFor|waitUntil)\s*\(/g
const POLL = /\bexpect\s*\.poll\s*\(/g

/** What stands between this bracket and the one that closes it, cut at its outer commas. */
function argumentsFrom(text: string, start: number): string[] {
  const found = ['']
  let depth = 0
  let quote: string | null = null
  for (let at = start; at < text.length; at++) {
    const letter = text.charAt(at)
    if (quote !== null) quote = letter === quote && text.charAt(at - 1) !== '\\' ? null : quote
    else if (letter === "'" || letter === '"' || letter === '`') quote = letter
    else if ('([{'.includes(letter)) depth++
    else if (')]}'.includes(letter) && --depth < 0) break
    else if (letter === ',' && depth === 0) {
      found.push('')
      continue
    }
    found[found.length - 1] += letter
  }
  return found.map((argument) => argument.trim()).filter((argument) => argument !== '')
}

/** The first lines of the calls that do not say for how long. */
function boundless(text: string): string[] {
  return [WAIT, POLL]
    .flatMap((call) => [...text.matchAll(call)])
    .filter(({ 0: call, index }) => argumentsFrom(text, index + call.length).length < 2)
    .map(({ index }) => text.slice(index).split('\n', 1)[0] ?? '')
}

test('waits without a time are found, in every form', () => {
  const text = [
    'vi.waitUntil(() => have(1, 2))',
    'vi.waitUntil(() => have(1, 2), SOON)',
    "vi.waitFor(() => expect(said).toContain('a), b'))",
    'vi.waitFor(\n  async () => {\n    await all([1, 2])\n  },\n)',
    'vi.waitFor(\n  async () => {\n    await all([1, 2])\n  },\n  { timeout: 5 },\n)',
    'expect.poll(() => count).toBe(2)',
  ].join('\n')
  expect(boundless(text)).toEqual([
    'vi.waitUntil(() => have(1, 2))',
    "vi.waitFor(() => expect(said).toContain('a), b'))",
    'vi.waitFor(',
    'expect.poll(() => count).toBe(2)',
  ])
})

test('no test waits without a time; `until` and `eventually` of test/support/time.ts have one', () => {
  const files = readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.m?ts$/.test(name) && name !== 'house/waits.test.ts')
    .sort()
  const found = files.flatMap((name) =>
    boundless(readFileSync(join(TESTS, name), 'utf8')).map((line) => `${name}: ${line}`),
  )
  expect(files.length).toBeGreaterThan(200)
  expect(found).toEqual([])
})
