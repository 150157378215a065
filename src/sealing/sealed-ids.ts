// Event ids that tell their readers nothing: the position of a stream, encrypted. Promise: the same position of the
// same stream has the same id on every replica; the length tells only how many partitions there are; and an id of
// another path or selection, or one that was changed in any bit, is not opened.

import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import type { Position } from '../bus/position.ts'
import { positionBytes, positionOf } from './position-bytes.ts'
import { IV_BYTES, Siv } from './siv.ts'

/** First byte of a sealed id. Plain ones begin with 01. */
const SEALED = 0x10
const HEAD_BYTES = 1
const TEXT = /^[A-Za-z0-9_-]+={0,2}$/

/** The keys of all sealed ids. They cannot be read from it. */
export class SealedIds {
  private sivs: readonly Siv[]

  /** `secrets`: the first one seals, all of them open. Each has 32 bytes or more. */
  constructor(secrets: readonly Uint8Array[]) {
    this.sivs = sivsOf(secrets)
  }

  /** Takes other secrets. Streams that are open seal their next id with them. */
  replace(secrets: readonly Uint8Array[]): void {
    this.sivs = sivsOf(secrets)
  }

  /** The ids of one stream: of its path, and of what it selects, in a text that is the same on every replica. */
  of(path: string, selection: string): IdSeal {
    return new IdSeal(() => this.sivs, [Buffer.from(path), Buffer.from(selection)])
  }
}

type SivInContext = { readonly siv: Siv; readonly context: ReturnType<Siv['context']> }

/** Seals and opens the ids of one path and selection. */
export class IdSeal {
  private readonly current: () => readonly Siv[]
  private readonly around: readonly Uint8Array[]
  /** What `inContext` was made of: the list is another one once the secrets were replaced. */
  private madeOf: readonly Siv[] | null = null
  private inContext: readonly SivInContext[] = []

  constructor(current: () => readonly Siv[], around: readonly Uint8Array[]) {
    this.current = current
    this.around = around
  }

  /** Base64url with padding. */
  seal(position: Position): string {
    return padded(this.sealBytes(positionBytes(position)))
  }

  /** The binary form of an id, by that of its position. */
  sealBytes(position: Uint8Array): Buffer {
    const [first] = this.sivs()
    if (first === undefined) throw new RangeError('there is no secret to seal ids with')
    const sealed = first.siv.seal(first.context, position, HEAD_BYTES)
    sealed[0] = SEALED
    return sealed
  }

  /** The position; null for anything that `seal` has not made, in its one spelling. Padding may be missing. */
  open(id: string): Position | null {
    if (!TEXT.test(id)) return null
    const bytes = Buffer.from(id, 'base64url')
    if (bytes.length <= HEAD_BYTES + IV_BYTES || bytes[0] !== SEALED) return null
    const text = padded(bytes)
    if (id !== text && id !== text.replace(/=+$/, '')) return null
    for (const { siv, context } of this.sivs()) {
      const plain = siv.open(context, bytes.subarray(HEAD_BYTES))
      if (plain !== null) return positionOf(plain)
    }
    return null
  }

  private sivs(): readonly SivInContext[] {
    const sivs = this.current()
    if (sivs !== this.madeOf) {
      this.inContext = sivs.map((siv) => ({ siv, context: siv.context(this.around) }))
      this.madeOf = sivs
    }
    return this.inContext
  }
}

function sivsOf(secrets: readonly Uint8Array[]): readonly Siv[] {
  if (secrets.length === 0) throw new RangeError('there is no secret to seal ids with')
  return secrets.map((secret) => new Siv(derivedKey(secret, 'mac'), derivedKey(secret, 'encryption')))
}

function derivedKey(secret: Uint8Array, use: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', `kafka-sse ids 1 ${use}`, 32)))
}

function padded(bytes: Buffer): string {
  const text = bytes.toString('base64url')
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}
