// The open requests of one server. Ends those that last too long: their answer does not begin, or the peer does not
// receive it. Streams have limits of their own, and are not touched while they are open.

import { ServerResponse } from 'node:http'
import { constants } from 'node:http2'
import { isLasting } from '../stream/lasting-answers.ts'
import type { Answer, Connection, ConnectionFigures, ConnectionLimits } from './connection.ts'

/** Each check covers one part of the requests, so that a large number of them never takes one long turn. */
const LOOK_PARTS = 10
/**
 * Answers that their peers have not received yet. Beyond this the oldest is ended at once. An answer with its request
 * takes some 10 KB, which is 20 MB for all; with 60 KB of headers in each request, 240 MB.
 */
const UNTAKEN_MAX = 2000
const NEVER = Number.POSITIVE_INFINITY

interface Open {
  readonly connection: Connection
  readonly cameAtMs: number
  /** When a check first found it answered. */
  answeredAtMs: number
}

export class OpenRequests {
  private readonly limits: ConnectionLimits
  private readonly figures: ConnectionFigures
  private readonly now: () => number
  private readonly open = new Map<Answer, Open>()
  /** Position of the checks. */
  private round = this.open.entries()
  /** Answered requests, in the order in which checks found them. */
  private readonly untaken = new Set<Answer>()

  constructor(limits: ConnectionLimits, figures: ConnectionFigures, now: () => number) {
    this.limits = limits
    this.figures = figures
    this.now = now
  }

  /** Whether the request is within its connection's limit. Beyond it an HTTP/1.1 connection is destroyed. */
  opened(answer: Answer, connection: Connection): boolean {
    if (answer.destroyed) return true
    this.open.set(answer, { connection, cameAtMs: this.now(), answeredAtMs: NEVER })
    const isWithin = connection.requestOpened(answer)
    answer.on('close', () => {
      this.forget(answer)
      connection.requestClosed(answer, !(answer instanceof ServerResponse) && answer.aborted)
    })
    // On HTTP/2, nghttp2 enforces the limit that SETTINGS announced.
    if (isWithin || !(answer instanceof ServerResponse)) return true
    this.figures.closed.pipelined++
    connection.destroy()
    return false
  }

  /** A connection has closed. On HTTP/1.1, answers that waited behind others get no `close` event. */
  gone(connection: Connection): void {
    for (const answer of connection.answers) this.forget(answer)
  }

  /** Checks the next part of the open requests. */
  check(): void {
    for (let left = Math.ceil(this.open.size / LOOK_PARTS); left > 0; left--) {
      const next = this.round.next()
      if (next.done === true) {
        this.round = this.open.entries()
        return
      }
      this.checkOne(...next.value)
    }
  }

  private checkOne(answer: Answer, request: Open): void {
    const nowMs = this.now()
    if (!answer.headersSent) {
      if (nowMs - request.cameAtMs >= this.limits.requestMs) this.cut(answer, 'unanswered')
    } else if (isLasting(answer) && !answer.writableEnded) this.forget(answer)
    else if (request.answeredAtMs === NEVER) this.answered(answer, request, nowMs)
    else if (nowMs - request.answeredAtMs >= this.limits.takenMs) this.cut(answer, 'untaken')
  }

  private answered(answer: Answer, request: Open, nowMs: number): void {
    request.answeredAtMs = nowMs
    this.untaken.add(answer)
    if (this.untaken.size <= UNTAKEN_MAX) return
    for (const oldest of this.untaken) {
      this.cut(oldest, 'untaken')
      return
    }
  }

  private forget(answer: Answer): void {
    this.open.delete(answer)
    this.untaken.delete(answer)
  }

  /**
   * A peer without a valid token that does not receive its answer loses the connection. Others lose only this answer.
   */
  private cut(answer: Answer, reason: 'unanswered' | 'untaken'): void {
    const request = this.open.get(answer)
    this.forget(answer)
    this.figures.closed[reason]++
    if (reason === 'untaken' && request?.connection.isProven === false) request.connection.destroy()
    else if (answer instanceof ServerResponse) answer.destroy()
    else {
      answer.close(constants.NGHTTP2_CANCEL)
      // If the peer receives nothing, the reset is never sent, and the answer would stay in memory.
      if (reason === 'untaken') answer.destroy()
    }
  }
}
