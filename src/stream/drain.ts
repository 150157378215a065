// Ends many streams one by one, in turns of the pump, so that nothing else waits for all of them. A graceful shutdown
// spreads the ends over a time, which protects other servers from many reconnects at once. A revocation does not.

import { isIssuedBefore } from '../token/revocation.ts'
import type { Held } from '../token/session-index.ts'
import type { Pump, Urgent } from './pump.ts'
import { Queue } from './queue.ts'
import type { SentEndReason } from './signals.ts'
import type { Stream } from './stream.ts'

/** Longest time between two ends, so that a few streams do not take the whole time. */
const APART_MS_MAX = 50
/** Time between two turns of a drain. */
const STEP_MS = 50

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

/** Resolves when all streams of the drain were ended. */
export async function drained(drain: Drain, pump: Pick<Pump, 'addUrgent'>): Promise<void> {
  while (!drain.isDone) {
    pump.addUrgent(drain)
    // Not timers/promises, which fake timers do not move.
    await new Promise((resolve) => setTimeout(resolve, STEP_MS))
  }
}

/** Streams of one name, as far as they were looked at. */
interface Search {
  readonly held: Held<Stream>
  beforeMs: number
  rest: Iterator<Stream>
}

/**
 * Ends the streams of revoked sessions. It looks at them in turns, too, because a client may hold all of a server's. A
 * renewal that comes meanwhile is by a session that is not revoked. Each name is in it once, with the latest moment.
 */
export class RevokedStreams implements Urgent {
  private readonly queue = new Queue<Search>()
  private readonly searches = new Map<Held<Stream>, Search>()
  private current: Search | null = null

  /** `beforeMs`: those whose tokens were issued in this second or earlier. */
  add(held: Held<Stream>, beforeMs: number): void {
    const known = this.searches.get(held)
    if (known !== undefined) {
      known.beforeMs = Math.max(known.beforeMs, beforeMs)
      known.rest = eachOf(held)
      return
    }
    const search = { held, beforeMs, rest: eachOf(held) }
    this.searches.set(held, search)
    this.queue.push(search)
  }

  step(): boolean {
    this.current ??= this.queue.take() ?? null
    if (this.current === null) return false
    const { done, value } = this.current.rest.next()
    if (done) {
      this.searches.delete(this.current.held)
      this.current = null
    } else if (isIssuedBefore(value.session, this.current.beforeMs)) value.end('revoked')
    return true
  }
}

function eachOf(held: Held<Stream>): Iterator<Stream> {
  return (held instanceof Set ? held : [held]).values()
}
