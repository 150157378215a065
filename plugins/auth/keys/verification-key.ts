// One public key and the one algorithm that it verifies. Promise: never `none`, never HMAC, never a key that is too
// weak for its algorithm. Of a private key only the public half is used.

import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { errorCode } from '../../../src/errors.ts'
import { type Algorithm, isAlgorithm, RSA_ALGORITHMS } from '../../../src/token/key-setting.ts'

export interface VerificationKey {
  /** null if the key has no name. */
  readonly kid: string | null
  readonly algorithm: Algorithm
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
/** The members that make up public keys (RFC 7518 section 6, RFC 8037). The private members of a JWK are not read. */
const PUBLIC_MEMBERS = ['kty', 'crv', 'n', 'e', 'x', 'y'] as const

/** `rsaAlgorithm`: for RSA keys, which fit several algorithms; PEM names none. */
export function keyOfPem(pem: string, rsaAlgorithm: Algorithm): VerificationKey {
  return { kid: null, ...publicKey(() => createPublicKey(pem), undefined, rsaAlgorithm) }
}

/** A JWK (RFC 7517), public or private. */
export function keyOfJwk(jwk: Readonly<Record<string, unknown>>, rsaAlgorithm: Algorithm): VerificationKey {
  if (jwk.use !== undefined && jwk.use !== 'sig') throw new KeyUnusable('it is not for signatures (use)')
  const operations = jwk.key_ops
  if (Array.isArray(operations) && !operations.includes('verify') && !operations.includes('sign')) {
    throw new KeyUnusable('it is not for signatures (key_ops)')
  }
  if (jwk.kty === 'oct') throw new KeyUnusable('it is a shared secret')
  const key: JsonWebKey = {}
  for (const member of PUBLIC_MEMBERS) if (typeof jwk[member] === 'string') key[member] = jwk[member]
  return {
    kid: typeof jwk.kid === 'string' ? jwk.kid : null,
    ...publicKey(() => createPublicKey({ key, format: 'jwk' }), jwk.alg, rsaAlgorithm),
  }
}

function publicKey(
  read: () => KeyObject,
  named: unknown,
  rsaAlgorithm: Algorithm,
): Omit<VerificationKey, 'kid'> {
  const key = readKey(read)
  const algorithm = named === undefined ? ownAlgorithm(key, rsaAlgorithm) : namedAlgorithm(key, named)
  return { algorithm, pem: key.export({ type: 'spki', format: 'pem' }).toString() }
}

/** Reports OpenSSL's error code only, which is enough to look the error up. */
function readKey(read: () => KeyObject): KeyObject {
  try {
    return read()
  } catch (error) {
    const code = errorCode(error)
    throw new KeyUnusable(`it cannot be read as a key${code === null ? '' : ` (${code})`}`)
  }
}

function namedAlgorithm(key: KeyObject, named: unknown): Algorithm {
  // RFC 9864 names EdDSA's curves, and some providers publish these names.
  const algorithm = named === 'Ed25519' || named === 'Ed448' ? 'EdDSA' : named
  if (!isAlgorithm(algorithm)) throw new KeyUnusable('its alg is not supported here')
  if (ownAlgorithm(key, algorithm) !== algorithm) throw new KeyUnusable('its alg does not fit its kind')
  return algorithm
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
  if (!RSA_ALGORITHMS.some((name) => name === algorithm))
    throw new KeyUnusable('its alg does not fit its kind')
  return algorithm
}

function ownCurveAlgorithm(key: KeyObject): Algorithm {
  const algorithm = CURVE_ALGORITHMS.get(key.asymmetricKeyDetails?.namedCurve ?? '')
  if (algorithm === undefined) throw new KeyUnusable('its curve is none of P-256, P-384 and P-521')
  return algorithm
}
