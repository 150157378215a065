// How the event ids of a stream are spelt for its client: as its bus has them, or sealed. Everything that a stream
// writes and every id that its client sends pass through here, so the rest of the server knows plain ids alone.

import { formatEventId, parseEventId } from '../bus/event-id.ts'
import { EMPTY_POSITION } from '../bus/position.ts'
import type { IdSeal } from './sealed-ids.ts'

export interface IdSpelling {
  /** Most bytes of events to be spelt at once, so that the pump's turns stay short. */
  readonly bytesMax: number
  /** Whole blocks of an event stream, with the ids as the client gets them. A copy if any of them changes. */
  spell(blocks: Buffer): Buffer
  /** The plain form of an id that a client sends. Never throws: an id that is none stays none. */
  read(id: string): string
}

/** Ids as the bus has them. */
export const PLAIN_IDS: IdSpelling = {
  bytesMax: Number.POSITIVE_INFINITY,
  spell: (blocks) => blocks,
  read: (id) => id,
}

/** To seal the ids of 16 KiB of small records takes 0.5 ms. */
const SEALED_BYTES_MAX = 16 * 1024
/** Begins a line with an id. No other line begins so: each line of a record's value begins with `data:`. */
const ID_LINE = Buffer.from('\nid:')
const LINE_FEED = 10
/** No text of a position. */
const UNDECODABLE = ''

/** Ids that tell nothing but that they differ. */
export class SealedSpelling implements IdSpelling {
  readonly bytesMax = SEALED_BYTES_MAX
  private readonly seal: IdSeal

  constructor(seal: IdSeal) {
    this.seal = seal
  }

  spell(blocks: Buffer): Buffer {
    const pieces: Buffer[] = []
    let from = 0
    for (let line = blocks.indexOf(ID_LINE); line !== -1; line = blocks.indexOf(ID_LINE, from)) {
      const start = line + ID_LINE.length
      const end = blocks.indexOf(LINE_FEED, start)
      pieces.push(blocks.subarray(from, start), this.sealed(blocks.toString('latin1', start, end)))
      from = end
    }
    return from === 0 ? blocks : Buffer.concat([...pieces, blocks.subarray(from)])
  }

  read(id: string): string {
    const position = this.seal.open(id)
    return position === null ? UNDECODABLE : formatEventId(position)
  }

  private sealed(id: string): Buffer {
    return Buffer.from(this.seal.seal(parseEventId(id) ?? EMPTY_POSITION), 'latin1')
  }
}
