// The end of many streams, one after another, spread evenly over a time: a piece of it whenever the pump has a turn.

import type { Urgent } from './pump.ts'
import type { Stream } from './stream.ts'

export class Drain implements Urgent {
  private readonly streams: readonly Stream[]
  private readonly startedAtMs: number
  private readonly spreadMs: number
  private ended = 0

  /** `spreadMs` 0: all as soon as they can be. */
  constructor(streams: readonly Stream[], startedAtMs: number, spreadMs: number) {
    this.streams = streams
    this.startedAtMs = startedAtMs
    this.spreadMs = spreadMs
  }

  get isDone(): boolean {
    return this.ended === this.streams.length
  }

  step(nowMs: number): boolean {
    const isDue = nowMs - this.startedAtMs >= (this.ended * this.spreadMs) / this.streams.length
    if (this.isDone || !isDue) return false
    this.streams[this.ended++]?.end('shutdown')
    return true
  }
}
