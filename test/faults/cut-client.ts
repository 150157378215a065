// A client that is cut right after a `ready` or a heartbeat with an id, and comes back with that id to any server: the
// ids between records must be as true as those of records. It counts as it reads.

import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { setTimeout as pause } from 'node:timers/promises'
import { EventBlocks } from './event-blocks.ts'
import { Ledger } from './ledger.ts'
import { PositionReader } from './position-reader.ts'
import type { StreamAddress } from './resuming-client.ts'

export interface CutClientOptions {
  readonly name: string
  readonly addresses: readonly StreamAddress[]
  readonly partitions: number
  /** How many of them, the last ones, have records that make no event: there a position moves by itself. */
  readonly namelessPartitions: number
  readonly random: () => number
}

type Word = 'ready' | 'ping'

/** One stream, from its request to its end. */
interface Visit {
  readonly address: StreamAddress
  readonly resumedFrom: string
  /** The word behind which it is cut. */
  readonly cutBehind: Word
  readonly stream: ClientHttp2Stream
  readonly blocks: EventBlocks
  isOver: boolean
}

/** Of the cuts: how many take the whole connection with them. */
const CONNECTION_SHARE = 0.05
/** In which the word has to come, or the client leaves without it. */
const STAY_MS = 2_000
const RECONNECT_MS_MAX = 400
const FAULTS_TOLD_MAX = 3
const RECORD = /^data:(\d+):(\d+)\nid:(.+)$/
const WORD = /^:(?:ready)?\nevent:(ready|ping)\ndata:\{\}(?:\nid:(.+))?$/

export class CutClient {
  readonly ledger: Ledger
  /** Cuts behind words with an id, by the word. */
  readonly cuts: Record<Word, number> = { ready: 0, ping: 0 }
  /** Ids that said more, or less, than the client had. */
  wrongIds = 0
  /** The first of its faults, in words. */
  readonly faults: string[] = []
  private readonly options: CutClientOptions
  private readonly position: PositionReader
  private readonly sessions = new Map<StreamAddress, ClientHttp2Session>()
  private lastId = ''
  private visit: Visit | null = null
  private isSettled = false
  private isClosing = false
  private readonly done: Promise<void>

  constructor(options: CutClientOptions) {
    this.options = options
    this.ledger = new Ledger(options.partitions - options.namelessPartitions)
    this.position = new PositionReader(options.partitions)
    this.done = this.run()
  }

  /** From now on it is cut no more. */
  settle(): void {
    this.isSettled = true
  }

  async close(): Promise<void> {
    this.isClosing = true
    this.visit?.stream.close(constants.NGHTTP2_CANCEL)
    await this.done
    for (const session of this.sessions.values()) session.destroy()
  }

  private async run(): Promise<void> {
    while (!this.isClosing) {
      await this.stay()
      await pause(this.options.random() * RECONNECT_MS_MAX)
    }
  }

  private async stay(): Promise<void> {
    const visit = this.begin()
    this.visit = visit
    const { stream } = visit
    const over = new Promise((resolve) => stream.once('close', resolve))
    stream.on('error', () => stream.destroy()).on('data', (bytes: Buffer) => this.feed(visit, bytes))
    stream.on('response', ({ ':status': status }) => {
      if (status !== 200) this.tell(visit, `answered ${status}`)
    })
    const leaving = setTimeout(() => {
      if (!this.isSettled) this.end(visit)
    }, STAY_MS)
    await over
    clearTimeout(leaving)
    if (!visit.isOver && !this.isClosing) this.tell(visit, 'the stream ended, and neither side was to end it')
  }

  private begin(): Visit {
    const { addresses, random } = this.options
    const address = addresses[Math.floor(random() * addresses.length)]
    if (address === undefined) throw new Error('there is no server to go to')
    const resumedFrom = this.lastId
    const headers = {
      ':path': `${new URL(address.url).pathname}?signals=1`,
      authorization: `Bearer ${address.token}`,
      ...(resumedFrom === '' ? {} : { 'last-event-id': resumedFrom }),
    }
    const stream = this.sessionTo(address).request(headers)
    const cutBehind = random() < 0.5 ? 'ready' : 'ping'
    return { address, resumedFrom, cutBehind, stream, blocks: new EventBlocks(), isOver: false }
  }

  private sessionTo(address: StreamAddress): ClientHttp2Session {
    const known = this.sessions.get(address)
    if (known !== undefined && !known.closed && !known.destroyed) return known
    const session = connect(address.url, { ca: address.ca })
    session.on('error', () => session.destroy())
    this.sessions.set(address, session)
    return session
  }

  /** What comes behind the cut was never heard. */
  private feed(visit: Visit, bytes: Buffer): void {
    visit.blocks.feed(bytes, (block, start, end) => {
      if (!visit.isOver) this.take(visit, block.toString('latin1', start, end))
    })
  }

  private take(visit: Visit, block: string): void {
    const [, partition, number, recordId] = RECORD.exec(block) ?? []
    if (recordId !== undefined) {
      const fault = this.ledger.take(Number(partition), Number(number))
      if (fault !== null) this.tell(visit, fault)
      this.hear(visit, recordId)
      return
    }
    const [, word, id] = WORD.exec(block) ?? []
    if (id !== undefined) this.hear(visit, id)
    else if (word === undefined && !block.startsWith('retry:'))
      this.tell(visit, `said ${JSON.stringify(block)}`)
    if (id !== undefined && word === visit.cutBehind && !this.isSettled) this.cut(visit, visit.cutBehind)
  }

  private hear(visit: Visit, id: string): void {
    this.lastId = id
    const bytes = Buffer.from(id)
    const isRead = this.position.read(bytes, 0, bytes.length)
    if (isRead && this.ledger.due.every((due, partition) => due === this.position.offsets[partition])) return
    this.wrongIds++
    this.tell(visit, `the id ${id} says [${this.position.offsets}] to a client that has [${this.ledger.due}]`)
  }

  private cut(visit: Visit, word: Word): void {
    this.cuts[word]++
    this.end(visit)
    if (this.options.random() < CONNECTION_SHARE) visit.stream.session?.destroy()
  }

  private end(visit: Visit): void {
    visit.isOver = true
    visit.stream.close(constants.NGHTTP2_CANCEL)
  }

  private tell({ address, resumedFrom }: Visit, fault: string): void {
    if (this.faults.length >= FAULTS_TOLD_MAX) return
    this.faults.push(`${this.options.name} at ${address.url}, resumed from ${resumedFrom}: ${fault}`)
  }
}
