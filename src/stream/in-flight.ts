// What is on its way to one peer, and how much of it may be: one write of records, and the stream's own few words.
// Time comes in; nothing is written here.

import type { SegmentView } from '../segments/segment-view.ts'

const BYTES_MIN = 16 * 1024
/** Eight times as much costs a fifth more CPU for each byte, since what is encrypted has left the core's cache: docs/performance.md. */
const BYTES_MAX = 128 * 1024
/** A write taken within this time lets the next one be larger; one that takes four times as long halves it. */
const QUICK_MS = 50
const SLOW_MS = 200
/** 16 KiB a second: a peer that takes a large write more slowly than this has stalled. */
const TAKEN_BYTES_PER_MS_MIN = 16
const NEVER = Number.POSITIVE_INFINITY

export class InFlight {
  /** Bytes that the next write of records may have: what the peer has shown to take quickly. */
  bytesMax = BYTES_MIN
  /** The write of records under way, 0 bytes when there is none, and the segment that it refers to. */
  private bytes = 0
  private sinceMs = NEVER
  private segment: SegmentView | null = null
  /** Words that the peer has not taken yet, and since when there are any: behind a write, from when that is taken. */
  private words = 0
  private wordsSinceMs = NEVER

  get isWriting(): boolean {
    return this.bytes > 0
  }

  /** Whether the peer has taken everything. */
  get isEmpty(): boolean {
    return this.bytes === 0 && this.words === 0
  }

  /** A write of records begins; its segment, in which it is counted, is let go when it is taken. */
  begin(bytes: number, segment: SegmentView | null, nowMs: number): void {
    this.bytes = bytes
    this.sinceMs = nowMs
    this.segment = segment
  }

  /** The write is taken, and tells how much the next one may be. */
  taken(nowMs: number): void {
    const tookMs = nowMs - this.sinceMs
    if (tookMs <= QUICK_MS && this.bytes * 2 > this.bytesMax)
      this.bytesMax = Math.min(BYTES_MAX, this.bytesMax * 2)
    else if (tookMs >= SLOW_MS) this.bytesMax = Math.max(BYTES_MIN, this.bytesMax / 2)
    this.abandon()?.release()
    if (this.words > 0 && this.wordsSinceMs === NEVER) this.wordsSinceMs = nowMs
  }

  /** Nothing is under way any more. Hands over the segment that the write refers to, which is still counted in. */
  abandon(): SegmentView | null {
    const { segment } = this
    this.bytes = 0
    this.sinceMs = NEVER
    this.segment = null
    return segment
  }

  addWord(nowMs: number): void {
    if (this.words++ === 0 && !this.isWriting) this.wordsSinceMs = nowMs
  }

  wordTaken(): void {
    if (--this.words === 0) this.wordsSinceMs = NEVER
  }

  /** When a peer that takes nothing until then has stalled; `stalledMs` besides the time that a write's bytes are given. */
  stalledAtMs(stalledMs: number): number {
    return Math.min(this.sinceMs + this.bytes / TAKEN_BYTES_PER_MS_MIN, this.wordsSinceMs) + stalledMs
  }
}
