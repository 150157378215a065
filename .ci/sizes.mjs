// Prints what the packages weigh, and the client as a page loads it: bundled, minified and gzipped. Exits with 1 if one
// is larger than its bound. Needs `npm run build`.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const KIB = 1024

const folder = mkdtempSync(join(tmpdir(), 'sizes-'))
const server = packed(ROOT)
const client = packed(join(ROOT, 'client'))
rmSync(folder, { recursive: true })

const rows = [
  ['fastify-kafka-sse, packed', server.size, 832 * KIB],
  ['fastify-kafka-sse, unpacked', server.unpackedSize, 2688 * KIB],
  ['kafka-sse-client, packed', client.size, 64 * KIB],
  ['kafka-sse-client, unpacked', client.unpackedSize, 192 * KIB],
  ['kafka-sse-client, all of it in a page', await inPage('*'), 13 * KIB],
]

for (const [what, bytes, bytesMax] of rows) {
  const excess = bytes > bytesMax ? ': too large' : ''
  console.log(`${what}: ${bytes} bytes, at most ${bytesMax}${excess}`)
  if (excess !== '') process.exitCode = 1
}

function packed(source) {
  const options = ['--ignore-scripts', '--json', '--silent', '--pack-destination', folder]
  const [one] = JSON.parse(execFileSync('npm', ['pack', ...options], { cwd: source, encoding: 'utf8' }))
  return one
}

/** Gzipped bytes of a page's module that uses these exports of the client. */
async function inPage(names) {
  const page = 'page'
  const source = `export ${names} from ${JSON.stringify(join(ROOT, 'client/dist/index.js'))}`
  const bundle = await rolldown({
    input: page,
    plugins: [
      {
        name: 'page',
        resolveId: (id) => (id === page ? id : null),
        load: (id) => (id === page ? source : null),
      },
    ],
  })
  const { output } = await bundle.generate({ format: 'esm', minify: true })
  await bundle.close()
  return gzipSync(output[0].code, { level: 9 }).length
}
