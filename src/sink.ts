// Where a stream's bytes go: an HTTP/2 stream or an HTTP/1.1 response, alike for the core. Both promise that `taken` comes
// exactly once for each write, at the latest when the peer is gone, and that the bytes are not referred to after it.

import type { ServerResponse } from 'node:http'
import { constants, type ServerHttp2Stream } from 'node:http2'

export interface Sink {
  readonly isClosed: boolean
  write(bytes: Uint8Array, taken: () => void): void
  /** A clean end behind everything written: END_STREAM, or the last chunk. */
  end(bytes: Uint8Array): void
  /** An end at once, whatever is still on its way: RST_STREAM(CANCEL), or the socket destroyed. */
  cancel(): void
  /** Calls once when the response is over, however that came. */
  onClose(closed: () => void): void
}

/** RFC 9113: a stream of its own on a connection it shares. */
export function http2Sink(stream: ServerHttp2Stream): Sink {
  // Reset by its peer without an error, Node waits for a write that it does not do any more: for as long as the connection is.
  const destroy = (): void => void stream.destroy()
  stream.once('aborted', destroy)
  return {
    get isClosed() {
      return stream.destroyed || stream.closed
    },
    write: (bytes, taken) => void stream.write(bytes, taken),
    end: (bytes) => void stream.end(bytes),
    cancel: () => {
      // close() tells `aborted` before it resets. Destroyed by then, a stream is never reset, and the process spins in nghttp2
      // once its peer opens the window.
      stream.off('aborted', destroy)
      stream.close(constants.NGHTTP2_CANCEL)
      // Node has a stream closed once its reset was sent, which a connection that takes no byte at all never lets happen.
      stream.destroy()
    },
    onClose: (closed) => {
      if (stream.destroyed) closed()
      else stream.once('close', closed)
    },
  }
}

/** RFC 9112: a chunked response; its connection serves others after a clean end. */
export function http1Sink(response: ServerResponse): Sink {
  return {
    get isClosed() {
      return response.destroyed
    },
    write: (bytes, taken) => void response.write(bytes, taken),
    end: (bytes) => void response.end(bytes),
    cancel: () => void response.destroy(),
    onClose: (closed) => {
      if (response.destroyed) closed()
      else response.once('close', closed)
    },
  }
}
