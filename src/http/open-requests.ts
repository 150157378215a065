// Requests that are open on the connections of one server, and an end for those that last too long: their answer does not
// begin, or the peer does not take it. Streams have limits of their own, and are left alone as long as they are open.

import { ServerResponse } from 'node:http'
import { constants } from 'node:http2'
import { isLasting } from '../stream/lasting-answers.ts'
import type { Answer, Connection, ConnectionFigures, ConnectionLimits } from './connection.ts'

/** A request is looked at once in so many looks, so that many of them never take one turn. */
const LOOK_PARTS = 10
/**
 * Answers that are not taken yet: one more, and the oldest goes at once. With its request it is some 10 KB,
 * 20 MB in all; where requests have 60 KB of headers each it is 240 MB.
 */
const UNTAKEN_MAX = 2000
const NEVER = Number.POSITIVE_INFINITY

interface Open {
  readonly connection: Connection
  readonly cameAtMs: number
  /** When it was first seen to be answered. */
  answeredAtMs: number
}

export class OpenRequests {
  private readonly limits: ConnectionLimits
  private readonly figures: ConnectionFigures
  private readonly now: () => number
  private readonly open = new Map<Answer, Open>()
  /** Where the looks are. */
  private round = this.open.entries()
  /** Those of them that are answered, in the order in which that was seen. */
  private readonly untaken = new Set<Answer>()

  constructor(limits: ConnectionLimits, figures: ConnectionFigures, now: () => number) {
    this.limits = limits
    this.figures = figures
    this.now = now
  }

  /** Whether there was room for one more; where there was none, an HTTP/1.1 connection is destroyed. */
  opened(answer: Answer, connection: Connection): boolean {
    if (answer.destroyed) return true
    this.open.set(answer, { connection, cameAtMs: this.now(), answeredAtMs: NEVER })
    const isWithin = connection.requestOpened(answer)
    answer.on('close', () => {
      this.forget(answer)
      connection.requestClosed(answer, !(answer instanceof ServerResponse) && answer.aborted)
    })
    // HTTP/2 has a word for it, and nghttp2 keeps to it.
    if (isWithin || !(answer instanceof ServerResponse)) return true
    this.figures.closed.pipelined++
    connection.destroy()
    return false
  }

  /** A connection is gone: of answers that waited behind others on HTTP/1.1 nobody is told. */
  gone(connection: Connection): void {
    for (const answer of connection.answers) this.forget(answer)
  }

  /** Looks at a part of them. */
  look(): void {
    for (let looked = Math.ceil(this.open.size / LOOK_PARTS); looked > 0; looked--) {
      const next = this.round.next()
      if (next.done === true) {
        this.round = this.open.entries()
        return
      }
      this.lookAt(...next.value)
    }
  }

  private lookAt(answer: Answer, request: Open): void {
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

  /** A peer without a token that does not even take an answer loses its connection; others lose this answer alone. */
  private cut(answer: Answer, reason: 'unanswered' | 'untaken'): void {
    const request = this.open.get(answer)
    this.forget(answer)
    this.figures.closed[reason]++
    if (reason === 'untaken' && request?.connection.isProven === false) request.connection.destroy()
    else if (answer instanceof ServerResponse) answer.destroy()
    else {
      answer.close(constants.NGHTTP2_CANCEL)
      // Its reset may never leave, where the peer takes no byte at all. What was not answered has nothing that waits for that.
      if (reason === 'untaken') answer.destroy()
    }
  }
}
