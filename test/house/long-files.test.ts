// The order in which a run begins its files names files that there are.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { LONG_FILES } from '../support/long-files.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

test('the files that a run begins with are there, each once', () => {
  expect(LONG_FILES.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
  expect(new Set(LONG_FILES).size).toBe(LONG_FILES.length)
})
