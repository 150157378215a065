// A set of verification keys: reads it from PEM, JWK or JWKS text, and finds the key that a token's header names.
// Promise: a text without a usable key is refused, so that a bad file never replaces a good set.

import { type Algorithm, isAlgorithm } from '../../../src/token/key-setting.ts'
import { KeyUnusable, keyOfJwk, keyOfPem, type VerificationKey } from './verification-key.ts'

export interface KeySet {
  readonly keys: readonly VerificationKey[]
  /** Why other keys of the text were ignored, without their text. */
  readonly passedOver: readonly string[]
}

/** The parts of a token's header that name its key. Untrusted. */
export interface KeyHeader {
  readonly alg?: unknown
  readonly kid?: unknown
}

export type KeyChoice =
  | { readonly key: VerificationKey }
  /** `algorithm` is final; with `key`, a newer set may have the key. */
  | { readonly refused: 'algorithm' | 'key' }

/** Says what is wrong with a text. Never quotes it, because it may be a private key. */
export class KeysUnreadable extends Error {}

export const KEYS_MAX = 100
const PEM_BEGIN = /-----BEGIN ([A-Z0-9 ]+)-----/g

export function readKeySet(text: string, rsaAlgorithm: Algorithm): KeySet {
  return text.includes('-----BEGIN ') ? readPem(text, rsaAlgorithm) : readJwks(text, rsaAlgorithm)
}

/** Chooses a key only if the header's algorithm is that key's own: the algorithm pin of token-verifier.ts. */
export function chooseKey({ keys }: KeySet, header: KeyHeader): KeyChoice {
  if (!isAlgorithm(header.alg)) return { refused: 'algorithm' }
  const named = keysNamed(keys, header.kid)
  const fitting = named.filter((key) => key.algorithm === header.alg)
  if (fitting.length === 0 && named.length > 0) return { refused: 'algorithm' }
  const [key] = fitting
  // Without a kid only one key may fit: to try several would let any client cause more signature checks.
  return key !== undefined && (header.kid !== undefined || fitting.length === 1)
    ? { key }
    : { refused: 'key' }
}

/** A single key without a name fits every header. A header without a name may mean any key. */
function keysNamed(keys: readonly VerificationKey[], kid: unknown): readonly VerificationKey[] {
  const [only] = keys
  if (only !== undefined && keys.length === 1 && only.kid === null) return keys
  return kid === undefined ? keys : keys.filter((key) => key.kid !== null && key.kid === kid)
}

function readPem(text: string, rsaAlgorithm: Algorithm): KeySet {
  // OpenSSL writes an EC key's parameters as a block before the key. Any other second block would be a second key, and
  // nothing says which key is meant. A guess could trust the chain of a certificate as a signer.
  const labels = [...text.matchAll(PEM_BEGIN)]
    .map((match) => match[1])
    .filter((label) => label !== 'EC PARAMETERS')
  if (labels.length !== 1)
    throw new KeysUnreadable('PEM text must hold exactly one key; for several keys use a JWKS')
  try {
    return { keys: [keyOfPem(text, rsaAlgorithm)], passedOver: [] }
  } catch (error) {
    if (error instanceof KeyUnusable) throw new KeysUnreadable(`the PEM key cannot be used: ${error.message}`)
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
