// Tests that a run left out because this machine lacks something, listed at the end of the run. Under CI that is an
// error.

import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The tests run in processes of their own, which inherit the run's environment. */
const VARIABLE = 'LEFT_OUT_FOLDER'

/** Notes that these tests are left out, and why; under CI it throws that instead. */
export function leaveOut(tests: string, why: string): void {
  if (process.env.CI) throw new Error(`${tests}: ${why}`)
  const folder = process.env[VARIABLE]
  if (folder === undefined) throw new Error('leaveOut is for tests: vitest.config.ts begins the list')
  appendFileSync(join(folder, 'list'), `${tests} (${why})\n`)
}

/** For the run's own process: begins the list, and prints it at the very end, behind the figures of the tests. */
export function beginLeftOutList(): void {
  if (process.env[VARIABLE] !== undefined) return
  const folder = mkdtempSync(join(tmpdir(), 'left-out-'))
  process.env[VARIABLE] = folder
  process.once('exit', () => {
    process.stdout.write(closingWords(readList(join(folder, 'list'))))
    rmSync(folder, { recursive: true })
  })
}

function readList(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
}

/** Each once, however many files said so. */
export function closingWords(leftOut: readonly string[]): string {
  if (leftOut.length === 0) return ''
  const lines = [...new Set(leftOut)].sort().map((line) => `  !! ${line}`)
  return `\nLEFT OUT, since this machine lacks what they need:\n${lines.join('\n')}\n\n`
}
