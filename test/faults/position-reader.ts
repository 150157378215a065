// Decodes event ids by docs/protocol.md, "Event ids", without our code, to compare an id with what a client has.

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const SIX_BITS = new Uint8Array(256).fill(0xff)
for (const [bits, character] of [...ALPHABET].entries()) SIX_BITS[character.charCodeAt(0)] = bits
const PADDING = '='.charCodeAt(0)
const VERSION = 1

/** The next offset of each partition. One that an id lacks, or has at -2, is at its beginning. */
export class PositionReader {
  readonly offsets: number[]
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0
  #bits = 0
  #bitCount = 0

  constructor(partitions: number) {
    this.offsets = new Array<number>(partitions).fill(0)
  }

  /** Reads the id between these bounds; false where it is none, or names a partition that is not there. */
  read(bytes: Buffer, start: number, end: number): boolean {
    this.#begin(bytes, start, end)
    this.offsets.fill(0)
    if (this.#byte() !== VERSION) return false
    const count = this.#number()
    if (!(count >= 0)) return false
    for (let left = count; left > 0; left--) {
      const partition = this.#number()
      const offset = this.#number()
      if (!(partition < this.offsets.length) || !(offset >= -2)) return false
      this.offsets[partition] = Math.max(0, offset)
    }
    return this.#at === this.#end
  }

  #begin(bytes: Buffer, start: number, end: number): void {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
    while (bytes[this.#end - 1] === PADDING) this.#end--
    this.#bitCount = 0
  }

  /** Zigzag LEB128; NaN where the id ends within. */
  #number(): number {
    let value = 0
    let scale = 1
    let byte = this.#byte()
    for (; byte >= 0x80; byte = this.#byte()) {
      value += (byte & 0x7f) * scale
      scale *= 0x80
    }
    value += byte * scale
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  #byte(): number {
    while (this.#bitCount < 8) {
      const six = this.#at < this.#end ? (SIX_BITS[this.#bytes[this.#at++] ?? 0] ?? 0xff) : 0xff
      if (six === 0xff) return Number.NaN
      this.#bits = ((this.#bits << 6) | six) & 0xffff
      this.#bitCount += 6
    }
    this.#bitCount -= 8
    return (this.#bits >> this.#bitCount) & 0xff
  }
}
