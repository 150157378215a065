// Ends many streams one by one, in turns of the pump, so that nothing else waits for all of them. A graceful shutdown
// spreads the ends over a time, which protects other servers from many reconnects at once. A revocation does not.

import type { Urgent } from './pump.ts'
import { Queue } from './queue.ts'
import type { SentEndReason } from './signals.ts'
import type { Stream } from './stream.ts'

/** Longest time between two ends, so that a few streams do not take the whole time. */
const APART_MS_MAX = 50

export class Drain implements Urgent {
  private readonly streams: readonly Stream[]
  private readonly startedAtMs: number
  private readonly apartMs: number
  private readonly reason: SentEndReason
  private ended = 0

  /** `spreadMs` 0: all as soon as possible. */
  constructor(
    streams: readonly Stream[],
    startedAtMs: number,
    spreadMs: number,
    reason: SentEndReason = 'shutdown',
  ) {
    this.streams = streams
    this.reason = reason
    this.startedAtMs = startedAtMs
    this.apartMs = Math.min(APART_MS_MAX, spreadMs / streams.length)
  }

  get isDone(): boolean {
    return this.ended === this.streams.length
  }

  step(nowMs: number): boolean {
    const isDue = nowMs - this.startedAtMs >= this.ended * this.apartMs
    if (this.isDone || !isDue) return false
    this.streams[this.ended++]?.end(this.reason)
    return true
  }
}

/** Streams whose sessions were revoked. Each is in it once, however many revocations name it. */
export class RevokedStreams implements Urgent {
  private readonly queue = new Queue<Stream>()
  private readonly queued = new Set<Stream>()

  add(streams: readonly Stream[]): void {
    for (const stream of streams) {
      if (this.queued.has(stream)) continue
      this.queued.add(stream)
      this.queue.push(stream)
    }
  }

  step(): boolean {
    const stream = this.queue.take()
    if (stream === undefined) return false
    this.queued.delete(stream)
    stream.end('revoked')
    return true
  }
}
