// Ends requests whose body is still arriving when they are answered. No route reads a body (src/app/web-app.ts).
// Promise: the client cannot go on sending after the answer.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'

/**
 * Wraps a handler. If a request's body has not ended when it is answered, closes the connection (HTTP/1.1) or the
 * stream (HTTP/2). Node would read the connection until the request's time-out. It resets the stream by itself
 * (RFC 9113, 8.1), except for HEAD.
 */
export function closingUnreadBodies(handler: RequestListener): RequestListener {
  return (request, response) => {
    const stream = http2Stream(response)
    if (stream === undefined) closeConnectionBehind(request, response)
    else if (request.method === 'HEAD' && !stream.endAfterHeaders) closeStreamBehind(stream, response)
    handler(request, response)
  }
}

/** HTTP/2's response has its stream, which Node's common type does not show. */
function http2Stream(response: object): ServerHttp2Stream | undefined {
  return (response as { readonly stream?: ServerHttp2Stream }).stream
}

/** For HEAD, Node ends the stream's own side before the handler runs, and has no event for when the answer is sent. */
function closeStreamBehind(stream: ServerHttp2Stream, response: ServerResponse): void {
  const end = response.end.bind(response) as (...parts: unknown[]) => ServerResponse // one of its forms
  response.end = (...parts: unknown[]) => {
    setImmediate(() => stream.destroy())
    return end(...parts)
  }
}

function closeConnectionBehind(request: IncomingMessage, response: ServerResponse): void {
  const { shouldKeepAlive } = response
  if (!hasBody(request)) return
  response.shouldKeepAlive = false
  request.once('end', () => {
    response.shouldKeepAlive = shouldKeepAlive
  })
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0
}
