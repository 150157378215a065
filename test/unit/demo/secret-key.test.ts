// The demo's SECRET_KEY: made once, for its owner alone, and kept.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ensureDemoSecretKey } from '../../../src/demo/secret-key.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'secret-key-'))
  path = join(folder, 'secret.key')
})
afterEach(() => rmSync(folder, { recursive: true }))

describe("the demo's secret key", () => {
  test('is made once, for its owner alone, and kept', async () => {
    const first = await ensureDemoSecretKey(folder)
    expect(first.made).toEqual(['made secret.key, which seals event ids'])
    expect(Buffer.from(first.secretKey, 'base64url')).toHaveLength(32)
    expect(readFileSync(path, 'utf8')).toBe(`${first.secretKey}\n`)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder)).toEqual(['secret.key'])
    expect(await ensureDemoSecretKey(folder)).toEqual({ secretKey: first.secretKey, made: [] })
  })

  test('is another one in each folder', async () => {
    const other = join(folder, 'other')
    mkdirSync(other)
    const [one, two] = [await ensureDemoSecretKey(folder), await ensureDemoSecretKey(other)]
    expect(one.secretKey).not.toBe(two.secretKey)
  })

  test('is the file that is there, with two keys while they are changed', async () => {
    const keys = [1, 2].map((byte) => Buffer.alloc(32, byte).toString('base64url')).join()
    writeFileSync(path, `${keys}\r\n`)
    expect(await ensureDemoSecretKey(folder)).toEqual({ secretKey: keys, made: [] })
  })

  test.each(['', '\n', 'too-short', `${'A'.repeat(43)}\n${'A'.repeat(43)}`, 'A'.repeat(2_000)])(
    'is never put in the place of a file that holds none: %j',
    async (text) => {
      writeFileSync(path, text)
      await expect(ensureDemoSecretKey(folder)).rejects.toThrow(
        `${path} is not 32 random bytes in base64url: move it away to have it made`,
      )
      expect(readFileSync(path, 'utf8')).toBe(text)
    },
  )

  test('that cannot be read is named', async () => {
    mkdirSync(path)
    await expect(ensureDemoSecretKey(folder)).rejects.toThrow(`cannot read ${path}: EISDIR`)
  })
})
