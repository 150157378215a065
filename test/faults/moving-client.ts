// A client that never stays: now and then it leaves, or is cut in the middle of an event, or loses a server that was
// killed. It comes back to any server with the id of the last whole event. It counts as it reads.

import { setTimeout as pause } from 'node:timers/promises'
import type { ArrivalOrders } from './arrival-orders.ts'
import { EventBlocks } from './event-blocks.ts'
import { Ledger } from './ledger.ts'
import { PositionReader } from './position-reader.ts'
import { type Reading, readHttp1, readHttp2, type StreamAddress } from './resuming-client.ts'

export interface MovingTarget {
  /** A single letter. */
  readonly name: string
  readonly address: StreamAddress
  /** How often it was started: which of its processes answers. */
  starts: number
  /** False from before it is killed until it listens again. */
  isUp: boolean
}

export interface MovingClientOptions {
  readonly name: string
  readonly protocol: 'h2' | 'h1'
  readonly targets: readonly MovingTarget[]
  readonly partitions: number
  readonly orders: ArrivalOrders
  readonly random: () => number
}

/** One connection, from its first try to its end. */
interface Visit {
  readonly target: MovingTarget
  readonly start: number
  /** Else the end of the connection is no fault, however it ends. */
  readonly wasUp: boolean
  readonly resumedBy: string
  readonly resumedFrom: string
  readonly blocks: EventBlocks
  isOpen: boolean
  /** The client ends it: at the next chunk, of which it takes a part. */
  isLeaving: boolean
  isOver: boolean
  end: () => void
}

/** An id goes back by the header or by either name in the query. */
const WAYS = ['last-event-id', 'lastEventId', 'last_event_id'] as const
const STAY_MS_MAX = 20_000
/** Of those who leave by themselves: how many within a chunk, at any byte of it. */
const CUT_SHARE = 0.7
/** Most are back much sooner: before the other server has what this one had. */
const RECONNECT_MS_MAX = 100
const FAULTS_TOLD_MAX = 3
const LAST_IDS = 4
const DATA = Buffer.from('data:')
const ID = Buffer.from('id:')
const LF = 0x0a
const COLON = 0x3a
const ZERO = 0x30

export class MovingClient {
  readonly name: string
  readonly ledger: Ledger
  /** Streams that opened; of them, those at another server than the one before. */
  opened = 0
  moves = 0
  /** Connections that ended in the middle of an event. */
  cuts = 0
  /** Records whose id was not what the client had with them. */
  wrongIds = 0
  /** Longest time in which nothing came, because a server was killed, was starting or was busy. */
  longestSilenceMs = 0
  faultCount = 0
  /** The first of its faults, in words. */
  readonly faults: string[] = []
  readonly #options: MovingClientOptions
  readonly #read: typeof readHttp2
  readonly #position: PositionReader
  /** Of the last events, one for each chunk. */
  readonly #lastIds: string[] = []
  #lastId = ''
  #lastByteAtMs = Date.now()
  #visit: Visit | null = null
  #lastTarget: MovingTarget | null = null
  #isSettled = false
  #isClosing = false
  readonly #done: Promise<void>

  constructor(options: MovingClientOptions) {
    this.name = `${options.name} (${options.protocol})`
    this.ledger = new Ledger(options.partitions)
    this.#options = options
    this.#read = options.protocol === 'h2' ? readHttp2 : readHttp1
    this.#position = new PositionReader(options.partitions)
    this.#done = this.#run()
  }

  /** From now on it leaves only with the server. */
  settle(): void {
    this.#isSettled = true
  }

  async close(): Promise<void> {
    this.#isClosing = true
    this.#visit?.end()
    await this.#done
  }

  /** Where it stands, for a report on one that has not all. */
  describe(): string {
    const visit = this.#visit
    const isOpen = visit?.isOpen ? 'open' : 'not open'
    const isOver = visit?.isOver ? 'left and still ' : ''
    const where = visit === null ? 'on no connection' : `${isOver}${isOpen} at ${describe(visit)}`
    const silent = Math.round((Date.now() - this.#lastByteAtMs) / 1000)
    const lastIds = this.#lastIds.join(' ')
    return `${this.name} is ${where}, has [${this.ledger.due}], last byte ${silent} s ago; last ids ${lastIds}`
  }

  async #run(): Promise<void> {
    while (!this.#isClosing) {
      await this.#stay()
      await pause(this.#options.random() ** 3 * RECONNECT_MS_MAX)
    }
  }

  async #stay(): Promise<void> {
    const visit = this.#begin()
    this.#visit = visit
    const { over, end } = this.#connect(visit)
    visit.end = () => {
      visit.isOver = true
      end()
    }
    const leaving = setTimeout(() => this.#leave(visit), this.#options.random() * STAY_MS_MAX)
    await over
    clearTimeout(leaving)
    this.#finish(visit)
  }

  #begin(): Visit {
    const { targets, random } = this.#options
    const target = anyOf(targets, random)
    return {
      target,
      start: target.starts,
      wasUp: target.isUp,
      resumedBy: this.#lastId === '' ? 'no id' : anyOf(WAYS, random),
      resumedFrom: this.#lastId,
      blocks: new EventBlocks(),
      isOpen: false,
      isLeaving: false,
      isOver: false,
      end: () => {},
    }
  }

  #connect(visit: Visit): Reading {
    const { address } = visit.target
    const { resumedBy, resumedFrom } = visit
    const isInQuery = resumedBy !== 'no id' && resumedBy !== 'last-event-id'
    const query = isInQuery ? `?${resumedBy}=${encodeURIComponent(resumedFrom)}` : ''
    return this.#read({
      address: { ...address, url: address.url + query },
      headers: resumedBy === 'last-event-id' ? { 'last-event-id': resumedFrom } : {},
      onOpen: (status) => this.#open(visit, status),
      onBytes: (bytes) => this.#feed(visit, bytes),
    })
  }

  #open(visit: Visit, status: number): void {
    visit.isOpen = true
    if (status !== 200) this.#tell(visit, `answered ${status}`)
    this.opened++
    if (this.#lastTarget !== null && this.#lastTarget !== visit.target) this.moves++
    this.#lastTarget = visit.target
  }

  #leave(visit: Visit): void {
    if (this.#isSettled) return
    if (this.#options.random() < CUT_SHARE) visit.isLeaving = true
    else visit.end()
  }

  #finish(visit: Visit): void {
    this.#visit = null
    if (visit.blocks.cutBytes > 0) this.cuts++
    const { target, start, wasUp, isOver } = visit
    if (isOver || !wasUp || !target.isUp || target.starts !== start) return
    this.#tell(visit, 'the connection ended, and neither side was to end it')
  }

  #feed(visit: Visit, bytes: Buffer): void {
    if (visit.isOver) return
    const nowMs = Date.now()
    this.longestSilenceMs = Math.max(this.longestSilenceMs, nowMs - this.#lastByteAtMs)
    this.#lastByteAtMs = nowMs
    const taken = visit.isLeaving ? bytes.subarray(0, this.#options.random() * bytes.length) : bytes
    visit.blocks.feed(taken, (block, start, end) => this.#take(visit, block, start, end))
    if (this.#lastId !== '' && this.#lastIds.at(-1) !== this.#lastId) this.#lastIds.push(this.#lastId)
    if (this.#lastIds.length > LAST_IDS) this.#lastIds.shift()
    if (visit.isLeaving) visit.end()
  }

  #take(visit: Visit, block: Buffer, start: number, end: number): void {
    if (block[start] === DATA[0]) this.#takeRecord(visit, block, start, end)
    else this.#takeWord(visit, block.toString('latin1', start, end))
  }

  /** `data:PARTITION:NUMBER`, `id:ID`, each at its place to the byte. */
  #takeRecord(visit: Visit, block: Buffer, start: number, end: number): void {
    const colon = block.indexOf(COLON, start + DATA.length)
    const lineEnd = block.indexOf(LF, start)
    const partition = numberIn(block, start + DATA.length, colon)
    const number = numberIn(block, colon + 1, lineEnd)
    const idStart = lineEnd + 1 + ID.length
    if (Number.isNaN(partition + number) || !startsWith(block, ID, lineEnd + 1)) {
      this.#tell(visit, `not a record: ${JSON.stringify(block.toString('latin1', start, end))}`)
      return
    }
    const idText = () => block.toString('latin1', idStart, end)
    const fault = this.ledger.take(partition, number)
    if (fault !== null) this.#tell(visit, `${fault}; its id is ${idText()}`)
    this.#checkId(visit, block, idStart, end, `${partition}:${number}`)
    this.#options.orders.note(visit.target.name, visit.start, partition, number, this.#position.offsets)
    this.#lastId = idText()
  }

  /** An id has to say exactly what the client has: if it says less, records come twice; if more, some are lost. */
  #checkId(visit: Visit, bytes: Buffer, start: number, end: number, what: string): void {
    const isId = this.#position.read(bytes, start, end)
    if (isId && isSame(this.#position.offsets, this.ledger.due)) return
    this.wrongIds++
    const says = isId ? `[${this.#position.offsets}]` : 'nothing'
    const text = bytes.toString('latin1', start, end)
    this.#tell(visit, `the id ${text} of ${what} says ${says} to who has [${this.ledger.due}]`)
  }

  #takeWord(visit: Visit, word: string): void {
    if (word === ':' || word === ':ready' || /^retry:\d+$/.test(word)) return
    const moved = /^:\nid:(.+)$/.exec(word)?.[1]
    if (moved === undefined) {
      this.#tell(visit, `said ${JSON.stringify(word)}`)
      return
    }
    this.#lastId = moved
    this.#checkId(visit, Buffer.from(moved), 0, moved.length, 'a heartbeat')
  }

  #tell(visit: Visit, fault: string): void {
    if (this.faultCount++ >= FAULTS_TOLD_MAX) return
    this.faults.push(`${this.name} at ${describe(visit)}: ${fault}; last ids ${this.#lastIds.join(' ')}`)
  }
}

function describe({ target, start, resumedBy, resumedFrom }: Visit): string {
  return `${target.name}, start ${start}, resumed by ${`${resumedBy} ${resumedFrom}`.trim()}`
}

function anyOf<T>(all: readonly T[], random: () => number): T {
  const one = all[Math.floor(random() * all.length)]
  if (one === undefined) throw new Error('there is none to choose')
  return one
}

/** The decimal number between these bounds; NaN where there is none. */
function numberIn(bytes: Buffer, start: number, end: number): number {
  let number = end > start ? 0 : Number.NaN
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] ?? 0) - ZERO
    number = digit >= 0 && digit <= 9 ? number * 10 + digit : Number.NaN
  }
  return number
}

function startsWith(bytes: Buffer, prefix: Buffer, at: number): boolean {
  return prefix.every((byte, index) => bytes[at + index] === byte)
}

function isSame(one: readonly number[], other: readonly number[]): boolean {
  return one.every((number, index) => number === other[index])
}
