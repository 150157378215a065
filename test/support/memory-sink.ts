// A sink whose peer takes bytes only when the test says so.

import type { Lent, Sink } from '../../src/stream/sink.ts'

export class MemorySink implements Sink {
  /** How it ended, null while open. */
  ended: 'clean' | 'cancelled' | null = null
  /** Everything that was written, taken or not. */
  text = ''
  readonly pending: { bytes: number; taken: () => void }[] = []
  /** Takes writes as they come. */
  isQuick: boolean
  private readonly onClosed: (() => void)[] = []
  private isEnding = false
  private isClosed = false

  constructor(isQuick = true) {
    this.isQuick = isQuick
  }

  /** Data of all events, in order. */
  get data(): (string | undefined)[] {
    return [...this.text.matchAll(/^data:(.*)$/gm)].map(([, data]) => data)
  }

  write(bytes: Uint8Array, taken: () => void): void {
    this.text += Buffer.from(bytes).toString()
    this.pending.push({ bytes: bytes.length, taken })
    if (this.isQuick) queueMicrotask(() => this.take())
  }

  end(bytes: Uint8Array): void {
    this.text += Buffer.from(bytes).toString()
    this.isEnding = true
    if (this.pending.length === 0) this.close('clean')
  }

  cancel(): void {
    this.close('cancelled')
  }

  onClose(closed: () => void): void {
    if (this.isClosed) closed()
    else this.onClosed.push(closed)
  }

  releaseUntaken(lent: Lent | null): void {
    lent?.release()
  }

  /** The peer takes everything that is pending. */
  take(): void {
    for (const { taken } of this.pending.splice(0)) taken()
    if (this.isEnding) this.close('clean')
  }

  close(how: 'clean' | 'cancelled'): void {
    if (this.isClosed) return
    this.isClosed = true
    this.ended = how
    for (const { taken } of this.pending.splice(0)) taken()
    for (const closed of this.onClosed) closed()
  }
}
