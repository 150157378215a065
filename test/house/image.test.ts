// What an image is built of and by: the script that pins its base, the file for several platforms, and the list of its
// parts. No engine runs them here, so docker is a script of the test's.

import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PIN = join(ROOT, 'deploy/image/pin')
const DIGESTS = ['a', 'b'].map((digit) => `sha256:${digit.repeat(64)}`)

describe('deploy/image/pin', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pin-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  /** Runs it with a docker that prints this, and keeps what docker was asked. */
  function pin(dockerfile: string, answer: string) {
    const file = join(folder, 'Dockerfile')
    writeFileSync(file, dockerfile)
    const docker = `#!/bin/sh\necho "$@" >'${folder}/asked'\necho '${answer}'\n`
    writeFileSync(join(folder, 'docker'), docker, { mode: 0o755 })
    const env = { PATH: `${folder}${delimiter}${process.env.PATH}` }
    const { status, stdout, stderr } = spawnSync(PIN, [file], { env, encoding: 'utf8' })
    return { status, stdout, stderr, dockerfile: readFileSync(file, 'utf8') }
  }

  test('writes the digest of the tag behind it, in place of an older one, and changes nothing else', () => {
    const original = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
    const [first = '', second = ''] = DIGESTS
    const pinned = pin(original, first)
    expect([pinned.status, pinned.stderr]).toEqual([0, ''])
    expect(pinned.stdout).toBe(`node:24-bookworm-slim@${first}\n`)
    const asked = 'buildx imagetools inspect node:24-bookworm-slim --format {{.Manifest.Digest}}\n'
    expect(readFileSync(join(folder, 'asked'), 'utf8')).toBe(asked)
    const again = pin(pinned.dockerfile, second)
    expect(again.dockerfile).toContain(`\nARG NODE_IMAGE=node:24-bookworm-slim@${second}\n`)
    expect(readFileSync(join(folder, 'asked'), 'utf8')).toBe(asked)
    const others = (text: string) => text.split('\n').filter((line) => !line.startsWith('ARG '))
    expect(others(again.dockerfile)).toEqual(others(original))
  })

  test('leaves the file as it was if docker gives no digest, or the file has no base to pin', () => {
    const refused = pin('ARG NODE_IMAGE=node:24\n', 'sha256:12')
    expect(refused).toMatchObject({ status: 1, dockerfile: 'ARG NODE_IMAGE=node:24\n' })
    expect(refused.stderr).toBe('pin: docker gave no digest for node:24: sha256:12\n')
    const without = pin('FROM node:24\n', DIGESTS[0] ?? '')
    expect(without).toMatchObject({ status: 1, dockerfile: 'FROM node:24\n' })
    expect(without.stderr).toMatch(/^pin: .* has no line ARG NODE_IMAGE=…\n$/)
  })
})

describe('docker-bake.hcl', () => {
  const text = readFileSync(join(ROOT, 'docker-bake.hcl'), 'utf8').replace(/^#.*\n/gm, '')
  const listOf = (name: string) =>
    JSON.parse(new RegExp(`^ {2}${name} += (\\[.*\\])$`, 'm').exec(text)?.[1] ?? 'null')

  test('builds the Dockerfile for both kinds of processors, with its parts and its origin', () => {
    expect(listOf('platforms')).toEqual(['linux/amd64', 'linux/arm64'])
    expect(listOf('attest')).toEqual(['type=sbom', 'type=provenance,mode=max'])
    expect(text).toMatch(/^ {2}dockerfile = "Dockerfile"$/m)
  })

  test('uses no variable that it does not declare, and every one that it does', () => {
    const declared = [...text.matchAll(/^variable "(\w+)" \{$/gm)].map(([, name]) => name)
    const used = [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name)
    expect(declared).toEqual(['IMAGE', 'VERSION'])
    expect(new Set(used)).toEqual(new Set(declared))
  })
})

test('deploy/image/sbom.mjs lists what the lockfile installs without tools, all of it and nothing else', async () => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
  const program = join(ROOT, 'deploy/image/sbom.mjs')
  const { stdout } = await promisify(execFile)(process.execPath, [program], { maxBuffer: 2 ** 26 })
  const { bomFormat, components, dependencies } = JSON.parse(stdout)
  expect(bomFormat).toBe('CycloneDX')
  const locked = Object.entries<{ dev?: boolean; link?: boolean }>(packages).filter(
    ([path, { dev, link }]) => path.startsWith('node_modules/') && dev !== true && link !== true,
  )
  const nameOf = (ref: string) => ref.replace(/@[^@]+$/, '')
  const names = new Set(components.map((one: Record<string, string>) => nameOf(one['bom-ref'] ?? '')))
  const expected = new Set(locked.map(([path]) => path.split('node_modules/').at(-1)))
  expect(names).toEqual(new Set([...expected, 'kafka-sse-client']))
  expect(names.size).toBeGreaterThan(90)
  for (const name of ['ajv', 'node-rdkafka', 'fastify']) expect(names).toContain(name)
  for (const name of ['vitest', 'typescript']) expect(names).not.toContain(name)
  const refs = new Set(dependencies.map(({ ref }: { ref: string }) => ref))
  for (const { dependsOn } of dependencies) for (const ref of dependsOn) expect(refs).toContain(ref)
  expect(refs.size).toBe(components.length + 1)
})
