// A small server of the stream’s protocol over a real socket, for the client’s tests: the test says what it sends, and
// when it breaks off.

import { once } from 'node:events'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { until } from './time.ts'

export const CHALLENGE =
  'event:challenge\ndata:{"method":"POST","headers":{"content-type":"application/x-challenge-response"}}\n\n'

export interface Seen {
  readonly method: string
  readonly path: string
  readonly token: string
  readonly headers: IncomingMessage['headers']
}

export class ClientServer {
  readonly requests: Seen[] = []
  readonly streams: ServerResponse[] = []
  /** Answers a GET; streams by default. */
  answer: (request: Seen, response: ServerResponse) => void = (_, response) => this.open(response)
  /** Status of a renewal's answer. */
  renewalStatus = 204
  readonly #server: Server

  constructor(createServer: (listener: RequestListener) => Server) {
    this.#server = createServer((request, response) => this.#take(request, response))
  }

  /** At a port that the operating system chooses, or at one that it chose before. */
  async listen(port = 0): Promise<number> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port // a TCP server's address is never a path
  }

  /** Kills every connection, and takes no more. */
  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  open(response: ServerResponse, text = 'retry:10\n\n'): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(text)
    this.streams.push(response)
  }

  say(text: string): boolean {
    return this.#newest().write(text)
  }

  end(text = ''): void {
    this.#newest().end(text)
  }

  /** Resets the newest stream's connection. */
  breakOff(): void {
    this.#newest().destroy()
  }

  gets(): Seen[] {
    return this.requests.filter(({ method }) => method === 'GET')
  }

  posts(): Seen[] {
    return this.requests.filter(({ method }) => method === 'POST')
  }

  async seen(gets: number, posts = 0): Promise<void> {
    await until(() => this.gets().length >= gets && this.posts().length >= posts)
  }

  #newest(): ServerResponse {
    const stream = this.streams.at(-1)
    if (stream === undefined) throw new Error('no stream is open')
    return stream
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url: path = '', headers } = request
    const token = (headers.authorization ?? '').replace('Bearer ', '')
    const seen = { method, path, token, headers }
    this.requests.push(seen)
    if (method === 'POST') response.writeHead(this.renewalStatus).end()
    else this.answer(seen, response)
  }
}
