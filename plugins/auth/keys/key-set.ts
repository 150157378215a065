// A set of verification keys: reads it from PEM, JWK or JWKS text, and finds the key that a token's header names.
// Promise: a text without a usable key is refused, so that a bad file never replaces a good set; only an empty list of
// keys makes an empty set.

import { type Algorithm, isAlgorithm, isCurveName } from '../../../src/token/key-setting.ts'
import { KeyUnusable, keyOfJwk, keyOfPem, type VerificationKey } from './verification-key.ts'

export interface KeySet {
  readonly keys: readonly VerificationKey[]
  /** Why other keys of the text were ignored, without their text: a bounded number of lines. */
  readonly passedOver: readonly string[]
}

/** The parts of a token's header that name its key. Untrusted. */
export interface KeyHeader {
  readonly alg?: unknown
  readonly kid?: unknown
}

export type KeyChoice =
  /** `twin` has the same name and algorithm: either may have signed the token. */
  | { readonly key: VerificationKey; readonly twin?: VerificationKey }
  /** `algorithm` is final; with `key`, a newer set may have the key. */
  | { readonly refused: 'algorithm' | 'key' }

/** Says what is wrong with a text. Never quotes it, because it may be a private key. */
export class KeysUnreadable extends Error {}

/** Keys of a text that are read, in some 20 ms of CPU. Those behind them are passed over. */
export const KEYS_MAX = 200
/** Reasons that `passedOver` lists one by one. */
const REASONS_MAX = 20
const PEM_BEGIN = /-----BEGIN ([A-Z0-9 ]+)-----/g

export function readKeySet(text: string, rsaAlgorithm: Algorithm): KeySet {
  const marked = text.startsWith('\uFEFF') ? text.slice(1) : text
  // JSON first, because a JWKS may have certificates in PEM.
  const document = parseJson(marked)
  if (document !== undefined) return readJwks(document, rsaAlgorithm)
  if (marked.includes('-----BEGIN ')) return readPem(marked, rsaAlgorithm)
  throw new KeysUnreadable('neither PEM nor JSON')
}

/** Chooses a key only if the header's algorithm is that key's own: the algorithm pin of token-verifier.ts. */
export function chooseKey({ keys }: KeySet, { alg, kid }: KeyHeader): KeyChoice {
  if (!isAlgorithm(alg) && !isCurveName(alg)) return { refused: 'algorithm' }
  const named = keysNamed(keys, kid)
  const fitting = named.filter(({ algorithm, curveName }) => algorithm === alg || curveName === alg)
  if (fitting.length === 0 && named.length > 0) return { refused: 'algorithm' }
  const [key, twin] = fitting
  if (key === undefined) return { refused: 'key' }
  if (twin === undefined) return { key }
  // Without a kid only one key may fit: to try several would let any client cause more signature checks.
  return kid === undefined ? { refused: 'key' } : { key, twin }
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

function readJwks(document: unknown, rsaAlgorithm: Algorithm): KeySet {
  const jwks = jwksOf(document)
  const keys: VerificationKey[] = []
  const reasons: string[] = []
  for (const [index, jwk] of jwks.slice(0, KEYS_MAX).entries()) {
    const read = readJwk(jwk, rsaAlgorithm)
    const why = typeof read === 'string' ? read : surplus(read, keys)
    if (why !== null) reasons.push(`key ${index + 1}: ${why}`)
    else if (typeof read !== 'string' && !keys.some((key) => isSame(key, read))) keys.push(read)
  }
  const passedOver = shortened(reasons, jwks.length)
  if (keys.length === 0 && jwks.length > 0)
    throw new KeysUnreadable(`no usable key${passedOver.map((why) => `; ${why}`).join('')}`)
  return { keys, passedOver }
}

/** The key, or why it cannot be used. */
function readJwk(jwk: unknown, rsaAlgorithm: Algorithm): VerificationKey | string {
  if (!isObject(jwk)) return 'it is not an object'
  try {
    return keyOfJwk(jwk, rsaAlgorithm)
  } catch (error) {
    if (error instanceof KeyUnusable) return error.message
    throw error
  }
}

/**
 * Why a key is one too many. Keys should have names of their own (RFC 7517 section 4.5), but providers were seen to
 * publish two of one name while they roll. A token costs two signature checks then, and never more.
 */
function surplus(read: VerificationKey, keys: readonly VerificationKey[]): string | null {
  if (read.kid === null) return null
  const twins = keys.filter(({ kid, algorithm }) => kid === read.kid && algorithm === read.algorithm)
  return twins.length > 1 && !twins.some((key) => isSame(key, read))
    ? 'two others have its kid and alg'
    : null
}

function isSame(one: VerificationKey, other: VerificationKey): boolean {
  return one.pem === other.pem && one.kid === other.kid && one.algorithm === other.algorithm
}

function shortened(reasons: readonly string[], count: number): string[] {
  const told = reasons.slice(0, REASONS_MAX)
  if (reasons.length > told.length)
    told.push(`${reasons.length - told.length} other keys cannot be used, either`)
  if (count > KEYS_MAX) told.push(`keys ${KEYS_MAX + 1} to ${count}: a set has at most ${KEYS_MAX} keys`)
  return told
}

function jwksOf(document: unknown): readonly unknown[] {
  if (!isObject(document)) throw new KeysUnreadable('neither PEM nor a JSON object')
  if (Array.isArray(document.keys)) return document.keys
  if ('kty' in document || 'x5c' in document) return [document]
  throw new KeysUnreadable('JSON without `keys` or `kty`')
}

/** undefined if it is no JSON. The parser's own message would quote the text. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
