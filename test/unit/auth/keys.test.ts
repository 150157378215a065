// Key sets and key files: which keys are read, and which one a token means.

import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KeyFile } from '../../../plugins/auth/keys/key-file.ts'
import { chooseKey, KEYS_MAX, readKeySet } from '../../../plugins/auth/keys/key-set.ts'
import { jwksOf, KEY_ALGORITHMS, keyAs, makeKey } from '../../support/keys-and-tokens.ts'
import { LogLines } from '../../support/printed.ts'
import { eventually } from '../../support/time.ts'

const rsa = makeKey('RS256', 'rsa')
const ec = makeKey('ES256', 'ec')

describe('a key set', () => {
  it('is read from PEM: public, private, PKCS#1, SEC1 with its parameters', () => {
    const sec1 = ec.privateKey.export({ type: 'sec1', format: 'pem' }).toString()
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n'
    const texts = [ec.publicPem, ec.privatePem, sec1, parameters + sec1]
    for (const text of texts) {
      expect(readKeySet(text, 'RS256').keys).toEqual([{ kid: null, algorithm: 'ES256', pem: ec.publicPem }])
    }
    const pkcs1 = rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
    for (const text of [rsa.publicPem, rsa.privatePem, pkcs1]) {
      expect(readKeySet(text, 'PS384').keys).toEqual([{ kid: null, algorithm: 'PS384', pem: rsa.publicPem }])
    }
  })

  it.each(KEY_ALGORITHMS)('keeps the alg that a JWK names: %s', (algorithm) => {
    const key = makeKey(algorithm, 'k')
    expect(readKeySet(JSON.stringify(key.jwk), 'RS256').keys).toEqual([
      { kid: 'k', algorithm, pem: key.publicPem },
    ])
  })

  it('gives a key without alg the one of its kind', () => {
    for (const [made, expected] of [
      ['PS512', 'RS256'],
      ['ES256', 'ES256'],
      ['ES384', 'ES384'],
      ['ES512', 'ES512'],
      ['EdDSA', 'EdDSA'],
    ] as const) {
      const { alg: _, ...jwk } = makeKey(made).jwk
      expect(readKeySet(JSON.stringify({ keys: [jwk] }), 'RS256').keys[0]?.algorithm).toBe(expected)
    }
  })

  it('takes the public half of a private JWK, and standard base64 in its numbers', () => {
    const jwk = { ...rsa.privateKey.export({ format: 'jwk' }), kid: 'p' }
    const standard = { ...jwk, n: Buffer.from(String(jwk.n), 'base64url').toString('base64') }
    for (const text of [jwk, standard]) {
      expect(readKeySet(JSON.stringify(text), 'RS256').keys).toEqual([
        { kid: 'p', algorithm: 'RS256', pem: rsa.publicPem },
      ])
    }
  })

  it('passes over what is not for signatures, shared, weak or of an unknown kind, and says why', () => {
    const weak = makeKey('RS256', 'weak', 1024)
    const koblitz = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ format: 'jwk' })
    const others = [
      { ...rsa.jwk, use: 'enc' },
      { ...rsa.jwk, key_ops: ['encrypt'] },
      { ...rsa.jwk, alg: 'RSA-OAEP' },
      { ...rsa.jwk, alg: 'HS256' },
      { ...rsa.jwk, alg: 'none' },
      { ...rsa.jwk, alg: 'ES256' },
      { ...ec.jwk, alg: 'ES384' },
      { kty: 'oct', k: 'c2VjcmV0', alg: 'HS256' },
      { ...ec.jwk, x: 'AAAA' },
      weak.jwk,
      koblitz,
      { kty: 'XX' },
    ]
    const set = readKeySet(JSON.stringify({ keys: [...others, ec.jwk] }), 'RS256')
    expect(set.keys.map((key) => key.kid)).toEqual(['ec'])
    expect(set.passedOver).toHaveLength(others.length)
    expect(set.passedOver).toContain('key 8: it is a shared secret')
    expect(() => readKeySet(JSON.stringify({ keys: others }), 'RS256')).toThrow('no usable key')
  })

  it('refuses other texts whole, without quoting them', () => {
    const chain = rsa.publicPem + ec.publicPem
    const weak = makeKey('RS256', 'weak', 1024).publicPem
    const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
    const pssPem = pss.publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const cut = rsa.privatePem.slice(0, 200)
    for (const text of [
      '',
      'secret-words',
      '"secret-words"',
      '{"secret-words',
      '[]',
      '{}',
      '{"keys":{}}',
      chain,
      weak,
      cut,
      pssPem,
    ]) {
      const read = (): unknown => readKeySet(text, 'RS256')
      expect(read, text).toThrow()
      expect(read, text).not.toThrow(/secret-words|MII/)
    }
  })

  it('holds a hundred keys and not one more', () => {
    const keys = Array.from({ length: KEYS_MAX }, (_, index) => keyAs(ec, { kid: `k${index}` }))
    expect(readKeySet(jwksOf(...keys), 'RS256').keys).toHaveLength(KEYS_MAX)
    expect(() => readKeySet(jwksOf(...keys, ec), 'RS256')).toThrow('more than 100 keys')
  })
})

describe("a token's header", () => {
  const set = readKeySet(jwksOf(rsa, ec), 'RS256')
  const named = (header: { alg?: unknown; kid?: unknown }): unknown => {
    const choice = chooseKey(set, header)
    return 'key' in choice ? choice.key.kid : choice.refused
  }

  it('means the key that it names, with that key its own algorithm and no other', () => {
    expect(named({ alg: 'RS256', kid: 'rsa' })).toBe('rsa')
    for (const alg of [
      'RS384',
      'PS256',
      'ES256',
      'HS256',
      'none',
      'None',
      '',
      undefined,
      null,
      ['RS256'],
      'toString',
    ]) {
      expect(named({ alg, kid: 'rsa' }), String(alg)).toBe('algorithm')
    }
  })

  it('means no key under a name that the set lacks', () => {
    for (const kid of ['other', '', null, 0, ['rsa'], { toString: 'rsa' }]) {
      expect(named({ alg: 'RS256', kid }), JSON.stringify(kid)).toBe('key')
    }
  })

  it('without a name means the only key of its algorithm, and none where several would do', () => {
    expect(named({ alg: 'ES256' })).toBe('ec')
    const several = readKeySet(jwksOf(rsa, ec, keyAs(ec, { kid: 'ec2' })), 'RS256')
    expect(chooseKey(several, { alg: 'ES256' })).toEqual({ refused: 'key' })
  })

  it('with any name means a key without one only if there is no other key', () => {
    const { kid: _, ...nameless } = ec.jwk
    const only = readKeySet(JSON.stringify(nameless), 'RS256')
    expect(chooseKey(only, { alg: 'ES256', kid: 'anything' })).toHaveProperty('key')
    const two = readKeySet(JSON.stringify({ keys: [nameless, rsa.jwk] }), 'RS256')
    expect(chooseKey(two, { alg: 'ES256', kid: 'anything' })).toEqual({ refused: 'key' })
  })
})

describe('a key file', () => {
  let folder: string
  let path: string
  let file: KeyFile
  const log = new LogLines()

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kafka-sse-keys-'))
    path = join(folder, 'keys.json')
    writeFileSync(path, jwksOf(rsa))
    log.lines.length = 0
    file = new KeyFile(path, 'RS256', Fastify({ logger: { stream: log.stream } }).log, 10)
  })

  afterEach(() => {
    file.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const knows = async (kid: string, alg = 'ES256'): Promise<boolean> =>
    'key' in (await file.find({ alg, kid }))

  it('takes effect when it changes, in place or by a rename over it', async () => {
    expect(await knows('ec')).toBe(false)
    writeFileSync(path, jwksOf(ec))
    await eventually(async () => expect(await knows('ec')).toBe(true))
    writeFileSync(join(folder, 'next'), jwksOf(rsa))
    renameSync(join(folder, 'next'), path)
    await eventually(async () => expect(await knows('rsa', 'RS256')).toBe(true))
    expect(await knows('ec')).toBe(false)
  })

  it('keeps its keys and says so when the new one is broken or gone, and reads the next good one', async () => {
    const broken = (): unknown[] => log.of('key file is broken; the keys read before stay in use')
    writeFileSync(path, '{"keys": [{"d": "secret-words"')
    await eventually(() => expect(broken()).toHaveLength(1))
    rmSync(path)
    await eventually(() => expect(broken()).toHaveLength(2))
    expect(await knows('rsa', 'RS256')).toBe(true)
    expect(log.text()).toContain(path)
    expect(log.text()).not.toContain('secret-words')
    writeFileSync(path, jwksOf(ec))
    await eventually(async () => expect(await knows('ec')).toBe(true))
  })

  it('is named when it cannot be read at the start', () => {
    const logger = Fastify().log
    const open = (name: string) => () => new KeyFile(join(folder, name), 'RS256', logger)
    writeFileSync(join(folder, 'large'), 'x'.repeat(1024 * 1024 + 1))
    expect(open('missing')).toThrow(`auth.keys: ${join(folder, 'missing')}: it cannot be read (ENOENT)`)
    expect(open('')).toThrow('it is not a file')
    expect(open('large')).toThrow('larger than')
  })
})
