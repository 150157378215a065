// The end of many streams, one after another, spread evenly over a time: a piece of it whenever the pump has a turn. A few streams
// are not held up for it.

import type { Urgent } from './pump.ts'
import type { Stream } from './stream.ts'

/** Longest time between two ends: what is spread over seconds are many reconnects, and a few are none. */
const APART_MS_MAX = 50

export class Drain implements Urgent {
  private readonly streams: readonly Stream[]
  private readonly startedAtMs: number
  private readonly apartMs: number
  private ended = 0

  /** `spreadMs` 0: all as soon as they can be. */
  constructor(streams: readonly Stream[], startedAtMs: number, spreadMs: number) {
    this.streams = streams
    this.startedAtMs = startedAtMs
    this.apartMs = Math.min(APART_MS_MAX, spreadMs / streams.length)
  }

  get isDone(): boolean {
    return this.ended === this.streams.length
  }

  step(nowMs: number): boolean {
    const isDue = nowMs - this.startedAtMs >= this.ended * this.apartMs
    if (this.isDone || !isDue) return false
    this.streams[this.ended++]?.end('shutdown')
    return true
  }
}
