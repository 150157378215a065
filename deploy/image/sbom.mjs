// Prints what a server is installed with, as CycloneDX: each package with its version, licence and hash.
//
//   node deploy/image/sbom.mjs >sbom.json
//
// `npm sbom --omit=dev` leaves out each package that is also a tool's dependency, ajv for one. So this takes npm's whole
// list, and leaves out what the lockfile says is there for tools alone.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const { packages } = JSON.parse(readFileSync(new URL('package-lock.json', `file://${ROOT}`), 'utf8'))
const list = JSON.parse(
  execFileSync('npm', ['sbom', '--package-lock-only', '--sbom-format=cyclonedx'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  }),
)
const installed = new Set(Object.entries(packages).filter(isInstalled).map(identityOf))
const components = list.components.filter((one) => installed.has(one['bom-ref']))
const kept = new Set([list.metadata.component['bom-ref'], ...components.map((one) => one['bom-ref'])])
const dependencies = list.dependencies
  .filter(({ ref }) => kept.has(ref))
  .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((other) => kept.has(other)) }))
console.log(JSON.stringify({ ...list, components, dependencies }, null, 2))

function isInstalled([path, { dev = false }]) {
  return path.startsWith('node_modules/') && !dev
}

/** The name is behind the last folder of packages, unless it was installed under another one. */
function identityOf([path, { name = path.split('node_modules/').at(-1), version, resolved, link }]) {
  return link ? `${name}@${packages[resolved].version}` : `${name}@${version}`
}
