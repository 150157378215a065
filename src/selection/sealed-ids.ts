// Event ids that tell their readers nothing: the position of a stream, encrypted. Promise: the same position of the
// same stream has the same id on every replica; the length tells only which partitions there are; and an id of another
// path or selection, or one that was changed in any bit, is not opened.

import {
  createCipheriv,
  createHash,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'

/** Next offset by partition; -2: from the beginning. */
type Position = ReadonlyMap<number, number>

/** First byte of a sealed id. Plain ones begin with 01. */
const SEALED = 0x10
const IV_BYTES = 16
const HEAD_BYTES = 1 + IV_BYTES
/** Widths within the sealed text. An offset is stored plus 2, since -2 is the least. */
const PARTITION_BYTES = 4
const OFFSET_BYTES = 7
const OFFSET_LEAST = -2
/** Whether partitions are 0, 1, 2 and so on, so that their numbers are left out. */
const DENSE = 0
const SPARSE = 1
const TEXT = /^[A-Za-z0-9_-]+={0,2}$/

interface Keys {
  readonly mac: KeyObject
  readonly encryption: KeyObject
}

/** `secrets`: the first one seals, all of them open. Each has 32 bytes or more. */
export class SealedIds {
  private readonly keys: readonly Keys[]

  constructor(secrets: readonly Uint8Array[]) {
    if (secrets.length === 0) throw new RangeError('there is no secret to seal ids with')
    this.keys = secrets.map((secret) => ({
      mac: derivedKey(secret, 'mac'),
      encryption: derivedKey(secret, 'encryption'),
    }))
  }

  /** The ids of one stream: of its path, and of what it selects, in a text that is the same on every replica. */
  of(path: string, selection: string): IdSeal {
    return new IdSeal(this.keys, context(path, selection))
  }
}

/** Seals and opens the ids of one path and selection: AES-256-CTR with a synthetic IV, as RFC 5297 builds it. */
export class IdSeal {
  private readonly keys: readonly Keys[]
  private readonly context: Uint8Array

  constructor(keys: readonly Keys[], context: Uint8Array) {
    this.keys = keys
    this.context = context
  }

  /** Base64url with padding. Costs 4 µs. */
  seal(position: Position): string {
    const [keys] = this.keys
    if (keys === undefined) throw new RangeError('there is no secret to seal ids with')
    const plain = encode(position)
    const iv = this.syntheticIv(keys, plain)
    const sealed = Buffer.concat([Buffer.of(SEALED), iv, crypt(keys, iv, plain)])
    return padded(sealed)
  }

  /** The position; null for anything that `seal` has not made, in its one spelling. Padding may be missing. */
  open(id: string): Position | null {
    if (!TEXT.test(id)) return null
    const sealed = Buffer.from(id, 'base64url')
    if (sealed.length <= HEAD_BYTES || sealed[0] !== SEALED) return null
    if (padded(sealed).replace(/=+$/, '') !== id.replace(/=+$/, '')) return null
    const iv = sealed.subarray(1, HEAD_BYTES)
    for (const keys of this.keys) {
      const plain = crypt(keys, iv, sealed.subarray(HEAD_BYTES))
      if (this.syntheticIv(keys, plain).equals(iv)) return decode(plain)
    }
    return null
  }

  private syntheticIv({ mac }: Keys, plain: Uint8Array): Buffer {
    return createHmac('sha256', mac).update(this.context).update(plain).digest().subarray(0, IV_BYTES)
  }
}

function derivedKey(secret: Uint8Array, use: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', `kafka-sse ids 1 ${use}`, 32)))
}

function context(path: string, selection: string): Uint8Array {
  const hash = createHash('sha256')
  for (const text of [path, selection]) {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(Buffer.byteLength(text))
    hash.update(length).update(text)
  }
  return hash.digest()
}

/** CTR encrypts and decrypts alike. */
function crypt({ encryption }: Keys, iv: Uint8Array, text: Uint8Array): Buffer {
  return createCipheriv('aes-256-ctr', encryption, iv).update(text)
}

/** Fixed widths, so that an offset of 7 takes as much room as one of 7,000,000. */
function encode(position: Position): Buffer {
  const partitions = [...position.keys()].sort((one, other) => one - other)
  const isDense = partitions.every((partition, at) => partition === at)
  const entryBytes = OFFSET_BYTES + (isDense ? 0 : PARTITION_BYTES)
  const plain = Buffer.alloc(1 + partitions.length * entryBytes)
  plain[0] = isDense ? DENSE : SPARSE
  let at = 1
  for (const partition of partitions) {
    if (!isDense) at = plain.writeUInt32BE(partition, at)
    const offset = (position.get(partition) ?? 0) - OFFSET_LEAST
    at = plain.writeUInt32BE(Math.floor(offset / 2 ** 24), at)
    at = plain.writeUIntBE(offset % 2 ** 24, at, 3)
  }
  return plain
}

/** `plain` is what `encode` made, as its authentication has shown. */
function decode(plain: Buffer): Position {
  const isDense = plain[0] === DENSE
  const position = new Map<number, number>()
  for (let at = 1; at < plain.length; at += OFFSET_BYTES) {
    const partition = isDense ? position.size : plain.readUInt32BE(at)
    if (!isDense) at += PARTITION_BYTES
    position.set(partition, plain.readUInt32BE(at) * 2 ** 24 + plain.readUIntBE(at + 4, 3) + OFFSET_LEAST)
  }
  return position
}

function padded(bytes: Buffer): string {
  const text = bytes.toString('base64url')
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}
