// The text of a position of which one partition moves at a time: that rewrites a few characters, however many partitions there are.

import { positionBytesMax, VERSION, writeBase64url, writeVarint } from './position.ts'

/** Texts up to this length are copied in a loop, which is faster than a call. */
const LOOP_BYTES_MAX = 64
/** A number is at most ten bytes long. */
const scratch = new Uint8Array(10)

export class PositionText {
  /** Binary form, and the text made of it. */
  private bytes = new Uint8Array(0)
  private text = new Uint8Array(0)
  /** Where in `bytes` each partition's offset stands, and where it ends. */
  private readonly places = new Map<number, { readonly start: number; readonly end: number }>()

  /** Length of the text, in bytes. */
  get length(): number {
    return this.text.length
  }

  /** Makes all of it anew. Partitions in ascending order; `next` tells the next offset of each. */
  make(partitions: readonly number[], next: (partition: number) => number): void {
    const bytes = new Uint8Array(positionBytesMax(partitions.length))
    bytes[0] = VERSION
    let end = writeVarint(bytes, 1, partitions.length)
    this.places.clear()
    for (const partition of partitions) {
      const start = writeVarint(bytes, end, partition)
      end = writeVarint(bytes, start, next(partition))
      this.places.set(partition, { start, end })
    }
    this.bytes = bytes.slice(0, end)
    this.text = new Uint8Array(Math.ceil(end / 3) * 4)
    writeBase64url(this.bytes, 0, end, this.text, 0)
  }

  /** Rewrites a partition's offset; false, and all stays as it was, where it takes up more bytes than before, or fewer. */
  move(partition: number, offset: number): boolean {
    const place = this.places.get(partition)
    const length = writeVarint(scratch, 0, offset)
    if (place === undefined || length !== place.end - place.start) return false
    for (let i = 0; i < length; i++) this.bytes[place.start + i] = scratch[i] ?? 0
    const from = place.start - (place.start % 3)
    writeBase64url(this.bytes, from, place.end, this.text, (from / 3) * 4)
    return true
  }

  /** Writes the text at `at`; returns where it ends. */
  write(target: Uint8Array, at: number): number {
    const { text } = this
    if (text.length > LOOP_BYTES_MAX) target.set(text, at)
    else for (let i = 0; i < text.length; i++) target[at + i] = text[i] ?? 0
    return at + text.length
  }

  toString(): string {
    return Buffer.from(this.text.buffer).toString('latin1')
  }
}
