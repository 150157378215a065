// Where a stream's bytes go: an HTTP/2 stream or an HTTP/1.1 response, alike for the core. Promise: the bytes of a write are not
// referred to any more when `taken` has come, or, where it never does, when `releaseUntaken` releases what they stand in.

import type { ServerResponse } from 'node:http'
import { constants, type ServerHttp2Stream } from 'node:http2'
import { markLasting } from './lasting-answers.ts'

/** What a write's bytes stand in: nobody may change them before it is released. */
export interface Lent {
  /** In bytes. */
  readonly size: number
  release(): void
}

export interface Sink {
  /** `taken` comes once, unless the response is over before. */
  write(bytes: Uint8Array, taken: () => void): void
  /** A clean end behind everything written: END_STREAM, or the last chunk. */
  end(bytes: Uint8Array): void
  /** An end at once, whatever is still on its way: RST_STREAM(CANCEL), or the socket destroyed. */
  cancel(): void
  /** Calls once when the response is over, however that came: in this very call where it is over by now. */
  onClose(closed: () => void): void
  /** The response is over: releases what the write stands in that was not taken, once nothing refers to it. null: there is none. */
  releaseUntaken(lent: Lent | null): void
}

/** RFC 9113: a stream of its own on a connection it shares. Over TLS, where what is written is copied first. */
export class Http2Sink implements Sink {
  private readonly stream: ServerHttp2Stream

  constructor(stream: ServerHttp2Stream) {
    this.stream = stream
    markLasting(stream)
    // Reset by its peer without an error, Node waits for a write that it does not do any more: for as long as the connection is.
    stream.on('aborted', destroy)
  }

  write(bytes: Uint8Array, taken: () => void): void {
    this.stream.write(bytes, taken)
  }

  end(bytes: Uint8Array): void {
    this.stream.end(bytes)
  }

  cancel(): void {
    // close() tells `aborted` before it resets. Destroyed by then, a stream is never reset, and the process spins in nghttp2
    // once its peer opens the window.
    this.stream.off('aborted', destroy)
    this.stream.close(constants.NGHTTP2_CANCEL)
    // Node has a stream closed once its reset was sent, which a connection that takes no byte at all never lets happen.
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

function destroy(this: ServerHttp2Stream): void {
  this.destroy()
}

/** RFC 9112: a chunked response; its connection serves others after a clean end. */
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

  /** A response that closes before its last write was taken closes with its socket, which refers to nothing by then. */
  releaseUntaken(lent: Lent | null): void {
    lent?.release()
  }
}
