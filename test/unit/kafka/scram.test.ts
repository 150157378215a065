// SCRAM by the examples of RFC 7677, and what a broker may answer.

import { expect, test } from 'vitest'
import { isScramServer, scramFinal, scramFirst } from '../../../plugins/kafka/wire/scram.ts'

const LOGIN = { user: 'user', password: 'pencil', nonce: 'rOprNGfwEbeRWgbNEkqO' }
const CHALLENGE = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'

test('the example of RFC 7677', () => {
  expect(scramFirst(LOGIN)).toBe('n,,n=user,r=rOprNGfwEbeRWgbNEkqO')
  const final = scramFinal(LOGIN, CHALLENGE, 'sha256')
  expect(final.message).toBe(
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  )
  expect(isScramServer(final, 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')).toBe(true)
  expect(isScramServer(final, 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95H4=')).toBe(false)
  expect(isScramServer(final, 'e=invalid-proof')).toBe(false)
})

test('a name with a comma or an equals sign is escaped', () => {
  expect(scramFirst({ ...LOGIN, user: 'a=b,c' })).toBe('n,,n=a=3Db=2Cc,r=rOprNGfwEbeRWgbNEkqO')
})

test.each([
  'e=other-error',
  CHALLENGE.replace('rOpr', 'xOpr'),
  CHALLENGE.replace('4096', '0'),
  CHALLENGE.replace('4096', '100000000'),
])('a challenge of another login, or with too much work in it, is refused: %s', (challenge) => {
  expect(() => scramFinal(LOGIN, challenge, 'sha256')).toThrow('something else')
})
