// The machine of a run. Without it, figures of two runs cannot be compared.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'

const REPOSITORY = new URL('../..', import.meta.url)

export function describeMachine() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    openFilesMax: openFilesMax(),
    node: process.version,
    openssl: process.versions.openssl,
    nghttp2: process.versions.nghttp2,
    go: tell('go', ['version']).split(' ')[2] ?? 'unknown',
    commit: commit(),
    packages: {
      ...packageVersions(['fastify', 'fastify-sse-v2', '@fastify/jwt', 'node-rdkafka']),
      'github.com/dunglas/mercure': moduleVersion('mercure'),
      'github.com/centrifugal/centrifuge': moduleVersion('centrifuge'),
    },
  }
}

/** Files that this process and its children may have open at once. */
export function openFilesMax() {
  const line = readFileSync('/proc/self/limits', 'latin1')
    .split('\n')
    .find((text) => text.startsWith('Max open files'))
  return Number(line?.split(/\s+/)[3])
}

function packageVersions(names) {
  const { packages } = JSON.parse(readFileSync(new URL('package-lock.json', REPOSITORY), 'utf8'))
  return Object.fromEntries(names.map((name) => [name, packages[`node_modules/${name}`]?.version ?? 'none']))
}

/** The version in a peer's go.mod of the module with the peer's name. */
function moduleVersion(peer) {
  const text = readFileSync(new URL(`bench/peers/${peer}/go.mod`, REPOSITORY), 'utf8')
  return new RegExp(`/${peer} (v\\S+)`).exec(text)?.[1] ?? 'none'
}

/** null for sources that are not a git clone. */
function commit() {
  try {
    return tell('git', ['describe', '--always', '--dirty', '--abbrev=12'])
  } catch {
    return 'unknown'
  }
}

function tell(command, args) {
  return execFileSync(command, args, { cwd: REPOSITORY, encoding: 'utf8' }).trim()
}
