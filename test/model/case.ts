// One random course of events in a Kafka topic, two servers that read it and three clients that move between them. Every step is
// one thing that one of them does, and any may follow any, so that the states are reached in which the real system is:
//
// - read but unpublished, and published but untold to a worker: reading, publishing and telling are steps of their own;
// - asked but unanswered: Kafka's answers are a step, which a stream may wait for across all the others;
// - a leader silent for some partitions, while an id is ahead in them: leaders fall silent, servers start without them, and
//   10 s go by;
// - retention under a slow reader, and housekeeping between any two steps: clients read an event or a few at a time;
// - timestamps ahead of the clock, late ones, none; a wall clock that was moved, of one server alone;
// - recreation between any two steps, of which servers hear at different times, and their workers later;
// - a connection cut inside the last event, right behind a heartbeat's id, right behind `ready`'s, or while it waits.

import { FROM_NOW, formatPosition } from '../../src/bus/position.ts'
import type { Keeps } from '../../src/bus/record.ts'
import type { SegmentPool } from '../../src/segments/segment-pool.ts'
import { BUS_OPTIONS } from '../support/bus-options.ts'
import { Client, type Cut } from './client.ts'
import { KafkaTopic } from './log.ts'
import { type Choose, type Clocks, Server } from './server.ts'
import { Silence } from './silence.ts'

const SEGMENT_BYTES = 4096
const DELETE_RETENTION_MS = 50
/** Longer than anybody waits for a leader. */
const LONG_MS = 11_000
/** Longer than it is trusted that a server hears of every delete. */
const CUT_OFF_MS = 601_000
/** After that a stream asks Kafka again. */
const AGAIN_MS = 1_000
const START_EPOCH_MS = 1_000_000_000
/** By how much a server's wall clock may be wrong: no further back than behind every timestamp, so that what it proves is true. */
const CLOCK_ERRORS_MS = [0, 0, 500, -100_000_000]
const SIZES = [0, 5, 60, 700, 2_000, 9_000]
const KEYS = 6
const CUTS: readonly Cut[] = ['never', 'never', 'behind', 'never', 'inside']

export interface Setting {
  readonly keeps: Keeps
  readonly partitions: number
  readonly retainedSegments: number
  readonly retainedRecordsMax: number
  readonly retainedMsMax: number | null
  /** Whether Kafka itself compacts and deletes. */
  readonly isCleaned: boolean
  /** Whether the streams are in another thread than the bus. */
  readonly isMirrored: boolean
}

/** What happens next, with numbers whose meaning depends on it. */
export type Step = readonly [kind: number, a: number, b: number, c: number]

export class Case {
  private readonly kafka: KafkaTopic
  private readonly servers: Server[]
  private readonly clients: Client[]
  private readonly setting: Setting
  private readonly pool: SegmentPool
  private readonly choose: Choose
  private nowMs = 1_000
  private readonly clockErrorsMs = [0, 0]

  /** `pool`: shared by all cases, since segments that are dropped would pile up. */
  constructor(setting: Setting, seed: number, pool: SegmentPool) {
    this.setting = setting
    this.pool = pool
    this.choose = chooseBy(seed)
    this.kafka = new KafkaTopic(setting.partitions)
    this.servers = [0, 1].map((at) => this.startServer(at))
    this.clients = [0, 1, 2].map(() => new Client(setting.keeps))
  }

  async take([kind, a, b, c]: Step): Promise<void> {
    const server = this.servers[a % 2]
    const client = this.clients[a % 3]
    if (server === undefined || client === undefined) return
    if (kind < 26) this.write(a, b, c)
    else if (kind < 38) server.read(1 + (b % 20))
    else if (kind < 48) this.show(server, b)
    else if (kind < 52) this.look(server)
    else if (kind < 70) this.read(client, b, c)
    else if (kind < 75) client.heartbeat(CUTS[b % CUTS.length] ?? 'never')
    else if (kind < 78) client.disconnect()
    else if (kind < 84) this.tidy(server, b)
    else if (kind < 89) this.pass(a, b, c)
    else if (kind < 92) await server.answer()
    else if (kind < 94) this.silence(a, b)
    else if (kind === 94) this.cutOff(a)
    else if (kind === 95) this.restart(a)
    else if (kind === 96) this.recreate(b)
    else if (this.setting.isCleaned) this.clean(a, b)
  }

  /** Somebody comes to the tail of what is led while a leader is silent; then everybody does to that of all, and has everything. */
  async finish(): Promise<void> {
    if (this.setting.partitions > 1) await this.silenceOne()
    for (const log of this.kafka.logs) log.isSilent = false
    for (const server of this.servers) await server.settle()
    for (const [at, client] of this.clients.entries()) {
      const server = this.servers.find((one) => client.isWith(one)) ?? this.servers[at % 2]
      if (server !== undefined) await this.comeToTail(client, server)
    }
  }

  close(): void {
    for (const client of this.clients) client.disconnect()
    for (const server of this.servers) server.close()
  }

  private async silenceOne(): Promise<void> {
    const at = this.choose(2)
    const [from, to, client] = [this.servers[at], this.servers[1 - at], this.clients[this.choose(3)]]
    if (from === undefined || to === undefined || client === undefined) return
    const { kafka, choose } = this
    const connect = (who: Client, server: Server) => this.connect(who, server, choose(100))
    const write = () => this.write(choose(100), choose(100), choose(100))
    const pass = (ms: number) => {
      this.nowMs += ms
    }
    await new Silence({ kafka, client, from, to, choose, connect, write, pass }).live()
  }

  /** As it is, or with another connection. */
  private async comeToTail(client: Client, server: Server): Promise<void> {
    if (this.choose(2) === 0) client.disconnect()
    for (let tries = 0; tries < 6; tries++) {
      if (!client.isOpen) this.connect(client, server, 0)
      while (client.work(100_000, 'never'));
      if (client.isAtTail && !client.isInDoubt) return client.heartbeat('never')
      await server.settle()
      this.nowMs += AGAIN_MS
    }
    if (server.viewAccount.isWhole) throw new Error('it waits for ever')
  }

  private startServer(at: number): Server {
    const { keeps, retainedSegments, retainedRecordsMax, retainedMsMax, isMirrored } = this.setting
    const bounds = { retainedBytesMax: retainedSegments * SEGMENT_BYTES, retainedRecordsMax, retainedMsMax }
    const clocks: Clocks = {
      nowMs: () => this.nowMs,
      epochMs: () => this.epochMs + (this.clockErrorsMs[at] ?? 0),
    }
    const options = { ...BUS_OPTIONS, keeps, pool: this.pool, isMirrored, ...bounds }
    const server = new Server(
      this.kafka,
      { ...options, deleteRetentionMs: DELETE_RETENTION_MS },
      clocks,
      this.choose,
    )
    if (this.choose(3) === 0) return server
    server.read(Number.POSITIVE_INFINITY)
    this.show(server, 2)
    return server
  }

  private get epochMs(): number {
    return START_EPOCH_MS + this.nowMs
  }

  private write(at: number, key: number, size: number): void {
    const partition = at % this.kafka.logs.length
    const log = this.kafka.logs[partition]
    for (let count = 0; count <= size % 3; count++) {
      const kind = (key + count * 7) % 40
      const bytes = SIZES[size % SIZES.length] ?? 0
      if (kind === 39) log?.writeControl()
      else if (kind === 38) log?.write(null, null, this.nowMs, this.timestampMs(size))
      else if (kind >= 34) log?.write(null, bytes, this.nowMs, this.timestampMs(size))
      else
        log?.write(`${partition} ${kind % KEYS}`, kind < 8 ? null : bytes, this.nowMs, this.timestampMs(size))
    }
  }

  /** Mostly when it was written; in microseconds, late, or none. */
  private timestampMs(choice: number): number {
    if (choice % 12 === 7) return this.epochMs * 1000
    if (choice % 12 === 8 && !this.losesNewest) return this.epochMs - 80
    return choice % 24 === 9 ? -1 : this.epochMs
  }

  /** A bus that lost newest values takes their timestamps for the order in which they came, so none are late there. */
  private get losesNewest(): boolean {
    const { keeps, retainedSegments, retainedRecordsMax } = this.setting
    return keeps === 'latest' && (retainedSegments < 100 || retainedRecordsMax < 100)
  }

  private show(server: Server, what: number): void {
    if (what % 3 !== 0) server.publish()
    if (what % 3 === 2) server.catchUp()
    if (what % 3 !== 1) server.report(what % 4 === 0 ? 1 : Number.POSITIVE_INFINITY)
  }

  private look(server: Server): void {
    server.look()
    server.catchUp()
  }

  private read(client: Client, reads: number, c: number): void {
    const server = this.servers[c % 2]
    if (server === undefined) return
    if (!client.isOpen) this.connect(client, server, c)
    const bytesMax = [1, 100, 3_000, 100_000][c % 4] ?? 1
    const cut = CUTS[c % CUTS.length] ?? 'never'
    for (let count = 1; count <= reads % 6; count++)
      if (!client.work(bytesMax, count === reads % 6 ? cut : 'never')) break
  }

  private connect(client: Client, server: Server, c: number): void {
    const from = c % 7 === 6 ? 'latest' : 'earliest'
    const sinceMs = c % 7 === 5 ? this.epochMs - (c % 90) : null
    const forms = [client.id, client.id, client.id.replace(/=+$/, ''), `${client.id}/etag`]
    const fromNow = formatPosition(new Map(this.kafka.logs.map((_, partition) => [partition, FROM_NOW])))
    client.connect(server, { from, sinceMs }, c % 7 === 4 ? fromNow : forms[c % 4], c % 3 > 0)
  }

  private tidy(server: Server, steps: number): void {
    for (let step = 0; step < steps; step++) if (!server.maintain()) break
    if (steps % 3 === 0) server.report()
  }

  /** Time passes, or somebody sets a server's clock. */
  private pass(a: number, b: number, c: number): void {
    if (c % 4 === 0) this.clockErrorsMs[a % 2] = CLOCK_ERRORS_MS[b % CLOCK_ERRORS_MS.length] ?? 0
    else this.nowMs += b % 20 === 0 ? LONG_MS : b
  }

  private silence(a: number, b: number): void {
    const log = this.kafka.logs[a % this.kafka.logs.length]
    if (log !== undefined) log.isSilent = b % 3 === 0
  }

  private restart(at: number): void {
    // Its connections are gone with it.
    for (const client of this.clients) if (client.isWith(this.servers[at % 2])) client.disconnect()
    this.servers[at % 2]?.close()
    if (this.choose(2) === 0) this.cleanMeanwhile(at % 2)
    this.servers[at % 2] = this.startServer(at % 2)
  }

  /** A server cannot reach Kafka, for longer than that keeps tombstones, while its streams stay open. */
  private cutOff(at: number): void {
    this.nowMs += CUT_OFF_MS
    this.cleanMeanwhile(at % 2)
  }

  /** While a server is down the log cleaner gets far: what it dropped is told by missing offsets alone. */
  private cleanMeanwhile(down: number): void {
    this.nowMs += 2 * DELETE_RETENTION_MS
    for (const partition of this.kafka.logs.keys()) this.compact(partition, down)
    for (const partition of this.kafka.logs.keys()) this.compact(partition, down)
  }

  private compact(partition: number, down?: number): void {
    if (!this.setting.isCleaned || this.setting.keeps !== 'latest') return
    const running = this.servers.filter((_, at) => at !== down)
    const readTo = Math.min(...running.map(({ bus }) => bus.nextOffset(partition) ?? 0))
    const horizonMs = this.nowMs - DELETE_RETENTION_MS
    this.kafka.logs[partition]?.compact(() => this.choose(3) > 0, horizonMs, readTo)
  }

  private recreate(b: number): void {
    if (b % 3 === 0) this.kafka.recreate()
  }

  private clean(a: number, b: number): void {
    const partition = a % this.kafka.logs.length
    const log = this.kafka.logs[partition]
    if (b % 3 === 0) log?.deleteBefore(Math.floor((log.end * (b % 50)) / 60))
    else this.compact(partition)
  }
}

/** A linear congruential generator (Knuth's MMIX numbers, the upper bits): the same case from the same seed. */
function chooseBy(seed: number): Choose {
  let state = BigInt(seed)
  return (bound) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & (2n ** 64n - 1n)
    return bound === 0 ? 0 : Number((state >> 33n) % BigInt(bound))
  }
}
