// The search for secrets in the output of all tests: it must find each kind of secret.

import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, inject, it } from 'vitest'
import { findSecrets, traitsOf } from '../printed/secrets.ts'
import { makeKey, mintToken, mintUnsigned } from '../support/keys-and-tokens.ts'

const key = makeKey('ES256')
const token = mintToken(key)
const signature = token.split('.')[2] ?? ''

describe('the search of what servers print', () => {
  it.each([
    ['a token in a URL', `{"url":"/events?access_token=${token}&x=1"}`, 'access_token=[HERE]'],
    ['a signature alone', `cannot read ${signature}!`, 'cannot read [HERE]'],
    [
      'a token that no test has noted',
      `token ${mintToken(key, { claims: { sub: 'other' } })}`,
      'token [HERE]',
    ],
    ['a ticket', `"ticket":"kst_${'aB3-_'.repeat(9)}"`, '"ticket":"[HERE]'],
    ['a private key, kept or not', makeKey('ES256').privatePem, '[HERE]'],
    ['a line of a private key', `{"pem":"${key.privatePem.split('\n')[1]}\\n"}`, '{"pem":"[HERE]'],
  ])('finds %s, and does not print it again', (_, text, shown) => {
    const found = findSecrets(`first line\n${text}\nlast line`, [
      ...traitsOf(token),
      ...traitsOf(key.privatePem),
    ])
    expect(found.join('\n')).toContain(shown)
    expect(found.join('\n')).not.toContain(signature)
  })

  it('finds a token without a signature by the whole of it', () => {
    const unsigned = mintUnsigned()
    expect(traitsOf(unsigned)).toEqual([unsigned])
    expect(findSecrets(`got ${unsigned}`, traitsOf(unsigned))).not.toEqual([])
  })

  it('finds nothing in what is redacted, in public keys and in ids', () => {
    const text = `{"url":"/events?access_token=[redacted]","id":"AQIAAg=="}\n${key.publicPem}`
    expect(findSecrets(text, [...traitsOf(token), ...traitsOf(key.privatePem)])).toEqual([])
  })

  it('knows the tokens and keys that a test makes', () => {
    const kept = readFileSync(`${inject('printedFolder')}/secrets`, 'utf8').split('\n')
    expect(kept).toContain(signature)
    expect(kept).toContain(key.privatePem.split('\n')[1])
    expect(readdirSync(inject('printedFolder'))).toContain('secrets')
  })
})
