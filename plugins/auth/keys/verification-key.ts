// One public key and the one algorithm that it verifies. Promise: never `none`, never HMAC, never a key that is too
// weak for its algorithm. Of a private key only the public half is used.

import { createPublicKey, type JsonWebKey, type KeyObject, X509Certificate } from 'node:crypto'
import { errorCode } from '../../../src/errors.ts'
import { type Algorithm, isAlgorithm, isCurveName, RSA_ALGORITHMS } from '../../../src/token/key-setting.ts'

export interface VerificationKey {
  /** null if the key has no name. */
  readonly kid: string | null
  readonly algorithm: Algorithm
  /** The name that RFC 9864 gives the algorithm of an EdDSA key: that of its curve. Other keys have none. */
  readonly curveName?: string
  /** Subject public key info. */
  readonly pem: string
}

/** Says why, without any of the key's text. */
export class KeyUnusable extends Error {}

/** RFC 7518 sections 3.3 and 3.5. */
const RSA_BITS_MIN = 2048
const CURVE_ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map([
  ['prime256v1', 'ES256'],
  ['secp384r1', 'ES384'],
  ['secp521r1', 'ES512'],
])
const EDDSA_CURVES: ReadonlyMap<string, string> = new Map([
  ['ed25519', 'Ed25519'],
  ['ed448', 'Ed448'],
])
const KEY_TYPES: ReadonlyMap<string, string> = new Map([
  ['rsa', 'RSA'],
  ['ec', 'EC'],
  ['ed25519', 'OKP'],
  ['ed448', 'OKP'],
])
/** The members that make up public keys (RFC 7518 section 6, RFC 8037). The private members of a JWK are not read. */
const PUBLIC_MEMBERS = ['kty', 'crv', 'n', 'e', 'x', 'y'] as const

type Members = Readonly<Record<string, unknown>>

/** `rsaAlgorithm`: for RSA keys, which fit several algorithms; PEM names none. */
export function keyOfPem(pem: string, rsaAlgorithm: Algorithm): VerificationKey {
  return { kid: null, ...publicKey(() => createPublicKey(pem), undefined, rsaAlgorithm) }
}

/** A JWK (RFC 7517), public or private. */
export function keyOfJwk(jwk: Members, rsaAlgorithm: Algorithm): VerificationKey {
  const members = presentMembers(jwk)
  const { use, key_ops: operations, kty, alg, kid } = members
  if (use !== undefined && use !== 'sig') throw new KeyUnusable('it is not for signatures (use)')
  if (Array.isArray(operations) && !operations.includes('verify') && !operations.includes('sign')) {
    throw new KeyUnusable('it is not for signatures (key_ops)')
  }
  if (kty === 'oct') throw new KeyUnusable('it is a shared secret')
  return {
    kid: typeof kid === 'string' ? kid : null,
    ...publicKey(() => keyOfMembers(members), alg, rsaAlgorithm),
  }
}

/** Some providers write a member that they do not use as null, an empty text or an empty list. */
function presentMembers(jwk: Members): Members {
  const isPresent = (value: unknown) =>
    value !== null && value !== '' && !(Array.isArray(value) && value.length === 0)
  return Object.fromEntries(Object.entries(jwk).filter(([, value]) => isPresent(value)))
}

/** `x5c` counts only where it is all that there is of the key (RFC 7517 section 4.7). */
function keyOfMembers(members: Members): KeyObject {
  if ('x5c' in members && !('n' in members) && !('x' in members)) return certifiedKey(members)
  const key: JsonWebKey = {}
  for (const member of PUBLIC_MEMBERS) if (typeof members[member] === 'string') key[member] = members[member]
  return createPublicKey({ key, format: 'jwk' })
}

/**
 * The key of the first certificate, the leaf. Nothing of the chain is checked: a set is trusted because of where it was
 * read, with or without certificates.
 */
function certifiedKey({ x5c, kty }: Members): KeyObject {
  const leaf: unknown = Array.isArray(x5c) ? x5c[0] : undefined
  if (typeof leaf !== 'string') throw new KeyUnusable('its x5c is no list of certificates')
  const key = new X509Certificate(leaf.includes('-----BEGIN ') ? leaf : Buffer.from(leaf, 'base64')).publicKey
  if (kty !== undefined && kty !== KEY_TYPES.get(key.asymmetricKeyType ?? '')) {
    throw new KeyUnusable('its kty is not that of its certificate')
  }
  return key
}

function publicKey(
  read: () => KeyObject,
  named: unknown,
  rsaAlgorithm: Algorithm,
): Omit<VerificationKey, 'kid'> {
  const key = readKey(read)
  const algorithm = named === undefined ? ownAlgorithm(key, rsaAlgorithm) : namedAlgorithm(key, named)
  const curveName = EDDSA_CURVES.get(key.asymmetricKeyType ?? '')
  return {
    algorithm,
    ...(curveName !== undefined && { curveName }),
    pem: key.export({ type: 'spki', format: 'pem' }).toString(),
  }
}

/** Reports OpenSSL's error code only, which is enough to look the error up. */
function readKey(read: () => KeyObject): KeyObject {
  try {
    return read()
  } catch (error) {
    if (error instanceof KeyUnusable) throw error
    const code = errorCode(error)
    throw new KeyUnusable(`it cannot be read as a key${code === null ? '' : ` (${code})`}`)
  }
}

function namedAlgorithm(key: KeyObject, named: unknown): Algorithm {
  if (isCurveName(named)) {
    if (EDDSA_CURVES.get(key.asymmetricKeyType ?? '') === named) return 'EdDSA'
    throw new KeyUnusable('its alg does not fit its kind')
  }
  if (!isAlgorithm(named)) throw new KeyUnusable('its alg is not supported here')
  if (ownAlgorithm(key, named) !== named) throw new KeyUnusable('its alg does not fit its kind')
  return named
}

function ownAlgorithm(key: KeyObject, rsaAlgorithm: Algorithm): Algorithm {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return ownRsaAlgorithm(key, rsaAlgorithm)
    case 'ec':
      return ownCurveAlgorithm(key)
    case 'ed25519':
    case 'ed448':
      return 'EdDSA'
    default:
      throw new KeyUnusable(`keys of kind ${key.asymmetricKeyType ?? 'unknown'} do not sign tokens here`)
  }
}

function ownRsaAlgorithm(key: KeyObject, algorithm: Algorithm): Algorithm {
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < RSA_BITS_MIN) {
    throw new KeyUnusable(`it is an RSA key of less than ${RSA_BITS_MIN} bits`)
  }
  // With an exponent of 1 a signature is its own message: anyone can make one.
  if ((key.asymmetricKeyDetails?.publicExponent ?? 0n) < 3n) throw new KeyUnusable('its exponent is below 3')
  if (!RSA_ALGORITHMS.some((name) => name === algorithm))
    throw new KeyUnusable('its alg does not fit its kind')
  return algorithm
}

function ownCurveAlgorithm(key: KeyObject): Algorithm {
  const algorithm = CURVE_ALGORITHMS.get(key.asymmetricKeyDetails?.namedCurve ?? '')
  if (algorithm === undefined) throw new KeyUnusable('its curve is none of P-256, P-384 and P-521')
  return algorithm
}
