// Deterministic authenticated encryption: AES-SIV (RFC 5297), made of AES-CMAC (RFC 4493) and AES in counter mode.
// Promise: the same text in the same context has the same sealed form, and a sealed form that was changed in any bit
// is not opened. Making a cipher object costs 1.3 µs and using one 0.65 µs, so these live as long as their key.

import { type Cipher, createCipheriv, type KeyObject, timingSafeEqual } from 'node:crypto'

const BLOCK_BYTES = 16
/** Follows a text that does not fill its last block; then come zeros. */
const PADDING = 0x80
export const IV_BYTES = BLOCK_BYTES
/** What doubling subtracts when the highest bit overflows, in GF(2^128). */
const REDUCTION = 0x87

/** What is authenticated besides the text, digested by one key: for long texts, and for short ones. */
interface SivContext {
  readonly digest: Uint8Array
  readonly doubled: Uint8Array
}

export class Siv {
  private readonly mac: Cmac
  private readonly blocks: Cipher

  /** Two independent keys of 16 or 32 bytes. */
  constructor(macKey: KeyObject, encryptionKey: KeyObject) {
    this.mac = new Cmac(macKey)
    this.blocks = createCipheriv(`aes-${bits(encryptionKey)}-ecb`, encryptionKey, null)
  }

  /** Digests texts that are the same for many calls of `seal` (RFC 5297 section 2.4). */
  context(associated: readonly Uint8Array[]): SivContext {
    let digest: Uint8Array = this.mac.of(new Uint8Array(BLOCK_BYTES))
    for (const text of associated) digest = xored(doubled(digest), this.mac.of(text))
    return { digest, doubled: doubled(digest) }
  }

  /**
   * The synthetic IV, then the encrypted text, which is as long as the plain one. `headBytes` are left for the caller
   * before both.
   */
  seal(context: SivContext, plain: Uint8Array, headBytes = 0): Buffer {
    const sealed = Buffer.allocUnsafe(headBytes + IV_BYTES + plain.length)
    const iv = this.syntheticIv(context, plain)
    sealed.set(iv, headBytes)
    this.crypt(iv, plain, sealed, headBytes + IV_BYTES)
    return sealed
  }

  /** The plain text; null for anything that `seal` has not made in this context. */
  open(context: SivContext, sealed: Uint8Array): Buffer | null {
    if (sealed.length < IV_BYTES) return null
    const iv = sealed.subarray(0, IV_BYTES)
    const plain = Buffer.allocUnsafe(sealed.length - IV_BYTES)
    this.crypt(iv, sealed.subarray(IV_BYTES), plain, 0)
    return timingSafeEqual(this.syntheticIv(context, plain), iv) ? plain : null
  }

  private syntheticIv({ digest, doubled }: SivContext, plain: Uint8Array): Buffer {
    if (plain.length >= BLOCK_BYTES) return this.mac.of(plain, digest)
    const padded = new Uint8Array(BLOCK_BYTES)
    padded.set(plain)
    padded[plain.length] = PADDING
    return this.mac.of(padded, doubled)
  }

  /** Encrypts and decrypts alike. The IV's two cleared bits keep the counter's low 32 bits from overflowing. */
  private crypt(iv: Uint8Array, from: Uint8Array, to: Uint8Array, toAt: number): void {
    const counters = Buffer.allocUnsafe(blocksOf(from.length) * BLOCK_BYTES)
    for (let at = 0; at < counters.length; at += BLOCK_BYTES) {
      counters.set(iv, at)
      counters[at + 8] = (counters[at + 8] ?? 0) & 0x7f
      counters[at + 12] = (counters[at + 12] ?? 0) & 0x7f
      if (at > 0) counters.writeUInt32BE(counters.readUInt32BE(at + 12) + at / BLOCK_BYTES, at + 12)
    }
    const stream = this.blocks.update(counters)
    for (let at = 0; at < from.length; at++) to[toAt + at] = (from[at] ?? 0) ^ (stream[at] ?? 0)
  }
}

/** AES-CMAC (RFC 4493). */
export class Cmac {
  /** In CBC mode. It mixes the block that it encrypted last into the next one, so `encrypt` takes that out again. */
  private readonly chain: Cipher
  private readonly last = new Uint8Array(BLOCK_BYTES)
  /** Mixed into the last block of a text of whole blocks, and of any other text. */
  private readonly wholeKey: Uint8Array
  private readonly paddedKey: Uint8Array

  constructor(key: KeyObject) {
    this.chain = createCipheriv(`aes-${bits(key)}-cbc`, key, this.last)
    this.wholeKey = doubled(this.encrypt(new Uint8Array(BLOCK_BYTES)))
    this.paddedKey = doubled(this.wholeKey)
  }

  /** The 16 bytes that authenticate a text. `end` is mixed into its last 16 bytes first; null for a shorter text. */
  of(text: Uint8Array, end: Uint8Array | null = null): Buffer {
    const blocks = new Uint8Array(blocksOf(text.length) * BLOCK_BYTES)
    blocks.set(text)
    if (end !== null) xorInto(blocks, text.length - BLOCK_BYTES, end)
    const isWhole = blocks.length === text.length
    if (!isWhole) blocks[text.length] = PADDING
    xorInto(blocks, blocks.length - BLOCK_BYTES, isWhole ? this.wholeKey : this.paddedKey)
    return this.encrypt(blocks)
  }

  /** The last block of a text in CBC mode with an IV of zeros. */
  private encrypt(blocks: Uint8Array): Buffer {
    xorInto(blocks, 0, this.last)
    const encrypted = this.chain.update(blocks)
    const last = encrypted.subarray(encrypted.length - BLOCK_BYTES)
    this.last.set(last)
    return last
  }
}

function bits(key: KeyObject): number {
  return (key.symmetricKeySize ?? 0) * 8
}

/** One block at least, as CMAC pads an empty text. */
function blocksOf(bytes: number): number {
  return Math.max(Math.ceil(bytes / BLOCK_BYTES), 1)
}

/** A block times x in GF(2^128). */
function doubled(block: Uint8Array): Uint8Array {
  const product = new Uint8Array(BLOCK_BYTES)
  let carry = 0
  for (let at = BLOCK_BYTES - 1; at >= 0; at--) {
    const byte = block[at] ?? 0
    product[at] = ((byte << 1) & 0xff) | carry
    carry = byte >> 7
  }
  product[BLOCK_BYTES - 1] = (product[BLOCK_BYTES - 1] ?? 0) ^ (carry * REDUCTION)
  return product
}

function xored(block: Uint8Array, other: Uint8Array): Uint8Array {
  xorInto(block, 0, other)
  return block
}

function xorInto(text: Uint8Array, at: number, block: Uint8Array): void {
  for (let i = 0; i < BLOCK_BYTES; i++) text[at + i] = (text[at + i] ?? 0) ^ (block[i] ?? 0)
}
