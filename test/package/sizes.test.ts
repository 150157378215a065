// What the packages and the client weigh. `npm run sizes` prints it. Needs `npm run build`.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from './packed.ts'

test('the packages and the client are no larger than .ci/sizes.mjs allows', () => {
  const { status, stdout } = spawnSync(process.execPath, [join(ROOT, '.ci/sizes.mjs')], { encoding: 'utf8' })
  expect(stdout).not.toContain('too large')
  expect(stdout.match(/^.+: \d+ bytes, at most \d+$/gm)).toHaveLength(5)
  expect(status).toBe(0)
}, 60_000)
