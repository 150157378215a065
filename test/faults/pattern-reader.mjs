// Checks every byte of a stream of pattern records: whole frames, each with its own id, offsets in order. What is cut
// off at the end must be the beginning of a frame, too. Throws at the first wrong byte.

import { recordFrame } from './pattern.mjs'

/** `data:TOPIC OFFSET `: enough to know every byte of the frame. */
const HEAD = /^data:(\w+) (\d+) /
const HEAD_BYTES_MAX = 40
/** What a stream says besides its records. */
const WORDS = new RegExp(
  `^(${[
    String.raw`retry:\d{4,5}`,
    ':ready',
    ':gap too-old',
    ':end (too-old|slow|busy|shutdown|expired)',
    String.raw`:(\nid:[\w=-]+)?`,
    String.raw`event:challenge\ndata:\{"method":"POST","headers":` +
      String.raw`\{"content-type":"application/x-challenge-response"\}\}`,
  ].join('|')})\n\n$`,
)
const WORD_BYTES_MAX = 128

export class PatternReader {
  /** Offset of the last record, and how the stream ended where it told. */
  offset = -1
  records = 0
  bytes = 0
  end = ''
  #topic
  #rest = Buffer.alloc(0)
  /** The frame that is coming in: large ones come in many chunks. */
  #coming = { offset: -1, frame: Buffer.alloc(0) }

  /** `offset`: the last record that a stream which resumes has had; -1 for one that begins anywhere. */
  constructor(topic, offset = -1) {
    this.#topic = topic
    this.offset = offset
  }

  feed(chunk) {
    this.bytes += chunk.length
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let used = this.#take(this.#rest)
    while (used > 0) {
      this.#rest = this.#rest.subarray(used)
      used = this.#take(this.#rest)
    }
  }

  /** The stream is over, however that came. */
  close() {
    if (this.#rest.length === 0) return
    const frame = this.#expected(this.#rest)
    const isBeginning =
      frame === null ? /^(d|r|e|:)/.test(this.#rest.toString('latin1')) : frame.indexOf(this.#rest) === 0
    if (!isBeginning || this.#rest.length > (frame?.length ?? WORD_BYTES_MAX)) this.#fail(this.#rest, frame)
  }

  /** Bytes of what stands whole at the front; 0 if nothing does. */
  #take(bytes) {
    if (bytes.length === 0) return 0
    if (bytes[0] !== 'd'.charCodeAt(0)) return this.#takeWord(bytes)
    const frame = this.#expected(bytes)
    if (frame === null || bytes.length < frame.length) return 0
    if (!frame.equals(bytes.subarray(0, frame.length))) this.#fail(bytes, frame)
    this.offset = this.#coming.offset
    this.records++
    return frame.length
  }

  #takeWord(bytes) {
    const end = bytes.subarray(0, WORD_BYTES_MAX).indexOf('\n\n')
    if (end === -1 && bytes.length < WORD_BYTES_MAX) return 0
    const word = bytes.toString('latin1', 0, end + 2)
    if (!WORDS.test(word)) this.#fail(bytes, null)
    if (word.startsWith(':gap')) this.offset = -1
    this.end = /^:end (.*)\n\n/.exec(word)?.[1] ?? this.end
    return end + 2
  }

  /** The frame that has to be here, by the topic and offset at its beginning; null until those have come. */
  #expected(bytes) {
    const head = HEAD.exec(bytes.toString('latin1', 0, HEAD_BYTES_MAX))
    if (head === null) {
      if (bytes.length >= HEAD_BYTES_MAX) this.#fail(bytes, null)
      return null
    }
    const offset = Number(head[2])
    if (offset !== this.#coming.offset) this.#coming = { offset, frame: recordFrame(this.#topic, offset) }
    // A compacted topic may skip what was superseded; nothing else ever skips, and nothing repeats.
    const follows = this.#topic === 'all' ? offset === this.offset + 1 : offset > this.offset
    if (head[1] !== this.#topic || !(follows || this.offset === -1)) this.#fail(bytes, this.#coming.frame)
    return this.#coming.frame
  }

  #fail(bytes, frame) {
    const at = Math.max(0, frame?.findIndex((byte, i) => byte !== bytes[i]) ?? 0)
    const found = JSON.stringify(bytes.toString('latin1', Math.max(0, at - 40), at + 80))
    throw new Error(`${this.#topic}: not theirs behind offset ${this.offset}, at byte ${at}: ${found}`)
  }
}
