// No route of the server has a use for a request's body, and none reads one (src/app/web-app.ts). Promise: behind the answer its sender
// cannot go on.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'

/**
 * Closes what carried a request whose body has not come to its end when it is answered: HTTP/1.1's connection, on which Node would
 * go on reading for as long as a request may take, and HTTP/2's stream. That Node resets by itself (RFC 9113, 8.1), but for a HEAD.
 */
export function closingBehindBodies(handler: RequestListener): RequestListener {
  return (request, response) => {
    const stream = http2Stream(response)
    if (stream === undefined) closeConnectionBehind(request, response)
    else if (request.method === 'HEAD' && !stream.endAfterHeaders) closeStreamBehind(stream, response)
    handler(request, response)
  }
}

/** Node types requests of HTTP/2 apart; their responses have their stream. */
function http2Stream(response: object): ServerHttp2Stream | undefined {
  return (response as { readonly stream?: ServerHttp2Stream }).stream
}

/** Node has ended the stream's own side before it was asked, and has no event for when the answer is out. */
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
