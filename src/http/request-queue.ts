// Requests that came in one turn of the event loop, handed on a few in each: all that their answers take would else stand in the way of
// deadlines, and each of ten thousand connections may bring a hundred at once. Promise: one that comes alone waits for nothing.

import { Queue } from '../stream/queue.ts'

/** Handed on in one turn: verifying a token takes some 0.2 ms, an answer as much. */
const TURN_MAX = 16
/** Requests of either kind that wait; one more is refused. A waiting one holds some 5 KB, and its headers. */
const WAITING_MAX = 2_000

/** A request that has not been heard of yet. */
export interface NewRequest {
  /** Whether a token was good on its connection. */
  readonly isProven: boolean
  /** Its client has left, or its connection is gone. */
  isGone(): boolean
  handOn(): void
  refuse(): void
}

export class RequestQueue {
  /** Connections on which a token was good go first: a renewal must not wait behind strangers. */
  private readonly proven = new Queue<NewRequest>()
  private readonly others = new Queue<NewRequest>()
  private handedOn = 0
  private isScheduled = false

  offer(request: NewRequest): void {
    if (this.handedOn < TURN_MAX && this.proven.length + this.others.length === 0) this.handOn(request)
    else this.wait(request)
    this.schedule()
  }

  private wait(request: NewRequest): void {
    const queue = request.isProven ? this.proven : this.others
    if (queue.length < WAITING_MAX) queue.push(request)
    else request.refuse()
  }

  private handOn(request: NewRequest): void {
    if (request.isGone()) return
    this.handedOn++
    request.handOn()
  }

  private schedule(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    setImmediate(this.turn)
  }

  private readonly turn = (): void => {
    this.isScheduled = false
    this.handedOn = 0
    while (this.handedOn < TURN_MAX) {
      const next = this.proven.take() ?? this.others.take()
      if (next === undefined) return
      this.handOn(next)
    }
    this.schedule()
  }
}
