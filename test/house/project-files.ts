// What several tests of the project's own files read.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
export const manifest = JSON.parse(read('package.json'))

/** Debian's, in that row of the README's table. */
export const readmePackages = (row: string) =>
  new RegExp(`^\\| ${row} \\| \`([a-z0-9.+ -]+)\``, 'm').exec(read('README.md'))?.[1]?.split(' ') ?? []
