// Reads the positions in the ids of private streams by docs/protocol.md, "Sealed ids", without our code, to compare an
// id with what a client has. It opens the id of any stream: whether a server does is what the test asks.

import { createDecipheriv, hkdfSync } from 'node:crypto'
import { PositionReader } from './position-reader.ts'

const SEALED = 0x10
const IV_BYTES = 16
const OFFSET_BYTES = 7
const DENSE = 0

export class PrivateIds {
  private readonly key: Buffer
  private readonly plain: PositionReader
  private readonly partitions: number

  constructor(secret: Uint8Array, partitions: number) {
    this.key = Buffer.from(hkdfSync('sha256', secret, '', 'kafka-sse ids 1 encryption', 32))
    this.plain = new PositionReader(partitions)
    this.partitions = partitions
  }

  /** The next offset of each partition; null if it is no id of this kind. One that an id lacks is at its beginning. */
  read(id: string, isSealed: boolean): readonly number[] | null {
    const bytes = Buffer.from(id, 'base64url')
    if ((bytes[0] === SEALED) !== isSealed) return null
    if (isSealed) return this.readSealed(bytes)
    const text = Buffer.from(id)
    return this.plain.read(text, 0, text.length) ? [...this.plain.offsets] : null
  }

  /** The first byte says that the partitions are 0, 1, 2 and so on: so it is in all ids of topics as they are here. */
  private readSealed(bytes: Buffer): number[] | null {
    const iv = Buffer.from(bytes.subarray(1, 1 + IV_BYTES))
    for (const at of [8, 12]) iv[at] = (iv[at] ?? 0) & 0x7f
    const decipher = createDecipheriv('aes-256-ctr', this.key, iv)
    const plain = decipher.update(bytes.subarray(1 + IV_BYTES))
    if (plain[0] !== DENSE || plain.length > 1 + OFFSET_BYTES * this.partitions) return null
    return Array.from({ length: this.partitions }, (_, partition) => {
      const at = 1 + OFFSET_BYTES * partition
      return at < plain.length
        ? Math.max(0, plain.readIntBE(at, 1) * 2 ** 48 + plain.readUIntBE(at + 1, 6))
        : 0
    })
  }
}
