// What the setting `auth.keys` may be, and that an error quotes nothing of it.

import { describe, expect, test } from 'vitest'
import { keyPathWords, keySetting } from '../../../src/token/key-setting.ts'

describe('the setting auth.keys', () => {
  test.each([
    ['https://id.example.com/jwks', 'url'],
    ['HTTP://id.example.com/jwks', 'url'],
    ['{"keys": []}', 'text'],
    ['\n  {"kty": "EC"}', 'text'],
    ['-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n', 'text'],
    ['# a comment\n-----BEGIN PUBLIC KEY-----\n', 'text'],
    ['keys.pem', 'file'],
    ['/run/secrets/keys with spaces.json', 'file'],
    ['file:///keys.pem', 'file'],
  ])('%j is taken as a %s', (keys, kind) => {
    expect(keySetting(keys).kind).toBe(kind)
  })

  test.each([
    ['', 'is neither a URL, a file nor PEM text'],
    [' \t', 'is neither a URL, a file nor PEM text'],
    ['MIIB\nsecret-words\n', 'is neither a URL, a file nor PEM text'],
    ['https://secret-words:x', 'is not a valid URL'],
    ['https://user:secret-words@id.example.com/', 'is a URL without a user or password'],
    ['https://user@id.example.com/', 'is a URL without a user or password'],
  ])('%j is wrong, in words that quote nothing', (keys, words) => {
    expect(keySetting(keys)).toEqual({ kind: 'wrong', words })
  })

  test.each([
    'keys.pem',
    './keys',
    '../keys',
    '/run/keys',
    '/run/secret words',
    'C:\\keys',
    '\\\\host\\keys',
    'certs/a.json',
  ])('%j is shown as the path of a file that cannot be read', (path) => {
    expect(keyPathWords(path)).toBe(path)
  })

  test.each(['hunter2', 'a shared secret', 'c2VjcmV0/K3k+', 'keys', ''])('%j is not', (text) => {
    expect(keyPathWords(text)).toBe('the file that it names')
  })
})
