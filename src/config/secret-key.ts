// The text of SECRET_KEY: one key, or two while it is changed.

import { randomBytes } from 'node:crypto'

const CHARACTER = '[A-Za-z0-9_-]'
/** 43 characters of base64url are 32 bytes. A text that was cut within a byte is no key. */
const KEY = [`${CHARACTER}{43}=?`, `(?:${CHARACTER}{4}){11,}(?:${CHARACTER}{2}(?:==)?|${CHARACTER}{3}=?)?`]
const ANY_KEY = `(?:${KEY.join('|')})`
export const SECRET_KEY_PATTERN = `^${ANY_KEY}(?:,${ANY_KEY})?$`
export const SECRET_KEY_CHARACTERS_MAX = 1_000

const SECRET_BYTES = 32

export function newSecretKey(): string {
  return randomBytes(SECRET_BYTES).toString('base64url')
}

export function isSecretKey(text: string): boolean {
  return text.length <= SECRET_KEY_CHARACTERS_MAX && new RegExp(SECRET_KEY_PATTERN).test(text)
}

/** The keys of a checked text: the first one makes, all of them read. */
export function secretsOf(secretKey: string): readonly Uint8Array[] {
  return secretKey.split(',').map((key) => Buffer.from(key, 'base64url'))
}
