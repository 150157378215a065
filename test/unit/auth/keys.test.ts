// Key sets and key files: which keys are read, and which one a token means.

import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KeyFile } from '../../../plugins/auth/keys/key-file.ts'
import { chooseKey, KEYS_MAX, readKeySet } from '../../../plugins/auth/keys/key-set.ts'
import { ConfigError } from '../../../src/config/config-error.ts'
import { makeCertificates } from '../../../src/demo/certificates.ts'
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
    const curveName = algorithm === 'EdDSA' ? { curveName: 'Ed25519' } : {}
    expect(readKeySet(JSON.stringify(key.jwk), 'RS256').keys).toEqual([
      { kid: 'k', algorithm, ...curveName, pem: key.publicPem },
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

  it('passes over what is behind so many keys, and says so', () => {
    const keys = Array.from({ length: KEYS_MAX }, (_, index) => keyAs(ec, { kid: `k${index}` }))
    expect(readKeySet(jwksOf(...keys), 'RS256')).toMatchObject({ passedOver: [] })
    const { keys: read, passedOver } = readKeySet(jwksOf(...keys, rsa, ec), 'RS256')
    expect(read).toHaveLength(KEYS_MAX)
    expect(passedOver).toEqual(['keys 201 to 202: a set has at most 200 keys'])
    const unusable = readKeySet(
      JSON.stringify({ keys: [...Array(199).fill({ kty: 'XX' }), ec.jwk] }),
      'RS256',
    )
    expect(unusable.passedOver).toHaveLength(21)
    expect(unusable.passedOver.at(-1)).toBe('179 other keys cannot be used, either')
  })

  it('may be empty: then every key was taken back', () => {
    expect(readKeySet('{"keys":[]}', 'RS256')).toEqual({ keys: [], passedOver: [] })
    expect(() => readKeySet('{"keys":[null]}', 'RS256')).toThrow('no usable key; key 1: it is not an object')
  })
})

describe('a key set as providers write it', () => {
  const read = (value: unknown) => readKeySet(JSON.stringify(value), 'RS256').keys
  const plain = [{ kid: 'ec', algorithm: 'ES256', pem: ec.publicPem }]

  it('may begin with a byte order mark, and with white space', () => {
    expect(readKeySet(`\uFEFF${jwksOf(ec)}`, 'RS256').keys).toEqual(plain)
    expect(readKeySet(`\uFEFF \n${jwksOf(ec)}`, 'RS256').keys).toEqual(plain)
    expect(readKeySet(`\uFEFF${ec.publicPem}`, 'RS256').keys).toHaveLength(1)
    expect(() => readKeySet(`\uFEFF\uFEFF${jwksOf(ec)}`, 'RS256')).toThrow('neither PEM nor JSON')
  })

  it('may have members that are null or empty, which are as good as absent', () => {
    for (const nothing of [null, '', []]) {
      const unused = { use: nothing, key_ops: nothing, alg: nothing, x5c: nothing, x5t: nothing }
      expect(read({ keys: [{ ...ec.jwk, ...unused }] })).toEqual(plain)
      const nameless = { ...ec.jwk, kid: nothing }
      expect(read({ keys: [nameless] })).toEqual([{ ...plain[0], kid: null }])
    }
    expect(() => read({ keys: [{ ...ec.jwk, key_ops: ['encrypt'] }] })).toThrow('(key_ops)')
    expect(() => read({ keys: [{ ...ec.jwk, alg: 7 }] })).toThrow('its alg is not supported here')
  })

  it('may have certificates, in PEM, too: they count where there is nothing else of the key, the leaf alone', async () => {
    const { certificatePem, caPem } = await makeCertificates(['id.example.com'], Date.now())
    const base64 = (pem: string) => new X509Certificate(pem).raw.toString('base64')
    const pem = createPublicKey(certificatePem).export({ type: 'spki', format: 'pem' }).toString()
    const leaf = [{ kid: 'leaf', algorithm: 'ES256', pem }]
    for (const x5c of [
      [base64(certificatePem), base64(caPem)],
      [certificatePem, caPem],
    ]) {
      expect(read({ keys: [{ kty: 'EC', kid: 'leaf', x5c }] })).toEqual(leaf)
      expect(read({ kid: 'leaf', x5c })).toEqual(leaf)
      expect(read({ keys: [{ ...ec.jwk, x5c }] })).toEqual(plain)
      expect(() => read({ keys: [{ kty: 'RSA', x5c }] })).toThrow('its kty is not that of its certificate')
    }
    for (const x5c of ['text', [7], ['bm8gY2VydGlmaWNhdGU=']]) {
      expect(() => read({ keys: [{ kty: 'EC', x5c }] })).toThrow('no usable key')
    }
  })

  it('may name EdDSA by its curve, which its key must have', () => {
    const ed25519 = makeKey('EdDSA', 'ed')
    const ed448 = generateKeyPairSync('ed448').publicKey.export({ format: 'jwk' })
    const { alg: _, ...jwk } = ed25519.jwk
    for (const alg of [undefined, 'EdDSA', 'Ed25519']) {
      expect(read({ keys: [{ ...jwk, alg }] })).toEqual([
        { kid: 'ed', algorithm: 'EdDSA', curveName: 'Ed25519', pem: ed25519.publicPem },
      ])
    }
    expect(read({ keys: [{ ...ed448, alg: 'Ed448' }] })).toMatchObject([{ curveName: 'Ed448' }])
    expect(() => read({ keys: [{ ...jwk, alg: 'Ed448' }] })).toThrow('its alg does not fit its kind')
    expect(() => read({ keys: [{ ...ec.jwk, alg: 'Ed25519' }] })).toThrow('its alg does not fit its kind')
  })

  it('may name two keys alike, and one key twice', () => {
    const other = makeKey('ES256', 'ec')
    const third = makeKey('ES256', 'ec')
    expect(read({ keys: [ec.jwk, ec.jwk] })).toEqual(plain)
    const { keys, passedOver } = readKeySet(jwksOf(ec, other, ec, third), 'RS256')
    expect(keys.map(({ pem }) => pem)).toEqual([ec.publicPem, other.publicPem])
    expect(passedOver).toEqual(['key 4: two others have its kid and alg'])
    const [key, twin] = keys
    expect(chooseKey({ keys, passedOver }, { alg: 'ES256', kid: 'ec' })).toEqual({ key, twin })
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

  it('may have the name of a curve in place of EdDSA, and means keys of that curve alone', () => {
    const keys = readKeySet(jwksOf(makeKey('EdDSA', 'ed'), rsa), 'RS256')
    const [key] = keys.keys
    for (const alg of ['EdDSA', 'Ed25519']) {
      expect(chooseKey(keys, { alg, kid: 'ed' })).toEqual({ key })
      expect(chooseKey(keys, { alg })).toEqual({ key })
      expect(chooseKey(keys, { alg, kid: 'rsa' })).toEqual({ refused: 'algorithm' })
    }
    expect(chooseKey(keys, { alg: 'Ed448', kid: 'ed' })).toEqual({ refused: 'algorithm' })
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
    // By a rename, since a file that is written in place may be read before its text is there: one more line.
    writeFileSync(join(folder, 'broken'), '{"keys": [{"d": "secret-words"')
    renameSync(join(folder, 'broken'), path)
    await eventually(() => expect(broken()).toHaveLength(1))
    rmSync(path)
    await eventually(() => expect(broken()).toHaveLength(2))
    expect(await knows('rsa', 'RS256')).toBe(true)
    expect(log.text()).toContain(path)
    expect(log.text()).not.toContain('secret-words')
    writeFileSync(path, jwksOf(ec))
    await eventually(async () => expect(await knows('ec')).toBe(true))
  })

  it('takes all keys back by an empty set, and says so', async () => {
    writeFileSync(path, '{"keys":[]}')
    await eventually(async () => expect(await knows('rsa', 'RS256')).toBe(false))
    expect(log.of('the key file is empty: every token is refused')).toHaveLength(1)
  })

  it('is named when it cannot be read at the start', () => {
    const logger = Fastify().log
    const open = (name: string) => () => new KeyFile(join(folder, name), 'RS256', logger)
    writeFileSync(join(folder, 'large'), 'x'.repeat(1024 * 1024 + 1))
    expect(open('missing')).toThrow(ConfigError)
    expect(open('missing')).toThrow(`auth.keys: ${join(folder, 'missing')}: it cannot be read (ENOENT)`)
    expect(open('')).toThrow('it is not a file')
    writeFileSync(join(folder, 'empty'), '{"keys":[]}')
    expect(open('empty')).toThrow(`auth.keys: ${join(folder, 'empty')}: it has no keys`)
    expect(open('large')).toThrow('larger than')
  })
})
