// The public types of the plugin and of the client, by their declarations in dist. Needs `npm run build`. TypeScript 7
// has no interface that tstyche could use, so these are checked with TypeScript 5.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from './packed.ts'

const modules = join(ROOT, 'node_modules')

test('the public types are as test/package/types says', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(modules, 'tstyche/build/bin.js'), 'test/package/types'],
    {
      cwd: ROOT,
      encoding: 'utf8',
      env: {
        ...process.env,
        TSTYCHE_TYPESCRIPT_MODULE: join(modules, 'typescript5/lib/typescript.js'),
        TSTYCHE_NO_COLOR: '1',
        TSTYCHE_NO_INTERACTIVE: '1',
      },
    },
  )
  expect(`${stdout}${stderr}`).toMatch(/^Test files: +2 passed, 2 total$/m)
  expect(status).toBe(0)
}, 180_000)
