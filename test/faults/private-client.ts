// One private stream over all its connections. It comes back with the id of its last whole event, sometimes without an
// id, and sometimes with the id of another customer. Everything that comes is taken into its account.

import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2'
import { EventBlocks } from './event-blocks.ts'
import type { PrivateAccount } from './private-account.ts'
import type { PrivateIds } from './private-ids.ts'
import type { Shape } from './private-shapes.ts'

export interface PrivateClientOptions {
  readonly name: string
  readonly shape: Shape
  /** With its parameters. */
  readonly path: string
  readonly token: string
  readonly account: PrivateAccount
  readonly ids: PrivateIds
  readonly hasSignals: boolean
  readonly random: () => number
}

type Begins = 'with its id' | 'with nothing' | 'with the id of another'

/** One stream, from its request to its end. */
interface Visit {
  /** The server, for reports. */
  readonly at: string
  readonly stream: ClientHttp2Stream
  readonly blocks: EventBlocks
  /** Until the gap is said that is due. */
  isOwedGap: boolean
  isOver: boolean
}

const NOTHING_SHARE = 0.05
const BORROWED_SHARE = 0.05
const FAULTS_TOLD_MAX = 3
const VALUE = /^data:(.*)\nid:(.+)$/
const DELETE = /^event:delete\ndata:([\w-]+=*)\nid:(.+)$/
const WORD = /^:(ready|gap [a-z-]+)?(?:\nevent:(?:ready|ping|gap)\ndata:\{.*\})?(?:\nid:(.+))?$/

export class PrivateClient {
  readonly shape: Shape
  readonly account: PrivateAccount
  /** Of another customer with a stream of the same kind, whose ids it tries. Set once all are there. */
  peer: PrivateClient | null = null
  lastId = ''
  opened = 0
  /** Came with the id of another, and was told that it is no id. */
  refused = 0
  /** By reason, the gaps that had to be, but for those of other customers' ids. */
  readonly gaps = new Map<string, number>()
  /** From such a gap until all of the stream's newest values are there again. */
  readonly recoveriesMs: number[] = []
  faultCount = 0
  /** The first of its faults, in words. */
  readonly faults: string[] = []
  private readonly options: PrivateClientOptions
  private gapAtMs: number | null = null
  private isSettled = false
  private visit: Visit | null = null

  constructor(options: PrivateClientOptions) {
    this.options = options
    this.shape = options.shape
    this.account = options.account
  }

  /** From now on it comes back with its own id only. */
  settle(): void {
    this.isSettled = true
  }

  /** Opens its stream; `onEnd` is called when that is over and nothing had ended it here. */
  open(session: ClientHttp2Session, at: string, onEnd: (status: number | undefined) => void): void {
    const { path, token, hasSignals } = this.options
    const begins = this.begin()
    const id = begins === 'with the id of another' ? (this.peer?.lastId ?? '') : this.lastId
    const stream = session.request({
      ':path': hasSignals ? `${path}?signals=1` : path,
      authorization: `Bearer ${token}`,
      ...(id === '' ? {} : { 'last-event-id': id }),
    })
    const isOwedGap = begins === 'with the id of another'
    const visit: Visit = { at, stream, blocks: new EventBlocks(), isOwedGap, isOver: false }
    this.visit = visit
    let status: number | undefined
    stream.on('response', (headers) => {
      status = headers[':status']
      this.opened++
      if (status !== 200) this.tell(visit, `was answered ${status}`)
    })
    stream.on('error', () => stream.destroy()).on('data', (bytes: Buffer) => this.feed(visit, bytes))
    stream.on('close', () => {
      if (!visit.isOver) onEnd(status)
      visit.isOver = true
    })
  }

  /** Takes nothing more of this connection; what is whole by now is kept. */
  leave(): void {
    if (this.visit !== null) this.visit.isOver = true
    this.visit?.stream.close(constants.NGHTTP2_CANCEL)
  }

  /** A fault of its connection, too. */
  tell(visit: Pick<Visit, 'at'>, fault: string): void {
    this.faultCount++
    if (this.faults.length >= FAULTS_TOLD_MAX) return
    const { name, path } = this.options
    this.faults.push(`${name}, ${path} (${this.shape.topic}) at ${visit.at}: ${fault}`)
  }

  private begin(): Begins {
    const { random, shape } = this.options
    const chance = this.isSettled ? 1 : random()
    if (chance < NOTHING_SHARE) {
      this.forget()
      return 'with nothing'
    }
    const isLent = shape.options.ids !== 'plain' && this.lastId !== '' && (this.peer?.lastId ?? '') !== ''
    return isLent && chance < NOTHING_SHARE + BORROWED_SHARE ? 'with the id of another' : 'with its id'
  }

  private feed(visit: Visit, bytes: Buffer): void {
    visit.blocks.feed(bytes, (block, start, end) => {
      if (!visit.isOver) this.take(visit, block.toString('utf8', start, end))
    })
  }

  private take(visit: Visit, block: string): void {
    const [, value, valueId] = VALUE.exec(block) ?? []
    const [, key, deleteId] = DELETE.exec(block) ?? []
    if (value !== undefined && valueId !== undefined) {
      this.hear(visit, valueId, (position) => this.account.takeValue(value, position))
    } else if (key !== undefined && deleteId !== undefined) {
      const order = Buffer.from(key, 'base64url').toString()
      this.hear(visit, deleteId, (position) => this.account.takeDelete(order, position))
    } else if (!/^retry:\d+$/.test(block)) this.takeWord(visit, block)
  }

  private takeWord(visit: Visit, block: string): void {
    const [isWord, word, id] = WORD.exec(block) ?? []
    if (isWord === undefined) this.tell(visit, `was sent ${JSON.stringify(block)}`)
    if (word?.startsWith('gap ')) this.takeGap(visit, word.slice('gap '.length))
    if (id !== undefined) this.hear(visit, id, (position) => this.account.takeId(position))
    if (word === 'ready') this.takeReady()
  }

  private hear(visit: Visit, id: string, take: (position: readonly number[]) => string[]): void {
    if (visit.isOwedGap) {
      this.tell(visit, 'went on from the id of another')
      visit.isOwedGap = false
    }
    const { ids, shape } = this.options
    const position = ids.read(id, shape.options.ids !== 'plain')
    if (position === null) {
      this.account.wrongIds++
      this.tell(visit, `was sent ${JSON.stringify(id)} for an id`)
      return
    }
    this.lastId = id
    for (const fault of take(position)) this.tell(visit, fault)
  }

  /**
   * Where Kafka has cleaned, a process that was started since cannot always tell which orders left a selection, or
   * whether a tombstone is gone (docs/decisions).
   */
  private takeGap(visit: Visit, reason: string): void {
    this.forget()
    if (visit.isOwedGap && reason === 'undecodable') {
      visit.isOwedGap = false
      this.refused++
      return
    }
    this.gaps.set(reason, (this.gaps.get(reason) ?? 0) + 1)
    this.gapAtMs ??= Date.now()
    if (this.shape.topic !== 'cleaned' || reason !== 'deletes-dropped')
      this.tell(visit, `was told the gap ${reason}`)
  }

  private takeReady(): void {
    if (this.gapAtMs !== null) this.recoveriesMs.push(Date.now() - this.gapAtMs)
    this.gapAtMs = null
  }

  private forget(): void {
    this.lastId = ''
    this.account.forget()
  }
}
