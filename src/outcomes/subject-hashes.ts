// How the log and the status page call a subject. Promise: an operator who has the key and knows a user finds the
// user's lines and streams; one who has no key cannot try subjects, however easily they are guessed.

import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'

/** Enough to tell a million users apart. */
const CHARACTERS = 12

export class SubjectHashes {
  private key: KeyObject

  /** `secrets`: the first one counts. It has 32 bytes or more. The same secret makes the same hashes anywhere. */
  constructor(secrets: readonly Uint8Array[]) {
    this.key = keyOf(secrets)
  }

  /** Takes other secrets. From now on each subject has another hash. */
  replace(secrets: readonly Uint8Array[]): void {
    this.key = keyOf(secrets)
  }

  /** The beginning of the HMAC-SHA-256 of a subject, in hexadecimal; null for none. */
  of(subject: string | null): string | null {
    if (subject === null) return null
    return createHmac('sha256', this.key).update(subject).digest('hex').slice(0, CHARACTERS)
  }
}

function keyOf([secret]: readonly Uint8Array[]): KeyObject {
  if (secret === undefined) throw new RangeError('there is no secret to hash subjects with')
  return createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', 'kafka-sse subjects 1', 32)))
}
