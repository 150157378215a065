// Around each project’s run: a folder for what the servers print, and at the end a search through it for every token
// and key of the tests. If one is found, the run fails.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { findSecrets } from './secrets.ts'

declare module 'vitest' {
  interface ProvidedContext {
    printedFolder: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'printed-'))
  project.provide('printedFolder', folder)
  return async () => {
    const { lines, traits, found } = await search(folder)
    await rm(folder, { recursive: true })
    const searched = `${lines} lines, searched for ${traits} tokens and lines of keys`
    console.log(`\nPrinted by the servers of the tests "${project.name}": ${searched}`)
    if (found.length === 0) return
    console.error(`  !! PRINTED, and never to be:\n${found.map((line) => `  ${line}`).join('\n')}`)
    // Vitest only tells of what a teardown throws.
    process.exitCode = 1
  }
}

async function search(folder: string): Promise<{ lines: number; traits: number; found: string[] }> {
  const names = await readdir(folder)
  const traits = names.includes('secrets') ? await linesOf(join(folder, 'secrets')) : []
  let lines = 0
  const found: string[] = []
  for (const name of names.filter((candidate) => candidate.endsWith('.printed'))) {
    const printed = await linesOf(join(folder, name))
    lines += printed.length
    found.push(...findSecrets(printed.join('\n'), traits).map((what) => `${name}: ${what}`))
  }
  return { lines, traits: traits.length, found }
}

async function linesOf(path: string): Promise<string[]> {
  return (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '')
}
