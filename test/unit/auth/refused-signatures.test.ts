// Tokens whose signature was found bad.

import { expect, test } from 'vitest'
import { RefusedSignatures } from '../../../plugins/auth/refused-signatures.ts'

test('a token is refused for the keys that it was verified with, and for no other', () => {
  const refused = new RefusedSignatures()
  refused.keep('token', ['a', 'b'])
  expect(refused.has('token', ['a', 'b'])).toBe(true)
  expect(refused.has('token', ['b'])).toBe(true)
  expect(refused.has('token', ['a', 'c'])).toBe(false)
  expect(refused.has('other', ['a', 'b'])).toBe(false)
})

test('the oldest is forgotten beyond the bound', () => {
  const refused = new RefusedSignatures(2)
  for (const digest of ['one', 'two', 'three']) refused.keep(digest, ['a'])
  expect(refused.size).toBe(2)
  expect([refused.has('one', ['a']), refused.has('three', ['a'])]).toEqual([false, true])
})
