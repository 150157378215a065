// What publint and Are The Types Wrong say of both packages. Needs `npm run build`.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BothPackages, type Packed, packBoth, ROOT } from './packed.ts'

const folder = mkdtempSync(join(tmpdir(), 'packed-'))
let packages: BothPackages
beforeAll(() => {
  packages = packBoth(folder)
})
afterAll(() => rmSync(folder, { recursive: true }))

/** A copy in a buffer of its own: readFileSync may share one. */
function bytesOf({ tarball }: Packed): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(tarball))
}

describe.each([
  ['fastify-kafka-sse', 'ofServer', ROOT],
  ['kafka-sse-client', 'ofClient', join(ROOT, 'client')],
] as const)('%s', { timeout: 60_000 }, (name, which, source) => {
  test('has nothing that publint would change', async () => {
    const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
    const { messages } = await publint({
      pack: { tarball: bytesOf(packages[which]).buffer },
      level: 'suggestion',
      strict: true,
    })
    expect(messages.map((message) => formatMessage(message, manifest))).toEqual([])
  })

  test('has types that every resolution finds', async () => {
    const result = await checkPackage(createPackageFromTarballData(bytesOf(packages[which])))
    if (!('entrypoints' in result)) throw new Error(`${name} has no types`)
    const resolved = Object.values(result.entrypoints).flatMap(({ resolutions }) => Object.keys(resolutions))
    expect(resolved.length).toBeGreaterThan(4)
    const problems = result.problems.filter(
      (problem) =>
        !isRequire(problem.kind) && !('resolutionKind' in problem && problem.resolutionKind === 'node10'),
    )
    expect(problems).toEqual([])
  })
})

/** Since Node 20.19 `require` takes an ES module without a top-level await, and tarball.test.ts requires each. */
function isRequire(kind: string): boolean {
  return kind === 'CJSResolvesToESM'
}
