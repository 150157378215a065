// The control topic: what this process tells other replicas, and what it hears of them. docs/control-topic.md. Promise:
// what cannot be read is told by name, and no stream opens while revocations may be missing.

import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { ControlCenter, ControlledProcess, ControlState } from '../../../src/control/control-center.ts'
import { createControlFigures } from '../../../src/control/control-figures.ts'
import type { ControlKeys } from '../../../src/control/control-keys.ts'
import { type ArrivedNews, ControlLog, REDEMPTIONS_PARTITION } from '../../../src/control/control-log.ts'
import { ControlUnwritable } from '../../../src/errors.ts'
import type { KafkaOptions } from '../../../src/options.ts'
import type { Clock } from '../../../src/stream/clock.ts'
import type { Renewal } from '../../../src/stream/holders.ts'
import { type Revocation, type TokenLifetimes, withoutLogout } from '../../../src/token/revocation.ts'
import type { Feeding } from '../following/reader.ts'
import { type OpenSource, openSource } from '../following/shared-source.ts'
import { type Log, missingTopic, quietAbout } from '../troubles/condition.ts'
import { type ControlFault, compactedTopic, createCommand, faultWords } from './control-commands.ts'
import { ControlProducer } from './control-producer.ts'
import { ControlReading } from './control-reading.ts'
import { ControlWriter } from './control-writer.ts'

export interface ControlTopicParts {
  readonly kafka: KafkaOptions
  readonly topic: string
  /** The first one makes, all of them read: 32 bytes or more each. */
  readonly keys: ControlKeys
  readonly blindMs: number
  readonly lifetimes: TokenLifetimes
  readonly clock: Clock
  readonly log: Log
}

/** What it consists of from `start` on. */
interface Running {
  readonly told: ControlledProcess
  readonly controlLog: ControlLog
  readonly feeding: Feeding
  readonly ticking: NodeJS.Timeout
}

/** What is due is looked at this often. */
const TICK_MS = 250
/** The process is told the state this often even if nothing has changed. */
const TOLD_MS = 1_000
/** Least time between two log lines about records without a right mac. */
const UNSIGNED_MS = 60_000
/** How long a revocation waits for Kafka's list of topics, which is there soon after the start, and looks for it. */
const LISTED_MS = 5_000
const LISTED_LOOK_MS = 50
/** How long a redemption may take. */
const REDEEMED_MS = 5_000
const NOTHING = { rows: [], revocations: [], renewals: [] }

export class ControlTopic implements ControlCenter {
  readonly figures = createControlFigures()
  private readonly parts: ControlTopicParts
  private readonly keys: ControlKeys
  private readonly by = randomBytes(16).toString('base64url')
  private readonly producer: ControlProducer
  private readonly writer: ControlWriter
  private readonly source: OpenSource
  private running: Running | null = null
  private loggedFault: string | null = null
  private wasWell = false
  private isClosed = false
  private toldUnsignedAtMs = Number.NEGATIVE_INFINITY
  private toldTrouble: string | null = null
  private toldAtMs = Number.NEGATIVE_INFINITY

  /** Throws, naming the property, if librdkafka does not take the configuration. */
  constructor(parts: ControlTopicParts) {
    const { kafka, topic, keys, clock, log } = parts
    const { figures, by } = this
    this.parts = parts
    this.keys = keys
    this.producer = new ControlProducer(kafka, topic, () => clock.nowMs())
    this.writer = new ControlWriter({
      topic,
      producer: this.producer,
      keys,
      by,
      clock,
      figures,
      log,
    })
    // Of its own: the loading of a large topic would hold up all heartbeats.
    this.source = openSource(kafka, log, 'control')
  }

  start(told: ControlledProcess): void {
    const { topic, blindMs, lifetimes, clock, log } = this.parts
    const { keys, by, figures } = this
    const { revocations } = told
    const controlLog = new ControlLog({ topic, keys, by, blindMs, lifetimes, clock, revocations, figures })
    const reading = new ControlReading(controlLog, figures, () => this.arrived())
    // That the topic is missing is logged with the command that makes it.
    const feeding = this.source.feed(topic, reading, quietAbout(missingTopic(topic), log))
    const ticking = setInterval(() => this.tick(), TICK_MS).unref()
    this.running = { told, controlLog, feeding, ticking }
    this.tell(NOTHING)
  }

  state(): ControlState {
    return { trouble: this.trouble(), blindInMs: this.running?.controlLog.heartbeats.blindInMs ?? 0 }
  }

  async renew(renewal: Renewal): Promise<void> {
    await this.writer.write({ op: 'renew', renewal })
  }

  async revoke(revocation: Revocation): Promise<void> {
    // Without the logout token that asked for it, which its sender may bring again, to any replica.
    const kept = withoutLogout(revocation)
    this.running?.controlLog.copies.noteUnwritten(kept, this.parts.clock.epochMs())
    if (!(await this.isListed())) throw new ControlUnwritable()
    await this.writer.write({ op: 'revoke', revocation })
  }

  readonly redeem = async (nonce: string, expiresAtMs: number): Promise<boolean> => {
    const redemptions = this.running?.controlLog.redemptions
    if (redemptions === undefined || !redemptions.hasRoom || this.trouble() !== null)
      throw new ControlUnwritable()
    const hashes = this.keys.everyHash(['ticket', nonce]).map((hash) => hash.toString('base64url'))
    // A client that repeats a ticket writes nothing to Kafka.
    if (redemptions.isRedeemed(hashes)) return false
    const [hash = ''] = hashes
    const name = { by: this.by, atMs: redemptions.nextAtMs() }
    const record = { op: 'redeem' as const, nonce: hash, expiresAtMs, ...name }
    const written = this.writer.send(record, REDEMPTIONS_PARTITION)
    return redemptions.isGood(hashes, name, written, REDEEMED_MS).catch(() => {
      throw new ControlUnwritable()
    })
  }

  async close(): Promise<void> {
    this.isClosed = true
    clearInterval(this.running?.ticking)
    this.running?.feeding.stop()
    await Promise.all([this.producer.close(), this.source.release()])
  }

  /**
   * Whether Kafka lists the topic, within the time that a write may take. Many a Kafka makes a topic as soon as
   * somebody writes to it, also one that is misspelt.
   */
  private async isListed(): Promise<boolean> {
    const untilMs = this.parts.clock.nowMs() + LISTED_MS
    while (this.running?.controlLog.hasPartitions !== true) {
      if (this.isClosed || this.parts.clock.nowMs() >= untilMs) return false
      await pause(LISTED_LOOK_MS)
    }
    return true
  }

  private trouble(): string | null {
    if (this.running === null) return `control topic ${this.parts.topic} is not read yet`
    const { controlLog, feeding } = this.running
    const fault = this.fault()
    if (fault !== null) return faultWords(fault)
    return (controlLog.heartbeats.hasRead ? null : feeding.notReady()) ?? controlLog.trouble()
  }

  /** Trouble that an operator should hear of in the log: not that the topic is still being read at the start. */
  private fault(): ControlFault | null {
    const { topic, kafka } = this.parts
    if (this.running === null) return null
    if (this.writer.isCompacted) return { what: compactedTopic(topic, kafka.bootstrapServers), reason: null }
    const { controlLog, feeding } = this.running
    const waiting = controlLog.heartbeats.hasRead ? null : feeding.notReady()
    if (waiting === missingTopic(topic))
      return { what: `control ${missingTopic(topic)}`, reason: createCommand(topic, kafka.bootstrapServers) }
    const { failure } = this.writer
    if (controlLog.heartbeats.hasRead) {
      const what = controlLog.silence()
      return what === null ? null : { what, reason: feeding.notReady() ?? failure }
    }
    if (waiting !== null || failure === null) return null
    return { what: `control topic ${topic} cannot be written`, reason: failure }
  }

  /** A batch was read. */
  private arrived(): void {
    const news = this.running?.controlLog.takeNews() ?? null
    if (news !== null || this.trouble() !== this.toldTrouble) this.tell(news ?? NOTHING)
  }

  private tick(): void {
    if (this.running === null) return
    const { controlLog } = this.running
    const { clock } = this.parts
    this.beat(controlLog)
    controlLog.noteCompacted(this.writer.isCompacted)
    if (controlLog.hasPartitions)
      for (const revocation of controlLog.copies.step(clock.epochMs())) void this.writeAgain(revocation)
    controlLog.redemptions.step()
    this.logFault()
    this.logUnsigned(controlLog)
    if (this.trouble() !== this.toldTrouble || clock.nowMs() - this.toldAtMs >= TOLD_MS) this.tell(NOTHING)
  }

  private tell(news: ArrivedNews): void {
    const state = this.state()
    this.toldTrouble = state.trouble
    this.toldAtMs = this.parts.clock.nowMs()
    this.running?.told.receive({ ...NOTHING, ...news, state })
  }

  private beat({ heartbeats }: ControlLog): void {
    const atMs = heartbeats.beat()
    if (atMs === null) return
    for (const partition of heartbeats.partitions) void this.writer.beat(partition, atMs)
  }

  private async writeAgain(revocation: Revocation): Promise<void> {
    await this.writer.write({ op: 'revoke', revocation }).catch(() => {
      // The writer has counted it, and the copies offer it again.
    })
  }

  /** Each fault once, however its reason changes, and its end. */
  private logFault(): void {
    const { topic, log } = this.parts
    const fault = this.fault()
    if (fault !== null && fault.what !== this.loggedFault) log.warn(faultWords(fault))
    const isWell = this.trouble() === null
    if (isWell && !this.wasWell) log.info(`control topic ${topic} is read to its end`)
    this.wasWell = isWell
    this.loggedFault = fault?.what ?? null
  }

  /** A replica whose secret is another one is not heard: nothing else would say so. */
  private logUnsigned(controlLog: ControlLog): void {
    const { topic, log, clock } = this.parts
    if (clock.nowMs() - this.toldUnsignedAtMs < UNSIGNED_MS) return
    const count = controlLog.takeUnsigned()
    if (count === 0) return
    this.toldUnsignedAtMs = clock.nowMs()
    log.warn(
      `control topic ${topic}: records passed over without a mac of our secrets: ${count}. ` +
        'SECRET_KEY differs between servers, or somebody else writes to the topic',
    )
  }
}
