// What a page loads for `connect`: bundled alone, minified and gzipped. Every addition to the client is weighed here.

import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'
import { expect, it } from 'vitest'

const CLIENT = fileURLToPath(new URL('../../../client/src/index.ts', import.meta.url))
const PAGE = 'page.js'
const BYTES_MAX = 5_120

/** A module of a page that hands on these exports of the client, as a bundler makes it. */
async function bundled(names: string): Promise<string> {
  const bundle = await rolldown({
    input: PAGE,
    plugins: [
      {
        name: 'page',
        resolveId: (id) => (id === PAGE ? id : null),
        load: (id) => (id === PAGE ? `export ${names} from ${JSON.stringify(CLIENT)}` : null),
      },
    ],
  })
  const { output } = await bundle.generate({ format: 'esm', minify: true })
  await bundle.close()
  return output[0].code
}

it(`connect is at most ${BYTES_MAX} bytes, and brings nothing else of the client along`, async () => {
  const code = await bundled('{ connect }')
  expect(gzipSync(code, { level: 9 }).length).toBeLessThanOrEqual(BYTES_MAX)
  expect(code).not.toContain('liveMap')
  expect(await bundled('{ liveMap }')).toContain('liveMap')
})
