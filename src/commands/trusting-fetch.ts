// A `fetch` that trusts a private certificate authority, which Node's own cannot. HTTP/1.1 with a connection for each
// request and no keep-alive, which is enough for a command with one stream.

import { once } from 'node:events'
import { type IncomingMessage, request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import { Readable } from 'node:stream'
import type { Fetch, FetchRequest } from 'kafka-sse-client'

/**
 * Trusts only the certificate authorities in `authorities` (PEM); null: those of Node. `isInsecure`: any certificate,
 * also one of another host.
 */
export function fetchTrusting(authorities: string | null, isInsecure = false): Fetch {
  return async (url, { method, headers, signal }: FetchRequest) => {
    const options = { method, headers, signal, agent: false as const }
    const tls = { ...(authorities !== null && { ca: authorities }), rejectUnauthorized: !isInsecure }
    const request = url.startsWith('https:')
      ? secureRequest(url, { ...options, ...tls })
      : plainRequest(url, options)
    request.end()
    const [response] = (await once(request, 'response')) as [IncomingMessage] // what the event carries
    // Later errors reach the reader of the body. The request emits them a second time.
    request.on('error', () => response.destroy())
    return {
      status: response.statusCode ?? 0,
      headers: { get: (name) => firstOf(response.headers[name.toLowerCase()]) },
      body: Readable.toWeb(response) as ReadableStream<Uint8Array>, // Node's type of the same class
    }
  }
}

function firstOf(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value) ?? null
}
