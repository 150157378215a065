// Where a stream writes its bytes: an HTTP/2 stream or an HTTP/1.1 response. Promise: nothing refers to the bytes of a
// write after `taken` was called. If it is never called, `releaseUntaken` releases their memory once nothing refers to
// it.

import type { ServerResponse } from 'node:http'
import { constants, type ServerHttp2Stream } from 'node:http2'
import { markLasting } from './lasting-answers.ts'

/** The memory that a write refers to, such as a segment. It must not change before it is released. */
export interface Lent {
  /** In bytes. */
  readonly size: number
  release(): void
}

export interface Sink {
  /** Calls `taken` once, unless the response is over before. */
  write(bytes: Uint8Array, taken: () => void): void
  /** Ends the response cleanly after all writes: END_STREAM, or the last chunk. */
  end(bytes: Uint8Array): void
  /** Ends the response at once and drops pending writes: RST_STREAM(CANCEL), or the socket is destroyed. */
  cancel(): void
  /** Calls `closed` once when the response is over for any reason; synchronously if it is over already. */
  onClose(closed: () => void): void
  /** Call it when the response is over. Releases the untaken write's memory (null: none) once nothing refers to it. */
  releaseUntaken(lent: Lent | null): void
}

/** An HTTP/2 stream (RFC 9113) over TLS, which copies bytes before it sends them. */
export class Http2Sink implements Sink {
  private readonly stream: ServerHttp2Stream

  constructor(stream: ServerHttp2Stream) {
    this.stream = stream
    markLasting(stream)
    // After a reset without an error, Node would wait for a write that it never does, until the connection ends.
    stream.on('aborted', destroySoon)
  }

  write(bytes: Uint8Array, taken: () => void): void {
    this.stream.write(bytes, taken)
  }

  end(bytes: Uint8Array): void {
    this.stream.end(bytes)
  }

  cancel(): void {
    this.stream.close(constants.NGHTTP2_CANCEL)
    // Node closes a stream once its reset was sent, which never happens on a connection that takes no bytes.
    this.stream.destroy()
  }

  onClose(closed: () => void): void {
    if (this.stream.destroyed) closed()
    else this.stream.on('close', closed)
  }

  releaseUntaken(lent: Lent | null): void {
    lent?.release()
  }

  protected get isDestroyed(): boolean {
    return this.stream.destroyed
  }
}

/**
 * Not at once: close() emits `aborted` before it resets, and Node closes each stream of a connection that is gone. A
 * stream that is destroyed by then is never reset. Its data stays in nghttp2, and the process spins there as soon as
 * another stream of the connection is reset, or the peer opens the window.
 */
function destroySoon(this: ServerHttp2Stream): void {
  process.nextTick(() => this.destroy())
}

/** A chunked HTTP/1.1 response (RFC 9112). After a clean end its connection serves further requests. */
export class Http1Sink implements Sink {
  private readonly response: ServerResponse

  constructor(response: ServerResponse) {
    this.response = response
    markLasting(response)
  }

  write(bytes: Uint8Array, taken: () => void): void {
    this.response.write(bytes, taken)
  }

  end(bytes: Uint8Array): void {
    this.response.end(bytes)
  }

  cancel(): void {
    this.response.destroy()
  }

  onClose(closed: () => void): void {
    if (this.response.destroyed) closed()
    else this.response.on('close', closed)
  }

  /** A response with an untaken write closes only with its socket, which then refers to nothing. */
  releaseUntaken(lent: Lent | null): void {
    lent?.release()
  }
}
