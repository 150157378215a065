// Splits a stream into its blocks, which end with a blank line: a hundred thousand a second, so it makes no string for
// each. Lines have to end with LF, as ours do.

const LF = 0x0a

/** Called with the bounds of a block, its blank line excluded. The bytes are the caller's until it returns. */
export type TakeBlock = (bytes: Buffer, start: number, end: number) => void

export class EventBlocks {
  #rest: Buffer = Buffer.alloc(0)

  feed(chunk: Buffer, take: TakeBlock): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let start = 0
    for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at)) {
      if (bytes[++at] !== LF) continue
      take(bytes, start, at - 1)
      start = ++at
    }
    this.#rest = bytes.subarray(start)
  }

  /** Bytes of a block that is not whole. */
  get cutBytes(): number {
    return this.#rest.length
  }
}
