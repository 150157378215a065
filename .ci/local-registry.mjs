// A registry on 127.0.0.1 that has the packed packages, which are not published yet, and redirects to the registry of
// npm for all others: so a package manager can be given the very commands that users are.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

/** Yesterday and longer ago: pnpm and Yarn take no version that is younger than a day. */
const PUBLISHED = '2020-01-01T00:00:00.000Z'

/** `packed`: what `npm pack --json` says of each, its path as `tarball`, and its manifest. Ends with `close()`. */
export async function openRegistry(packed, others) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url.slice(1))
    const { address, port } = server.address()
    const found = packed.find(({ name, filename }) => path === name || path === filename)
    if (found === undefined)
      response.writeHead(307, { location: new URL(request.url.slice(1), others).href }).end()
    else if (path === found.filename) response.end(readFileSync(found.tarball))
    else
      response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify(documentOf(found, `http://${address}:${port}/${found.filename}`)))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { address, port } = server.address()
  return { url: `http://${address}:${port}/`, close: () => server.close() }
}

function documentOf({ name, version, manifest, integrity, shasum }, tarball) {
  return {
    name,
    'dist-tags': { latest: version },
    versions: { [version]: { ...manifest, dist: { tarball, integrity, shasum } } },
    time: { created: PUBLISHED, modified: PUBLISHED, [version]: PUBLISHED },
  }
}
