// A set of verification keys: read from PEM, JWK or JWKS text, and asked which key a token's header means.
// Promise: a text that holds no usable key is refused whole, so a bad file never empties a good set.

import { type Algorithm, isAlgorithm } from '../../../src/token/key-setting.ts'
import { KeyUnusable, keyOfJwk, keyOfPem, type VerificationKey } from './verification-key.ts'

export interface KeySet {
  readonly keys: readonly VerificationKey[]
  /** Why others in the text were passed over, in words without their text. */
  readonly passedOver: readonly string[]
}

/** What a token's header says about its key. Untrusted. */
export interface KeyHeader {
  readonly alg?: unknown
  readonly kid?: unknown
}

export type KeyChoice =
  | { readonly key: VerificationKey }
  /** `algorithm` is final; `key` may be answered by a newer set. */
  | { readonly refused: 'algorithm' | 'key' }

/** Says what is wrong with a text, without quoting it: it may hold a private key. */
export class KeysUnreadable extends Error {}

export const KEYS_MAX = 100
const PEM_BEGIN = /-----BEGIN ([A-Z0-9 ]+)-----/g

export function readKeySet(text: string, rsaAlgorithm: Algorithm): KeySet {
  return text.includes('-----BEGIN ') ? readPem(text, rsaAlgorithm) : readJwks(text, rsaAlgorithm)
}

/** The header's algorithm must be the key's own; the library is told to accept no other (plugins/auth/token-verifier.ts). */
export function chooseKey({ keys }: KeySet, header: KeyHeader): KeyChoice {
  if (!isAlgorithm(header.alg)) return { refused: 'algorithm' }
  const named = keysNamed(keys, header.kid)
  const fitting = named.filter((key) => key.algorithm === header.alg)
  if (fitting.length === 0 && named.length > 0) return { refused: 'algorithm' }
  const [key] = fitting
  // Without a kid there is no guessing among several: each guess would be a signature check for whoever asks.
  return key !== undefined && (header.kid !== undefined || fitting.length === 1)
    ? { key }
    : { refused: 'key' }
}

/** A single key without a name is meant by every header; where the header names none, every key may be meant. */
function keysNamed(keys: readonly VerificationKey[], kid: unknown): readonly VerificationKey[] {
  const [only] = keys
  if (only !== undefined && keys.length === 1 && only.kid === null) return keys
  return kid === undefined ? keys : keys.filter((key) => key.kid !== null && key.kid === kid)
}

function readPem(text: string, rsaAlgorithm: Algorithm): KeySet {
  // OpenSSL writes an EC key's parameters as a block before it. Any other second block is a second key, and which of
  // the two is meant, or whether both are, cannot be told: a certificate's chain would be trusted as a signer.
  const labels = [...text.matchAll(PEM_BEGIN)]
    .map((match) => match[1])
    .filter((label) => label !== 'EC PARAMETERS')
  if (labels.length !== 1) throw new KeysUnreadable('PEM text holds exactly one key; for several use a JWKS')
  try {
    return { keys: [keyOfPem(text, rsaAlgorithm)], passedOver: [] }
  } catch (error) {
    if (error instanceof KeyUnusable) throw new KeysUnreadable(`the PEM key is of no use: ${error.message}`)
    throw error
  }
}

function readJwks(text: string, rsaAlgorithm: Algorithm): KeySet {
  const keys: VerificationKey[] = []
  const passedOver: string[] = []
  for (const [index, jwk] of jwksOf(parseJson(text)).entries()) {
    try {
      keys.push(keyOfJwk(jwk, rsaAlgorithm))
    } catch (error) {
      if (!(error instanceof KeyUnusable)) throw error
      passedOver.push(`key ${index + 1}: ${error.message}`)
    }
  }
  if (keys.length === 0)
    throw new KeysUnreadable(`no usable key${passedOver.map((why) => `; ${why}`).join('')}`)
  return { keys, passedOver }
}

function jwksOf(document: unknown): Readonly<Record<string, unknown>>[] {
  if (!isObject(document)) throw new KeysUnreadable('neither PEM nor a JSON object')
  const keys = Array.isArray(document.keys) ? document.keys : 'kty' in document ? [document] : null
  if (keys === null) throw new KeysUnreadable('JSON without `keys` or `kty`')
  if (keys.length > KEYS_MAX) throw new KeysUnreadable(`more than ${KEYS_MAX} keys`)
  return keys.filter(isObject)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes the text.
    throw new KeysUnreadable('neither PEM nor JSON')
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
