// A topic and its server for the model of the live map: pure, one connection at a time. It sends blocks as
// docs/protocol.md has them, cut anywhere, and keeps what the topic is at each `ready`.

import type { FetchRequest, FetchResponse } from '../../client/src/index.ts'

export type Kind = 'value' | 'delete' | 'too-large' | 'bad' | 'keyless'

interface Entry {
  readonly key: ModelKey
  readonly kind: Kind
  readonly number: number
}

/** A key as Kafka has it, and as the map has it. */
export interface ModelKey {
  readonly text: string
  readonly bytes: Buffer
}

export interface ModelValue {
  readonly id: string | null
  readonly n: number
}

export const KEYS: readonly ModelKey[] = [
  ...['always', 'one', 'zwei ü', ''].map((text) => ({ text, bytes: Buffer.from(text) })),
  { text: '/wA=', bytes: Buffer.from([0xff, 0x00]) },
]

export class TopicServer {
  readonly reached: (state: string) => void
  connection: ServerConnection | null = null
  log: Entry[] = []
  /** Ids below it cannot be honoured: tombstones behind them are gone. */
  floor = 0
  /** How often the topic was recreated. Its ids begin with it. */
  epoch = 0
  /** What the topic was at each `ready` that the present connection has sent and the client has not seen. */
  tables: Map<string, ModelValue>[] = []
  private readonly withEnvelopes: boolean
  private count = 0
  /** Positions of superseded entries, and of tombstones that Kafka has dropped, which a snapshot lacks. */
  private readonly dropped = new Set<Entry>()

  constructor(withEnvelopes: boolean, reached: (state: string) => void) {
    this.withEnvelopes = withEnvelopes
    this.reached = reached
  }

  readonly fetch = async (_url: string, request: FetchRequest): Promise<FetchResponse> => {
    const lastEventId = request.headers['last-event-id'] ?? ''
    this.connection = new ServerConnection(this, lastEventId, request.signal)
    return {
      status: 200,
      headers: { get: (name) => (name === 'content-type' ? 'text/event-stream' : null) },
      // The client only takes a reader of it, and that only reads.
      body: { getReader: () => this.connection } as unknown as ReadableStream<Uint8Array>,
    }
  }

  append(key: ModelKey, kind: Kind): void {
    // Values come again, so that a value may be what it was before the one that is not shown yet.
    const number = ++this.count % 3
    this.log.push({ key, kind, number: number === 0 ? 0 : this.count })
  }

  dropTombstones(): void {
    for (const entry of this.newest()) if (entry.kind === 'delete') this.dropped.add(entry)
    this.floor = this.log.length
  }

  recreate(): void {
    this.epoch++
    this.log = []
    this.floor = 0
    this.connection?.startAgain('recreated')
  }

  /** What a map of the topic has. */
  get table(): Map<string, ModelValue> {
    const values = this.newest().filter(({ kind }) => kind === 'value')
    return new Map(values.map(({ key, number }) => [key.text, { id: key.text, n: number }]))
  }

  snapshot(): Entry[] {
    const newest = new Set(this.newest())
    return this.log.filter(
      (entry) => (newest.has(entry) || entry.kind === 'keyless') && !this.dropped.has(entry),
    )
  }

  isNewest(entry: Entry): boolean {
    return this.newest().includes(entry)
  }

  idAfter(entry: Entry): string {
    return `${this.epoch}.${this.log.indexOf(entry) + 1}`
  }

  block(entry: Entry): string {
    const id = `id:${this.idAfter(entry)}\n\n`
    const { key, kind, number } = entry
    if (kind === 'too-large') return `:gap too-large\n${id}`
    if (kind === 'delete') return `event:delete\ndata:${base64url(key.bytes)}\n${id}`
    const mapKey = kind === 'keyless' ? null : key.text
    const value = kind === 'bad' ? 'no {json' : JSON.stringify({ id: mapKey, n: number })
    if (!this.withEnvelopes) return `data:${value}\n${id}`
    const binary = key.text.endsWith('=') ? { keyEncoding: 'base64' } : {}
    const record = { key: mapKey, ...binary, value, headers: [], timestamp: 0, partition: 0, offset: number }
    return `data:${JSON.stringify(record)}\n${id}`
  }

  /** The last entry of each key. */
  private newest(): Entry[] {
    const keyed = this.log.filter(({ kind }) => kind !== 'keyless')
    return [...new Map(keyed.map((entry) => [entry.key, entry])).values()]
  }
}

export class ServerConnection {
  isReady = false
  private readonly server: TopicServer
  private blocks: string[] = ['retry:1\n\n']
  private behind: Entry[] = []
  private next = 0
  private readonly chunks: Uint8Array[] = []
  private waiting: { resolve: (read: Read) => void; reject: (error: unknown) => void } | null = null
  private end: 'clean' | Error | null = null

  constructor(server: TopicServer, lastEventId: string, signal: AbortSignal) {
    this.server = server
    server.tables = []
    signal.addEventListener('abort', () => this.close(new Error('aborted')))
    const [epoch = '', offset = ''] = lastEventId.split('.')
    if (lastEventId === '' || lastEventId === 'AQA=') this.begin()
    else if (Number(epoch) !== server.epoch) this.startAgain('beyond-end', '')
    else if (Number(offset) < server.floor) this.startAgain('deletes-dropped', '')
    else this.next = Number(offset)
  }

  /** Says a gap, and goes on with a snapshot. */
  startAgain(reason: string, id = ':\nid:AQA=\n\n'): void {
    if (!this.isReady && this.behind.length > 0) this.server.reached('a gap within a snapshot')
    this.server.reached(id === '' ? 'an id that is not honoured' : 'a gap of an open stream')
    this.blocks.push(`:gap ${reason}\n\n`, id)
    this.begin()
  }

  /** Sends blocks, the last of them in part only. */
  send(blocks: number, cutAt: number): void {
    const text = Array.from({ length: blocks }, () => this.block()).join('')
    const bytes = Buffer.from(text)
    const at = Math.min(cutAt, bytes.length)
    for (const part of [bytes.subarray(0, at), bytes.subarray(at)])
      if (part.length > 0) this.chunks.push(part)
    this.wake()
  }

  /** Sends everything. */
  drain(): void {
    for (let blocks = this.server.log.length + this.blocks.length + 2; blocks > 0; blocks--) this.send(1, 0)
  }

  /** Ends the response, behind a part of the next block. */
  cut(cutAt: number, end: 'clean' | Error): void {
    if (!this.isReady) this.server.reached('a cut within a snapshot or before ready')
    this.chunks.push(Buffer.from(this.block()).subarray(0, cutAt))
    this.close(end)
  }

  read(): Promise<Read> {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject }
      this.wake()
    })
  }

  private begin(): void {
    this.behind = this.server.snapshot()
    this.next = this.server.log.length
    this.isReady = false
  }

  private block(): string {
    const block = this.blocks.shift()
    if (block !== undefined) return block
    const entry = this.behind.shift() ?? this.server.log[this.next++]
    if (entry !== undefined) {
      if (!this.isReady && entry.kind === 'delete') this.server.reached('a delete before ready')
      // Superseded since: sent or not, as the server likes.
      return entry.number % 2 === 0 && !this.server.isNewest(entry) ? '' : this.server.block(entry)
    }
    this.next = this.server.log.length
    if (this.isReady) return ':\n\n'
    this.isReady = true
    this.server.tables.push(this.server.table)
    return ':ready\n\n'
  }

  private close(end: 'clean' | Error): void {
    this.end ??= end
    if (this.server.connection === this) this.server.connection = null
    this.wake()
  }

  private wake(): void {
    const { waiting } = this
    const chunk = waiting === null ? undefined : this.chunks.shift()
    if (waiting === null || (chunk === undefined && this.end === null)) return
    this.waiting = null
    if (chunk !== undefined) waiting.resolve({ done: false, value: chunk })
    else if (this.end instanceof Error) waiting.reject(this.end)
    else waiting.resolve({ done: true, value: undefined })
  }
}

type Read = { done: false; value: Uint8Array } | { done: true; value: undefined }

function base64url(bytes: Buffer): string {
  const text = bytes.toString('base64url')
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}
