// Wycheproof's vectors of JSON Web Signatures: keys as they are read, the algorithm pin, the one spelling, and the
// signature check of the library at its installed version agree with each of them.

import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { chooseKey, KeysUnreadable, readKeySet } from '../../../plugins/auth/keys/key-set.ts'
import { canonicalToken } from '../../../src/token/request-token.ts'
import { unverifiedToken } from '../../../src/token/unverified-token.ts'
import vectors from './wycheproof.json' with { type: 'json' }

/** What the library calls once it has a key. A whole token cannot be taken, because the vectors hold no claims. */
type VerifySignature = (algorithm: string, key: string, input: string, signature: string) => boolean
const require = createRequire(import.meta.url)
const { verifySignature }: { verifySignature: VerifySignature } = require('fast-jwt/src/crypto.js')

/** Results that are not ours, and why. */
const OURS: Readonly<Record<string, { result: string; because: string }>> = {
  '346 Figure20': { result: 'invalid', because: 'the key is for PS256 and the token says PS384' },
  '350 Figure20': { result: 'invalid', because: 'the key is for PS256 and the token says PS384' },
  '347 Figure27': { result: 'invalid', because: 'the alg of the key is ES521, which is no algorithm' },
  '351 Figure27': { result: 'invalid', because: 'the alg of the key is ES521, which is no algorithm' },
  '7 rejectsKeyWithRocaVulnerability': {
    result: 'valid',
    because: 'an issuer answers for how its keys were made',
  },
}

function accepts(jws: string, keys: readonly object[]): boolean {
  const token = canonicalToken(jws)
  const set = setOf(keys)
  if (token === null || set === null) return false
  const [header = '', payload = '', signature = ''] = token.split('.')
  // With claims in place of the payload, because the vectors have none.
  const read = unverifiedToken(`${header}.e30.${signature}`)
  if (read === null) return false
  const choice = chooseKey(set, read.header)
  if ('refused' in choice || signature === '') return false
  try {
    return verifySignature(choice.key.algorithm, choice.key.pem, `${header}.${payload}`, signature)
  } catch {
    // The library throws where a signature has not the form of its algorithm.
    return false
  }
}

function setOf(keys: readonly object[]) {
  try {
    return readKeySet(JSON.stringify({ keys }), 'RS256')
  } catch (error) {
    if (error instanceof KeysUnreadable) return null
    throw error
  }
}

describe('Wycheproof', () => {
  it('has some hundred vectors, good ones among them', () => {
    const results = vectors.groups.flatMap(({ tests }) => tests.map(([, , , result]) => result))
    expect(results.length).toBeGreaterThan(350)
    expect(results.filter((result) => result === 'valid').length).toBeGreaterThan(30)
  })

  it.each(vectors.groups.map((group, at) => ({ ...group, at })))('group $at, $comment', ({ keys, tests }) => {
    for (const [number, comment, jws, result] of tests) {
      const name = `${number} ${comment}`
      const expected = OURS[name]?.result ?? result
      expect([name, accepts(String(jws), keys) ? 'valid' : 'invalid']).toEqual([name, expected])
    }
  })
})
