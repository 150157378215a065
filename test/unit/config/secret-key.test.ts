// SECRET_KEY: which texts are keys, where they may stand, and that no message quotes one.

import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ConfigError, validateOptions } from '../../../src/config/parse.ts'
import { secretsOf } from '../../../src/config/secret-key.ts'
import { NEEDED, SettingsScene } from './settings-scene.ts'

const KEY = randomBytes(32).toString('base64url')
const NEW_KEY = randomBytes(48).toString('base64url')
const TAKES = 'takes 32 random bytes or more in base64url, or two such keys separated by a comma'

let scene: SettingsScene
beforeAll(async () => {
  scene = await SettingsScene.open()
})
afterAll(() => scene.close())

describe('SECRET_KEY', () => {
  test('is one key or two, with padding or without', async () => {
    for (const key of [KEY, `${KEY}=`, NEW_KEY, `${NEW_KEY},${KEY}=`]) {
      expect((await scene.parse({ ...NEEDED, SECRET_KEY: key })).sse.secretKey).toBe(key)
      expect(secretsOf(key)).toEqual(key.split(',').map((one) => Buffer.from(one, 'base64url')))
    }
  })

  test('of any 32 to 700 bytes is a key, and reads as these', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 700 }), async (bytes) => {
        const key = Buffer.from(bytes).toString('base64url')
        const padded = key.padEnd(Math.ceil(key.length / 4) * 4, '=')
        for (const SECRET_KEY of [key, padded])
          expect(secretsOf((await scene.parse({ ...NEEDED, SECRET_KEY })).sse.secretKey ?? '')).toEqual([
            Buffer.from(bytes),
          ])
      }),
    )
  })

  test('stands in a file, whose last line break is not part of it', async () => {
    const SECRET_KEY_FILE = scene.file('secret', `${NEW_KEY},${KEY}\r\n`)
    expect((await scene.parse({ ...NEEDED, SECRET_KEY_FILE })).sse.secretKey).toBe(`${NEW_KEY},${KEY}`)
    expect(await scene.problemsOf({ ...NEEDED, SECRET_KEY_FILE, SECRET_KEY: KEY })).toEqual([
      'SECRET_KEY_FILE and SECRET_KEY set the same: keep one of them',
    ])
  })

  test.each([
    ['31 bytes', randomBytes(31).toString('base64url')],
    ['a key that was cut within a byte', randomBytes(34).toString('base64url').slice(0, -1)],
    ['base64 with + or /', `${'+/'.repeat(21)}A=`],
    ['three keys', `${KEY},${KEY},${KEY}`],
    ['a key and an empty one', `${KEY},`],
    ['two with a blank between', `${KEY}, ${KEY}`],
    ['a line break within', `${KEY}\n${KEY}`],
    ['more padding than belongs there', `${KEY}==`],
    ['more than 1,000 characters', 'A'.repeat(1_004)],
  ])('that is %s is an error, which quotes nothing of it', async (_, key) => {
    expect(await scene.problemsOf({ ...NEEDED, SECRET_KEY: key })).toEqual([`SECRET_KEY ${TAKES}`])
    const SECRET_KEY_FILE = scene.file('wrong', key)
    expect(await scene.problemsOf({ ...NEEDED, SECRET_KEY_FILE })).toEqual([`SECRET_KEY_FILE ${TAKES}`])
    const sse = { secretKey: key }
    const options = { kafka: { bootstrapServers: 'k:1' }, auth: {}, streams: [], sse }
    expect(() => validateOptions(options)).toThrow(
      expect.objectContaining({ problems: expect.arrayContaining([`options.sse.secretKey ${TAKES}`]) }),
    )
    expect(() => validateOptions(options)).toThrow(ConfigError)
    expect(() => validateOptions(options)).not.toThrow(key.slice(0, 20))
  })

  test('with a misspelt name is an error, because the process would make a key of its own', async () => {
    expect(await scene.problemsOf({ ...NEEDED, SECRET_KEYS: KEY })).toEqual([
      'SECRET_KEYS is not a setting; did you mean SECRET_KEY?',
    ])
  })
})
