// What the log and the status page call a subject: nothing that can be guessed without the key.

import { createHash, createHmac, hkdfSync } from 'node:crypto'
import { expect, it } from 'vitest'
import { SubjectHashes } from '../../../src/outcomes/subject-hashes.ts'

const [OLD, NEXT] = [1, 2].map((byte) => new Uint8Array(32).fill(byte)) as [Uint8Array, Uint8Array]
const ALICE = 'alice@example.com'

it('a subject’s hash is an HMAC with a key derived from the first secret, and none is the hash of the subject alone', () => {
  const hash = new SubjectHashes([OLD, NEXT]).of(ALICE)
  const key = new Uint8Array(hkdfSync('sha256', OLD, '', 'kafka-sse subjects 1', 32))
  expect(hash).toBe(createHmac('sha256', key).update(ALICE).digest('hex').slice(0, 12))
  expect(hash).not.toBe(createHash('sha256').update(ALICE).digest('hex').slice(0, 12))
  expect(hash).toMatch(/^[0-9a-f]{12}$/)
})

it('the same secret makes the same hash, and another one another', () => {
  const [one, same, other] = [[OLD], [OLD], [NEXT]].map((secrets) => new SubjectHashes(secrets))
  expect(same?.of(ALICE)).toBe(one?.of(ALICE))
  expect(other?.of(ALICE)).not.toBe(one?.of(ALICE))
  expect(one?.of('bob@example.com')).not.toBe(one?.of(ALICE))
  expect(one?.of(null)).toBeNull()
})

it('takes another secret', () => {
  const hashes = new SubjectHashes([OLD])
  hashes.replace([NEXT, OLD])
  expect(hashes.of(ALICE)).toBe(new SubjectHashes([NEXT]).of(ALICE))
  expect(() => hashes.replace([])).toThrow('no secret')
})
