// A login by SCRAM (RFC 5802), without channel binding, as Kafka has it. Promise: the password is not sent, and the
// broker has to prove that it knows it, too.

import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'

export type ScramHash = 'sha256' | 'sha512'

const HASH_BYTES: Readonly<Record<ScramHash, number>> = { sha256: 32, sha512: 64 }
/** Base64 of `n,,`: no channel binding. */
const NO_BINDING = 'biws'
/** Kafka's own is 4,096 to 16,384. A broker must not keep this process busy. */
const ITERATIONS_MAX = 1_000_000

export interface ScramFinal {
  readonly message: string
  /** What the broker has to answer with, in base64. */
  readonly signature: Buffer
}

export interface ScramLogin {
  readonly user: string
  readonly password: string
  /** Fresh and random, in printable characters without a comma. */
  readonly nonce: string
}

export function scramFirst({ user, nonce }: ScramLogin): string {
  return `n,,${bareFirst(user, nonce)}`
}

/** Answers the broker's first message. Throws for one that does not belong to the login. */
export function scramFinal(
  { user, password, nonce }: ScramLogin,
  challenge: string,
  hash: ScramHash,
): ScramFinal {
  const [, serverNonce = '', salt = '', count = ''] = /^r=([^,]+),s=([^,]+),i=(\d+)/.exec(challenge) ?? []
  const iterations = Number(count)
  if (!serverNonce.startsWith(nonce) || iterations < 1 || iterations > ITERATIONS_MAX)
    throw new Error('the broker answers a login by SCRAM with something else')
  const salted = pbkdf2Sync(
    password.normalize('NFKC'),
    Buffer.from(salt, 'base64'),
    iterations,
    HASH_BYTES[hash],
    hash,
  )
  const keyed = (key: Uint8Array, text: string) => createHmac(hash, key).update(text).digest()
  const clientKey = keyed(salted, 'Client Key')
  const withoutProof = `c=${NO_BINDING},r=${serverNonce}`
  const message = [bareFirst(user, nonce), challenge, withoutProof].join(',')
  const clientSignature = keyed(createHash(hash).update(clientKey).digest(), message)
  const proof = clientKey.map((byte, at) => byte ^ (clientSignature[at] ?? 0))
  return {
    message: `${withoutProof},p=${Buffer.from(proof).toString('base64')}`,
    signature: keyed(keyed(salted, 'Server Key'), message),
  }
}

/** Whether the broker's last message proves that it knows the password. */
export function isScramServer({ signature }: ScramFinal, answer: string): boolean {
  const given = Buffer.from(/^v=([^,]+)/.exec(answer)?.[1] ?? '', 'base64')
  return given.length === signature.length && timingSafeEqual(given, signature)
}

function bareFirst(user: string, nonce: string): string {
  const escaped = user.normalize('NFKC').replaceAll('=', '=3D').replaceAll(',', '=2C')
  return `n=${escaped},r=${nonce}`
}
