// A stream on a connection of its own, read at a given number of bytes a second. Only HTTP/2's window arrives unread;
// the rest waits at the server.

import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import type { ServerProcess, Token } from '../support/server-process.ts'
import { StreamReader } from '../support/stream-reader.ts'

/** RFC 9113, 6.9.2: what a stream may be sent that has not been read, where its client says nothing of it. */
export const WINDOW_BYTES = 65_535
const READ_EVERY_MS = 250

export class SlowReader {
  /** What has been read. */
  readonly reader = new StreamReader()
  bytesRead = 0
  readonly openedAtMs = Date.now()
  readonly #session: ClientHttp2Session
  readonly #stream: ClientHttp2Stream
  readonly #reading: NodeJS.Timeout

  private constructor(session: ClientHttp2Session, stream: ClientHttp2Stream, bytesPerSecond: number) {
    this.#session = session
    this.#stream = stream
    const bytes = (bytesPerSecond * READ_EVERY_MS) / 1000
    this.#reading = setInterval(() => this.#read(bytes), READ_EVERY_MS)
  }

  /** Resolves when it is answered with a stream. */
  static async open(
    server: ServerProcess,
    { text }: Token,
    bytesPerSecond: number,
    path = '/events',
  ): Promise<SlowReader> {
    const session = connect(server.url, { ca: server.ca })
    session.on('error', () => session.destroy())
    const stream = session.request({ ':path': path, authorization: `Bearer ${text}` })
    stream.on('error', () => stream.destroy())
    const reader = new SlowReader(session, stream, bytesPerSecond)
    const [{ ':status': status }] = await once(stream, 'response')
    if (status !== 200) throw new Error(`a slow reader was answered ${status}`)
    return reader
  }

  /** Whether the server has ended it, even if something is still unread. */
  get isOver(): boolean {
    return this.#stream.closed
  }

  /** HTTP/2's error code by which it ended. */
  get endCode(): number {
    return this.#stream.rstCode ?? 0
  }

  /** Reads everything from now on. */
  hurry(): void {
    clearInterval(this.#reading)
    this.#stream.on('data', (bytes) => this.#take(bytes))
  }

  close(): void {
    clearInterval(this.#reading)
    this.#session.destroy()
  }

  #read(bytes: number): void {
    if (this.isOver) return
    const read = this.#stream.read(Math.min(bytes, this.#stream.readableLength)) // read(0) has more fetched
    if (read !== null) this.#take(read)
  }

  #take(bytes: Buffer): void {
    this.bytesRead += bytes.length
    this.reader.feed(bytes)
  }
}
