// Clients that come back by themselves with the id of the last whole event: so simple that what they have seen is what
// was sent.

import { connect } from 'node:http2'
import { request } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import { StreamReader } from '../support/stream-reader.ts'

export interface StreamAddress {
  readonly url: string
  /** PEM of the authority. */
  readonly ca: string
  readonly token: string
}

export interface Connection {
  readonly address: StreamAddress
  readonly headers: Record<string, string>
  /** With the port at which this end of the connection is. */
  readonly onOpen: (status: number, port: number) => void
  readonly onBytes: (bytes: Buffer) => void
}

export interface Reading {
  /** Resolves when the connection is over, however that came. */
  readonly over: Promise<unknown>
  readonly end: () => void
}

const RECONNECT_MS = 50

export class ResumingClient {
  /** Data of the records, in the order in which they came, over all connections. */
  readonly received: string[] = []
  /** How often a stream opened. */
  opened = 0
  isOpen = false
  /** Where its end of the connection is that it opened last. */
  port = 0
  readonly #address: StreamAddress
  readonly #read: (connection: Connection) => Reading
  #isClosing = false
  #end = (): void => {}
  #lastId = ''
  readonly #done: Promise<void>

  constructor(address: StreamAddress, protocol: 'h2' | 'h1') {
    this.#address = address
    this.#read = protocol === 'h2' ? readHttp2 : readHttp1
    this.#done = this.#run()
  }

  /** Ends its connection, and comes back. */
  leave(): void {
    this.#end()
  }

  async close(): Promise<void> {
    this.#isClosing = true
    this.#end()
    await this.#done
  }

  async #run(): Promise<void> {
    while (!this.#isClosing) {
      await this.#readOnce()
      this.isOpen = false
      await pause(RECONNECT_MS)
    }
  }

  /** A reader for each connection: what was cut off in the middle of an event is forgotten with it. */
  async #readOnce(): Promise<void> {
    const reader = new StreamReader()
    const onBytes = (bytes: Buffer): void => {
      const had = reader.records.length
      reader.feed(bytes)
      this.received.push(...reader.records.slice(had))
      this.#lastId = reader.lastId || this.#lastId
    }
    const onOpen = (_status: number, port: number): void => {
      this.isOpen = true
      this.port = port
      this.opened++
    }
    const headers: Record<string, string> = this.#lastId === '' ? {} : { 'last-event-id': this.#lastId }
    const { over, end } = this.#read({ address: this.#address, headers, onOpen, onBytes })
    this.#end = end
    await over
  }
}

/** One connection, read until it is over. The address may have a query. */
export function readHttp2({ address, headers, onOpen, onBytes }: Connection): Reading {
  const { url, ca, token } = address
  const session = connect(url, { ca })
  const { pathname, search } = new URL(url)
  const stream = session.request({
    ':path': pathname + search,
    authorization: `Bearer ${token}`,
    ...headers,
  })
  const end = (): void => session.destroy()
  session.on('error', end)
  stream.on('response', (response) => onOpen(Number(response[':status']), session.socket.localPort ?? 0))
  stream.on('error', end).on('close', end).on('data', onBytes)
  // Not the session's: sessions of Node were seen that never ended, although they were destroyed.
  return { over: new Promise((resolve) => stream.once('close', resolve)), end }
}

export function readHttp1({ address, headers, onOpen, onBytes }: Connection): Reading {
  const { url, ca, token } = address
  const sent = request(url, {
    ca,
    agent: false,
    headers: { authorization: `Bearer ${token}`, ...headers },
  }).end()
  const end = (): void => void sent.destroy()
  sent.on('error', end).on('response', (response) => {
    onOpen(Number(response.statusCode), response.socket.localPort ?? 0)
    response.on('error', end).on('data', onBytes)
  })
  return { over: new Promise((resolve) => sent.once('close', resolve)), end }
}
