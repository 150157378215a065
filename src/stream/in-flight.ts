// Backpressure of one stream: which bytes its peer has not taken yet, and how large the next write may be. One write of
// records is under way at a time, besides the stream's own signals. Pure state: no clock and no socket.

import type { SegmentView } from '../segments/segment-view.ts'
import { SLOW_AFTER_MS, type Untaken } from './watching/slow-streams.ts'

const BYTES_MIN = 16 * 1024
/**
 * Writes of eight times this size cost a fifth more CPU per byte: TLS reads what has left the core's cache
 * (docs/performance.md).
 */
const BYTES_MAX = 128 * 1024
/** A write taken within this time lets the next one be larger; one that takes four times as long halves it. */
const QUICK_MS = 50
const SLOW_MS = 200
/** 16 KiB a second. A peer that takes a large write more slowly has stalled. */
const TAKEN_BYTES_PER_MS_MIN = 16
const NEVER = Number.POSITIVE_INFINITY

/** Is told once that the peer is slow, and once that it is not any more. */
export interface SlowListener {
  slow(untaken: Untaken): void
  quick(untaken: Untaken): void
}

export class InFlight implements Untaken {
  /** Size limit of the next write of records. It grows while the peer takes writes quickly. */
  bytesMax = BYTES_MIN
  /** Size of the write of records under way, 0 if there is none; when it began; the segment that it refers to. */
  private bytes = 0
  private sinceMs = NEVER
  private segment: SegmentView | null = null
  /** Signals that the peer has not taken yet. `signalsSinceMs`: since when, not counting the time behind a write. */
  private signals = 0
  private signalsSinceMs = NEVER
  private isSlow = false
  private readonly listener: SlowListener | null

  constructor(listener: SlowListener | null = null) {
    this.listener = listener
  }

  /** Since when the peer has taken nothing, although there is something to take. */
  get untakenSinceMs(): number {
    return Math.min(this.sinceMs, this.signalsSinceMs)
  }

  get untakenBytes(): number {
    return this.bytes
  }

  /** Called about once a second while something is untaken. */
  look(nowMs: number): void {
    if (this.isSlow || nowMs - this.untakenSinceMs < SLOW_AFTER_MS) return
    this.isSlow = true
    this.listener?.slow(this)
  }

  private quicken(): void {
    if (!this.isSlow) return
    this.isSlow = false
    this.listener?.quick(this)
  }

  get isWriting(): boolean {
    return this.bytes > 0
  }

  /** Whether the peer has taken everything. */
  get isEmpty(): boolean {
    return this.bytes === 0 && this.signals === 0
  }

  /** A write of records begins. It holds its segment, which is released when the write is taken. */
  begin(bytes: number, segment: SegmentView | null, nowMs: number): void {
    this.bytes = bytes
    this.sinceMs = nowMs
    this.segment = segment
  }

  /** The peer has taken the write. The time that it took decides the size of the next one. */
  taken(nowMs: number): void {
    const tookMs = nowMs - this.sinceMs
    if (tookMs <= QUICK_MS && this.bytes * 2 > this.bytesMax)
      this.bytesMax = Math.min(BYTES_MAX, this.bytesMax * 2)
    else if (tookMs >= SLOW_MS) this.bytesMax = Math.max(BYTES_MIN, this.bytesMax / 2)
    this.abandon()?.release()
    if (this.signals > 0 && this.signalsSinceMs === NEVER) this.signalsSinceMs = nowMs
  }

  /** Forgets the write under way. Returns its segment, which the caller has to release. */
  abandon(): SegmentView | null {
    const { segment } = this
    this.quicken()
    this.bytes = 0
    this.sinceMs = NEVER
    this.segment = null
    return segment
  }

  addSignal(nowMs: number): void {
    if (this.signals++ === 0 && !this.isWriting) this.signalsSinceMs = nowMs
  }

  signalTaken(): void {
    if (--this.signals > 0) return
    this.signalsSinceMs = NEVER
    if (!this.isWriting) this.quicken()
  }

  /**
   * When the peer counts as stalled if it has taken nothing by then. Allows the time for a write's bytes, and
   * `stalledMs`.
   */
  stalledAtMs(stalledMs: number): number {
    return Math.min(this.sinceMs + this.bytes / TAKEN_BYTES_PER_MS_MIN, this.signalsSinceMs) + stalledMs
  }
}
