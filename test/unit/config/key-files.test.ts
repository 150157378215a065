// The files that settings name: certificates, their keys, and the keys of tokens.

import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NEEDED, SettingsScene } from './settings-scene.ts'

let scene: SettingsScene
beforeAll(async () => {
  scene = await SettingsScene.open()
})
afterAll(() => scene.close())

describe('the files that are named', () => {
  const serving = { ...NEEDED, TLS: 'on' }

  test('a certificate and its key are taken', async () => {
    const TLS_CERT_FILE = join(scene.folder, 'server.crt')
    const TLS_KEY_FILE = join(scene.folder, 'server.key')
    const { tls } = await scene.parse({ ...serving, TLS_CERT_FILE, TLS_KEY_FILE })
    expect(tls).toEqual({ certFile: TLS_CERT_FILE, keyFile: TLS_KEY_FILE })
  })

  test('a key of another certificate, a file of another kind and an unreadable one are named', async () => {
    const TLS_CERT_FILE = join(scene.folder, 'server.crt')
    expect(
      await scene.problemsOf({ ...serving, TLS_CERT_FILE, TLS_KEY_FILE: join(scene.folder, 'private.pem') }),
    ).toEqual([
      `TLS_KEY_FILE: the key in ${scene.folder}/private.pem is not that of the certificate in ${TLS_CERT_FILE}`,
    ])
    expect(
      await scene.problemsOf({
        ...serving,
        TLS_CERT_FILE: join(scene.folder, 'server.key'),
        TLS_KEY_FILE: scene.folder,
      }),
    ).toEqual([
      `TLS_CERT_FILE: ${scene.folder}/server.key is not a certificate in PEM`,
      `TLS_KEY_FILE: cannot read ${scene.folder}: it is a folder`,
    ])
  })

  test('with TLS=off a certificate is a contradiction', async () => {
    expect(await scene.problemsOf({ ...NEEDED, TLS_CERT_FILE: 'a' })).toEqual([
      'TLS_CERT_FILE is set although TLS=off',
    ])
  })

  test('keys that are no URL, file or PEM text are told with the other problems, and not quoted', async () => {
    expect(
      await scene.problemsOf({ ...NEEDED, PORT: 'abc', JWT_KEYS: 'https://user:c0rrect@id.example.com/' }),
    ).toEqual([
      'PORT takes an integer from 0 to 65535, not "abc"',
      'JWT_KEYS is a URL without a user or password',
    ])
    expect(await scene.problemsOf({ ...NEEDED, JWT_KEYS: 'MIIB\nMIIC' })).toEqual([
      'JWT_KEYS is neither a URL, a file nor PEM text',
    ])
  })

  test('keys that are a shared secret are no file, and not quoted', async () => {
    expect(await scene.problemsOf({ ...NEEDED, JWT_KEYS: 'correct-horse-battery' })).toEqual([
      'JWT_KEYS: cannot read the file that it names: there is no such file',
    ])
  })

  test('a private key is refused as JWT_KEYS, as PEM, as a file and as a JWK', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const jwk = JSON.stringify({ keys: [privateKey.export({ format: 'jwk' })] })
    const marked = scene.file('marked.json', `\uFEFF${jwk}`)
    for (const JWT_KEYS of [
      pem,
      jwk,
      join(scene.folder, 'private.pem'),
      scene.file('jwks.json', jwk),
      marked,
    ]) {
      expect(await scene.problemsOf({ ...NEEDED, JWT_KEYS })).toEqual([
        'JWT_KEYS holds a private key: a server is given public keys only',
      ])
    }
  })

  test('the public half of the demo’s key beside it is refused, another public key is not', async () => {
    const demoKey = createPublicKey(readFileSync(join(scene.folder, 'private.pem')))
    const pem = demoKey.export({ type: 'spki', format: 'pem' }).toString()
    const jwks = JSON.stringify({ keys: [demoKey.export({ format: 'jwk' })] })
    for (const JWT_KEYS of [pem, jwks, scene.file('public.pem', pem)]) {
      expect(await scene.problemsOf({ ...NEEDED, JWT_KEYS })).toEqual([
        "JWT_KEYS holds the demo's key (private.pem): anyone with that file could mint tokens",
      ])
    }
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const JWT_KEYS = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    await expect(scene.parse({ ...NEEDED, JWT_KEYS })).resolves.toBeDefined()
    // Nor does the comparison leave an error in OpenSSL's queue, for the next key that is read.
    expect(() => createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }))).not.toThrow()
  })

  test.each(['acme', 'https://me:hush@auth.example.com'])('an issuer %s needs keys', async (issuer) => {
    expect(await scene.problemsOf({ ...NEEDED, JWT_ISSUER: issuer })).toEqual([
      'JWT_KEYS is not set: the issuer is no address with https:// or http:// and without a password, ' +
        'so no discovery document can name them',
    ])
  })
})
