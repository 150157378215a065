// Hands on the requests that arrive in one turn of the event loop, a few in each turn. Ten thousand connections may
// each bring a hundred at once, and answering all in one turn would delay deadlines. Promise: a single request never
// waits.

import { Queue } from '../stream/queue.ts'

/** Requests in one turn. Verifying a token takes some 0.2 ms, and the answer as much. */
const TURN_MAX = 16
/** Most bytes of waiting requests of either kind, with their headers. A request beyond this is refused. */
const WAITING_BYTES_MAX = 128 * 1024 * 1024
/** What a waiting request takes besides its headers. */
const REQUEST_BYTES = 5_000

/** A request that was not handed to any listener yet. */
export interface NewRequest {
  /** Whether the request's connection has carried a valid token. */
  readonly isProven: boolean
  /** Names and values, alternating. */
  readonly headers: readonly string[]
  /** Its client has left, or its connection is closed. */
  isGone(): boolean
  handOn(): void
  refuse(): void
}

export class RequestQueue {
  /** Connections that have carried a valid token go first: a renewal must not wait behind unknown clients. */
  private readonly proven = new WaitingRequests()
  private readonly others = new WaitingRequests()
  private handedOn = 0
  private isScheduled = false

  offer(request: NewRequest): void {
    if (this.handedOn < TURN_MAX && this.proven.length + this.others.length === 0) this.handOn(request)
    else this.wait(request)
    this.schedule()
  }

  private wait(request: NewRequest): void {
    const queue = request.isProven ? this.proven : this.others
    if (!queue.push(request)) request.refuse()
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

class WaitingRequests {
  private readonly queue = new Queue<NewRequest>()
  private bytes = 0

  get length(): number {
    return this.queue.length
  }

  /** Returns whether there was room. */
  push(request: NewRequest): boolean {
    const bytes = bytesOf(request)
    if (this.bytes + bytes > WAITING_BYTES_MAX) return false
    this.bytes += bytes
    this.queue.push(request)
    return true
  }

  take(): NewRequest | undefined {
    const request = this.queue.take()
    if (request !== undefined) this.bytes -= bytesOf(request)
    return request
  }
}

function bytesOf({ headers }: NewRequest): number {
  let bytes = REQUEST_BYTES
  for (const text of headers) bytes += text.length
  return bytes
}
