// The language of comments and documents, as far as a test can check it: no line is too long, and words that make a
// reader guess do not come back.

import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** What is not ours, installed or built. */
const ELSEWHERE = /^\.git(\/|$)|(^|\/)(node_modules|dist|coverage|build)(\/|$)/
const LINE_MAX = 120
/** Say "any", "a client that …", "nothing" and "again" instead. */
const VAGUE = /\b(whoever|whatever|whichever|nobody|anew)\b/i
/** Folders and files whose comments are checked. */
const CODE = /^(bench|client|plugins|public|routes|src|test|\.ci|\.github)\/|^(Dockerfile|compose\.yaml)$/
/** By the end of a file's name: what a comment begins with. */
const SLASHES = new Set(['.ts', '.mts', '.mjs', '.js', '.go'])
const HASHES = new Set(['', '.yaml', '.yml'])

interface Line {
  /** File and number, as an editor opens it. */
  readonly at: string
  readonly text: string
}

const files = filesIn('')
const documents = files.filter((path) => path.endsWith('.md')).flatMap(linesOf)
const comments = files.filter((path) => CODE.test(path)).flatMap(commentsOf)

/** Paths from the root. */
function filesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (ELSEWHERE.test(path)) return []
    if (entry.isDirectory()) return filesIn(path)
    return entry.isFile() ? [path] : []
  })
}

function linesOf(path: string): Line[] {
  const lines = readFileSync(join(ROOT, path), 'utf8').split('\n')
  return lines.map((text, index) => ({ at: `${path}:${index + 1}`, text }))
}

/** Whole lines that are a comment, or end with one. */
function commentsOf(path: string): Line[] {
  const kind = extname(path)
  if (SLASHES.has(kind))
    return linesOf(path).filter(({ text }) => /^\s*(\/\/|\/?\*)|[\s;,{(]\/\/ /.test(text))
  if (HASHES.has(kind)) return linesOf(path).filter(({ text }) => /(^|\s)#[\s!]/.test(text))
  return []
}

/** Lines outside of code blocks. */
function proseOf(lines: readonly Line[]): Line[] {
  let isCode = false
  return lines.filter(({ text }) => {
    const isFence = /^\s*```/.test(text)
    if (isFence) isCode = !isCode
    return !isCode && !isFence
  })
}

const tooLong = (lines: readonly Line[]) =>
  lines
    .filter(({ text }) => text.length > LINE_MAX)
    .map(({ at, text }) => `${at} has ${text.length} characters`)
const vague = (lines: readonly Line[]) =>
  lines.filter(({ text }) => VAGUE.test(text)).map(({ at, text }) => `${at}: ${VAGUE.exec(text)?.[0]}`)

describe('documents', () => {
  test('are found, without their code', () => {
    expect(documents.length).toBeGreaterThan(2000)
    const lines = ['before', '```', 'code', '```', 'after'].map((text) => ({ at: '', text }))
    expect(proseOf(lines).map(({ text }) => text)).toEqual(['before', 'after'])
  })

  test(`have no line of prose over ${LINE_MAX} characters`, () => {
    const isTable = ({ text }: Line) => text.startsWith('|')
    expect(tooLong(proseOf(documents).filter((line) => !isTable(line)))).toEqual([])
  })

  test('say who or what is meant', () => {
    expect(vague(proseOf(documents))).toEqual([])
  })
})

describe('comments', () => {
  test('are found, of every kind', () => {
    expect(comments.length).toBeGreaterThan(500)
    for (const path of [
      'bench/run.mjs',
      'bench/load/main.go',
      'Dockerfile',
      '.ci/run',
      '.github/workflows/ci.yml',
    ])
      expect(commentsOf(path).length, path).toBeGreaterThan(0)
  })

  test(`have no line over ${LINE_MAX} characters`, () => {
    expect(tooLong(comments)).toEqual([])
  })

  test('say who or what is meant', () => {
    expect(vague(comments)).toEqual([])
  })
})
