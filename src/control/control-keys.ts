// What of the control topic is secret: the mac that shows who has written a record, and the hashes that stand for names
// in it. Promise: the secrets cannot be read from this object, and every comparison takes the same time.

import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'

export const MAC_BYTES = 32

/** Neither opens what the other has made, nor what ids and tickets are made with. */
const MAC_INFO = 'kafka-sse control 1'
const HASH_INFO = 'kafka-sse hashes 1'
const DERIVED_BYTES = 32
const LENGTH_BYTES = 4

/** The bytes of a record that its mac covers. */
export interface MacInput {
  readonly topic: string
  /** null counts as empty. */
  readonly key: Uint8Array | null
  readonly value: Uint8Array
}

export class ControlKeys {
  private macs: readonly KeyObject[] = []
  private hashes: readonly KeyObject[] = []

  /** `secrets`: the first one makes, all of them read. Each has 32 bytes or more. */
  constructor(secrets: readonly Uint8Array[]) {
    this.replace(secrets)
  }

  /** Takes other secrets, for what is written and read from now on. */
  replace(secrets: readonly Uint8Array[]): void {
    if (secrets.length === 0) throw new RangeError('there is no secret for the control topic')
    this.macs = secrets.map((secret) => derivedKey(secret, MAC_INFO))
    this.hashes = secrets.map((secret) => derivedKey(secret, HASH_INFO))
  }

  /** The mac of a record that is written now: HMAC-SHA256 over topic, key and value, each behind its length. */
  mac(input: MacInput): Buffer {
    return this.made(this.macs, (key) => macOf(key, input))
  }

  /** Whether a replica with one of the secrets has written the record. */
  verifies(mac: Uint8Array, input: MacInput): boolean {
    if (mac.length !== MAC_BYTES) return false
    return this.macs.some((key) => timingSafeEqual(macOf(key, input), mac))
  }

  /** Stands for these names in what is written now. Lists of names that differ have hashes that differ. */
  hash(names: readonly string[]): Buffer {
    return this.made(this.hashes, (key) => hashOf(key, names))
  }

  /** The same by each of the secrets, as replicas make it while the secret is changed. */
  everyHash(names: readonly string[]): readonly Buffer[] {
    return this.hashes.map((key) => hashOf(key, names))
  }

  private made(keys: readonly KeyObject[], make: (key: KeyObject) => Buffer): Buffer {
    const [first] = keys
    if (first === undefined) throw new RangeError('there is no secret for the control topic')
    return make(first)
  }
}

function derivedKey(secret: Uint8Array, info: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', info, DERIVED_BYTES)))
}

function macOf(key: KeyObject, { topic, key: recordKey, value }: MacInput): Buffer {
  const mac = createHmac('sha256', key)
  for (const part of [Buffer.from(topic), recordKey ?? new Uint8Array(), value]) {
    const length = Buffer.alloc(LENGTH_BYTES)
    length.writeUInt32BE(part.length)
    mac.update(length).update(part)
  }
  return mac.digest()
}

function hashOf(key: KeyObject, names: readonly string[]): Buffer {
  return createHmac('sha256', key).update(JSON.stringify(names)).digest()
}
