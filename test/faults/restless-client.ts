// A client that opens and leaves all the time: streams of one connection, reset as they are answered, or connections.

import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { setTimeout as pause } from 'node:timers/promises'
import type { ServerProcess, Token } from '../support/server-process.ts'

const OPENINGS_PER_TURN = 10
const TURN_MS = 10
/** Fewer than the limits have places, however late the server is. */
const UNANSWERED_MAX = 100
const CONNECTIONS_AT_ONCE = 20

export class RestlessClient {
  /** How often it was answered with each status. */
  readonly answers: Record<number, number> = {}
  /** Streams that it had opened on each connection by the time the server said GOAWAY there. */
  readonly openingsUntilGoaway: number[] = []
  readonly #server: ServerProcess
  readonly #headers: Record<string, string>
  #unanswered = 0
  #isStopping = false
  #done: Promise<unknown> = Promise.resolve()

  constructor(server: ServerProcess, { text }: Token) {
    this.#server = server
    this.#headers = { ':path': '/events?from=latest', authorization: `Bearer ${text}` }
  }

  /** A thousand streams a second, on one connection as long as that lasts. */
  openStreams(): void {
    this.#begin(this.#repeat(() => this.#useUp(this.#connect())))
  }

  /** Connections as fast as they come, some at a time; every other leaves before it is answered. */
  openConnections(): void {
    const one = (_: unknown, at: number) => this.#repeat(() => this.#visit(this.#connect(), at % 2 === 0))
    this.#begin(Promise.all(Array.from({ length: CONNECTIONS_AT_ONCE }, one)))
  }

  async stop(): Promise<void> {
    this.close()
    await this.#done
  }

  close(): void {
    this.#isStopping = true
  }

  #begin(done: Promise<unknown>): void {
    this.#done = done
    done.catch(() => {}) // the caller that stops it gets the error
  }

  async #repeat(action: () => Promise<void>): Promise<void> {
    while (!this.#isStopping) await action()
  }

  async #useUp(session: ClientHttp2Session): Promise<void> {
    let openings = 0
    this.#unanswered = 0
    session.once('goaway', () => this.openingsUntilGoaway.push(openings))
    await once(session, 'connect')
    while (!this.#isStopping && !session.closed && !session.destroyed) {
      for (let n = 0; n < OPENINGS_PER_TURN && this.#unanswered < UNANSWERED_MAX; n++, openings++)
        this.#open(session)
      await pause(TURN_MS)
    }
    session.destroy()
  }

  async #visit(session: ClientHttp2Session, staysForAnswer: boolean): Promise<void> {
    await once(session, 'connect')
    const stream = this.#open(session)
    if (staysForAnswer) await once(stream, 'response')
    const over = new Promise((resolve) => stream.once('close', resolve))
    session.destroy()
    await over // not the session's end: some that are destroyed never tell theirs
  }

  #connect(): ClientHttp2Session {
    const session = connect(this.#server.url, { ca: this.#server.ca })
    return session.on('error', () => session.destroy())
  }

  #open(session: ClientHttp2Session): ClientHttp2Stream {
    this.#unanswered++
    const stream = session.request(this.#headers)
    stream.on('error', () => stream.destroy())
    return stream.once('response', ({ ':status': status = 0 }) => {
      this.#unanswered--
      this.answers[status] = (this.answers[status] ?? 0) + 1
      stream.close(constants.NGHTTP2_CANCEL)
    })
  }
}
