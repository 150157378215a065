// Graceful shutdown: ends streams one by one, spread evenly over a time, in turns of the pump. Spreading protects other
// servers from many reconnects at once, so the ends of a few streams need not be far apart.

import type { Urgent } from './pump.ts'
import type { Stream } from './stream.ts'

/** Longest time between two ends, so that a few streams do not take the whole time. */
const APART_MS_MAX = 50

export class Drain implements Urgent {
  private readonly streams: readonly Stream[]
  private readonly startedAtMs: number
  private readonly apartMs: number
  private ended = 0

  /** `spreadMs` 0: all as soon as possible. */
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
