// One random course of events: a Kafka topic, two servers that read it, three clients that move between them. Each step
// is one thing that one of them does, and any step may follow any other, so that all states of the real system come:
//
// - read but unpublished, published but untold to a worker: reading, publishing and telling are steps of their own;
// - asked but unanswered: Kafka's answers are a step, which a stream may wait for across all the others;
// - a leader silent for some partitions, while an id is ahead in them: leaders fall silent, servers start without them,
//   and 10 s go by;
// - retention under a slow reader, and housekeeping between any two steps: clients read an event or a few at a time;
// - timestamps ahead of the clock, late ones, none; a wall clock that was moved, of one server alone;
// - recreation between any two steps, of which servers hear at different times, and their workers later;
// - a connection cut inside the last event, right after a heartbeat's id, right after `ready`'s, or while it waits.

import type { Keeps } from '../../src/bus/record.ts'
import { headerSelector, type Selector } from '../../src/routing/selector.ts'
import type { SegmentPool } from '../../src/segments/segment-pool.ts'
import { BUS_OPTIONS } from '../support/topic-in-memory.ts'
import { type Choose, chooseBy } from './choice.ts'
import { Client } from './client.ts'
import { KafkaTopic, ROUTE_HEADER } from './log.ts'
import { PROVEN_MS_MIN } from './partition-account.ts'
import type { Clocks } from './reading.ts'
import { anyConnectPlan, beginningOf, type ConnectPlan, idAs, PLAIN, type Reads } from './reads.ts'
import { anyRouted, SELECTORS, Selection } from './selection.ts'
import { Server } from './server.ts'
import { Silence } from './silence.ts'
import { anyRecords, recordsOf, type Written } from './written.ts'

const SEGMENT_BYTES = 4096
const DELETE_RETENTION_MS = 50
/** Longer than any stream waits for a leader. */
export const LONG_MS = 11_000
/** Longer than a server is trusted to hear of every delete. */
const CUT_OFF_MS = 601_000
/** After that a stream asks Kafka again. */
const AGAIN_MS = 1_000
const START_EPOCH_MS = 1_000_000_000
/**
 * By how much a server's wall clock may be wrong. One that is set back is behind every timestamp, so what it proves is
 * still true.
 */
export const CLOCK_ERRORS_MS = [0, 0, 500, -100_000_000]

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
  /** Whether some streams are selected by a header, so that a bus has frames for those alone. */
  readonly isRouted: boolean
  /** Whether clients select, each by conditions of its own. */
  readonly isSelected: boolean
}

export class Case {
  private readonly kafka: KafkaTopic
  private readonly servers: Server[]
  private readonly clients: Client[]
  private readonly setting: Setting
  private readonly pool: SegmentPool
  private readonly choose: Choose
  private nowMs = 1_000
  private readonly clockErrorsMs = [0, 0]

  /** `pool` is shared by all cases, because dropped segments would pile up. */
  constructor(setting: Setting, seed: number, pool: SegmentPool) {
    this.setting = setting
    this.pool = pool
    this.choose = chooseBy(seed)
    this.kafka = new KafkaTopic(setting.partitions)
    this.servers = [0, 1].map((at) => this.startServer(at))
    this.clients = [0, 1, 2].map(() => new Client(setting.keeps, this.anySelection()))
  }

  serverAt(at: number): Server {
    return (at === 0 ? this.servers[0] : this.servers[1]) as Server // both are there from the beginning
  }

  clientAt(at: number): Client {
    return this.clients[at] as Client // so are three of these
  }

  /**
   * One client comes to the tail of all partitions with a leader while another leader is silent. Then all clients come
   * to the tail of all partitions, and have everything.
   */
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
    const connect = (who: Client, server: Server) => this.connect(who, server, anyConnectPlan(choose))
    const write = () => this.write(anyRecords(choose))
    const pass = (ms: number) => this.pass(ms)
    await new Silence({ kafka, client, from, to, choose, connect, write, pass }).live()
  }

  /** As it is, or with another connection. */
  private async comeToTail(client: Client, server: Server): Promise<void> {
    if (this.choose(2) === 0) client.disconnect()
    for (let tries = 0; tries < 6; tries++) {
      if (!client.isOpen) this.connect(client, server, PLAIN)
      while (client.work(100_000, 'never'));
      if (client.isAtTail && !client.isInDoubt) return client.heartbeat('never')
      await server.settle()
      this.nowMs += AGAIN_MS
    }
    if (server.viewAccount.isWhole) throw new Error('it waits for ever')
  }

  private anySelection(): Selection {
    const { keeps, isSelected } = this.setting
    return isSelected ? Selection.any(this.choose, keeps) : Selection.ofAll(keeps)
  }

  private get selectors(): readonly Selector[] {
    if (this.setting.isSelected) return SELECTORS
    return this.setting.isRouted ? [headerSelector(ROUTE_HEADER)] : []
  }

  private startServer(at: number): Server {
    const { keeps, retainedSegments, retainedRecordsMax, retainedMsMax, isMirrored } = this.setting
    const bounds = { retainedBytesMax: retainedSegments * SEGMENT_BYTES, retainedRecordsMax, retainedMsMax }
    const clocks: Clocks = {
      nowMs: () => this.nowMs,
      epochMs: () => this.epochMs + (this.clockErrorsMs[at] ?? 0),
    }
    const { selectors } = this
    const options = { ...BUS_OPTIONS, keeps, pool: this.pool, isMirrored, selectors, ...bounds }
    const server = new Server(
      this.kafka,
      { ...options, deleteRetentionMs: DELETE_RETENTION_MS },
      clocks,
      this.choose,
    )
    if (this.choose(3) === 0) return server
    server.read(Number.POSITIVE_INFINITY)
    show(server, Number.POSITIVE_INFINITY)
    return server
  }

  private get epochMs(): number {
    return START_EPOCH_MS + this.nowMs
  }

  write(written: Written): void {
    const partition = written.partition % this.kafka.logs.length
    const log = this.kafka.logs[partition]
    for (const { isControl, key, bytes } of recordsOf(written)) {
      const name = key === null ? null : `${partition} ${key}`
      const routed = this.setting.isSelected ? anyRouted(this.choose) : null
      if (isControl) log?.writeControl()
      else log?.write(name, bytes, this.nowMs, this.timestampMs(written.stamp), routed)
    }
  }

  show(at: number, partsMax: number): void {
    show(this.serverAt(at), partsMax)
  }

  look(at: number): void {
    this.serverAt(at).look()
    this.serverAt(at).catchUp()
  }

  read(reads: Reads): void {
    const client = this.clientAt(reads.client)
    if (!client.isOpen) this.connect(client, this.serverAt(reads.server), reads)
    for (let count = 1; count <= reads.times; count++)
      if (!client.work(reads.bytesMax, count === reads.times ? reads.cut : 'never')) break
  }

  tidy(at: number, steps: number, tells: boolean): void {
    const server = this.serverAt(at)
    for (let step = 0; step < steps; step++) if (!server.maintain()) break
    if (tells) server.report()
  }

  pass(ms: number): void {
    this.nowMs += ms
  }

  /** An operator sets a server's wall clock. */
  setClock(at: number, errorMs: number): void {
    this.clockErrorsMs[at] = errorMs
  }

  silence(partition: number, isSilent: boolean): void {
    const log = this.kafka.logs[partition % this.kafka.logs.length]
    if (log !== undefined) log.isSilent = isSilent
  }

  recreate(): void {
    this.kafka.recreate()
  }

  deleteBefore(partition: number, share: number): void {
    const log = this.kafka.logs[partition % this.kafka.logs.length]
    if (this.setting.isCleaned) log?.deleteBefore(Math.floor(log.end * share))
  }

  restart(at: number): void {
    // Its connections are gone with it.
    for (const client of this.clients) if (client.isWith(this.servers[at % 2])) client.disconnect()
    this.servers[at % 2]?.close()
    if (this.choose(2) === 0) this.cleanMeanwhile(at % 2)
    this.servers[at % 2] = this.startServer(at % 2)
  }

  /** A server cannot reach Kafka for longer than tombstones are kept, while its streams stay open. */
  cutOff(at: number): void {
    this.nowMs += CUT_OFF_MS
    this.cleanMeanwhile(at % 2)
  }

  /** While a server is down, the log cleaner gets far: only missing offsets show what it dropped. */
  private cleanMeanwhile(down: number): void {
    this.nowMs += 2 * DELETE_RETENTION_MS
    for (const partition of this.kafka.logs.keys()) this.compact(partition, down)
    for (const partition of this.kafka.logs.keys()) this.compact(partition, down)
  }

  compact(at: number, down?: number): void {
    if (!this.setting.isCleaned || this.setting.keeps !== 'latest') return
    const partition = at % this.kafka.logs.length
    const running = this.servers.filter((_, at) => at !== down)
    const readTo = Math.min(...running.map(({ bus }) => bus.nextOffset(partition) ?? 0))
    const horizonMs = this.nowMs - DELETE_RETENTION_MS
    // A server is trusted to read values, too, within the time for which an end that Kafka told proves something.
    const valuesHorizonMs = this.setting.isSelected ? this.nowMs - PROVEN_MS_MIN : Number.POSITIVE_INFINITY
    this.kafka.logs[partition]?.compact(() => this.choose(3) > 0, horizonMs, readTo, valuesHorizonMs)
  }

  private connect(client: Client, server: Server, plan: ConnectPlan): void {
    const written = idAs(plan.says, client.id, this.kafka.logs.length)
    client.connect(server, beginningOf(plan, this.epochMs), written, plan.isForgetful)
  }

  private timestampMs(stamp: Written['stamp']): number {
    if (stamp === 'in microseconds') return this.epochMs * 1000
    if (stamp === 'late' && !this.losesNewest) return this.epochMs - 80
    return stamp === 'none' ? -1 : this.epochMs
  }

  /** A bus that lost newest values takes timestamps for the order of arrival, so there no record may be late. */
  private get losesNewest(): boolean {
    const { keeps, retainedSegments, retainedRecordsMax } = this.setting
    return keeps === 'latest' && (retainedSegments < 100 || retainedRecordsMax < 100)
  }
}

function show(server: Server, partsMax: number): void {
  server.publish()
  server.catchUp()
  server.report(partsMax)
}
