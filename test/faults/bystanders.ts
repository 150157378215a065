// Well-behaved clients beside bad ones, on connections of their own, with records produced for them all the time. They
// must not notice the others.

import { setTimeout as pause } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import type { Kafka } from '../kafka/kafka.ts'
import type { ServerProcess } from '../support/server-process.ts'
import { HeldConnection, type HeldStream } from './held-connection.ts'

export interface BystandersOptions {
  readonly server: ServerProcess
  readonly kafka: Kafka
  readonly topic: string
  readonly streams: number
  readonly connections: number
}

const SUBJECT = 'bystander'
/** Long enough for another token to be minted after a challenge, on a machine that is busy. */
const TOKEN_LIFETIME = '+8s'
const BATCH = 2
const BATCH_EVERY_MS = 100
/** What "meanwhile" has to last for: records, heartbeats and answered challenges that everyone gets. */
const RECORDS_MEANWHILE = 20
const HEARTBEATS_MEANWHILE = 2
const SOON = { timeout: 20_000, interval: 50 }

export class Bystanders {
  readonly streams: HeldStream[] = []
  /** What is theirs, in order. */
  readonly produced: string[] = []
  readonly #options: BystandersOptions
  readonly #connections: HeldConnection[] = []
  /** Challenges that all of them had, and that were answered. */
  #renewals = 0
  #isResting = false
  #isLeaving = false
  #producing: Promise<void> = Promise.resolve()
  #renewing: Promise<void> = Promise.resolve()

  private constructor(options: BystandersOptions) {
    this.#options = options
  }

  /** Resolves when all are live and the first record is on its way. */
  static async open(options: BystandersOptions): Promise<Bystanders> {
    const bystanders = new Bystanders(options)
    await bystanders.#open()
    bystanders.#renewing = bystanders.#renew()
    bystanders.#renewing.catch(() => {}) // the caller that waits for it gets the error
    bystanders.#producing = bystanders.#produce()
    return bystanders
  }

  /** Records that all of them have had together. */
  get records(): number {
    return this.streams.reduce((sum, { reader }) => sum + reader.records.length, 0)
  }

  /** Resolves when everyone has had some more records, and a challenge, that was answered. */
  async areServed(): Promise<void> {
    const records = this.produced.length + RECORDS_MEANWHILE
    const renewals = this.#renewals
    await vi.waitUntil(() => this.#everyone((reader) => reader.records.length >= records), SOON)
    await Promise.race([this.#renewing, vi.waitUntil(() => this.#renewals > renewals, SOON)])
  }

  /** Nothing more is produced for them. Everyone has every record once, in order, and gets heartbeats from then on. */
  async areServedWhole(): Promise<void> {
    this.#isResting = true
    await this.#producing
    const expected = this.produced
    await vi.waitUntil(() => this.#everyone(({ records }) => records.length >= expected.length), SOON)
    for (const { reader } of this.streams) expect(reader.records).toEqual(expected)
    const heartbeats = this.streams.map(({ reader }) => heartbeatsOf(reader.comments))
    const more = ({ comments }: HeldStream['reader'], at: number) =>
      heartbeatsOf(comments) - (heartbeats[at] ?? 0)
    await vi.waitUntil(() => this.#everyone((reader, at) => more(reader, at) >= HEARTBEATS_MEANWHILE), SOON)
  }

  /** One record in between, at the next turn of those that come steadily. */
  async insert(value: string): Promise<void> {
    const { kafka, topic } = this.#options
    this.#isResting = true
    await this.#producing
    await kafka.produce(topic, { value })
    this.produced.push(value)
    this.#isResting = false
    this.#producing = this.#produce()
  }

  /** All leave, and none had left before. Each had one challenge for each exp; the next one may be under way. */
  async leave(): Promise<void> {
    this.#isLeaving = true
    await this.#renewing
    for (const { reader, overAtMs } of this.streams) {
      expect(overAtMs).toBe(Number.POSITIVE_INFINITY)
      expect([this.#renewals, this.#renewals + 1]).toContain(challengesOf(reader))
    }
    this.close()
  }

  close(): void {
    this.#isResting = true
    for (const connection of this.#connections) connection.close()
  }

  #everyone(holds: (reader: HeldStream['reader'], at: number) => boolean): boolean {
    return this.streams.every(({ reader }, at) => holds(reader, at))
  }

  async #open(): Promise<void> {
    const { server, connections, streams } = this.#options
    this.#connections.push(
      ...(await Promise.all(Array.from({ length: connections }, () => HeldConnection.open(server)))),
    )
    const token = await server.token(TOKEN_LIFETIME, SUBJECT)
    const opening = this.#connections.flatMap((connection) =>
      Array.from({ length: streams / connections }, () =>
        connection.stream(token, { ':path': '/events?from=latest' }),
      ),
    )
    this.streams.push(...(await Promise.all(opening)))
    for (const { status } of this.streams) expect(status).toBe(200)
    await vi.waitUntil(() => this.#everyone(({ comments }) => comments.includes('ready')), SOON)
  }

  async #produce(): Promise<void> {
    const { kafka, topic } = this.#options
    while (!this.#isResting) {
      const values = Array.from({ length: BATCH }, (_, at) => `record ${this.produced.length + at}`)
      await kafka.produce(topic, ...values.map((value) => ({ value })))
      this.produced.push(...values)
      await pause(BATCH_EVERY_MS)
    }
  }

  /** One answer renews them all, and comes when all have been challenged. */
  async #renew(): Promise<void> {
    const { server } = this.#options
    const isEveryoneChallenged = () => this.#everyone((reader) => challengesOf(reader) > this.#renewals)
    for (;;) {
      await vi.waitUntil(() => isEveryoneChallenged() || this.#isLeaving, SOON)
      if (this.#isLeaving) return
      const token = await server.token(TOKEN_LIFETIME, SUBJECT)
      expect(await this.#connections[0]?.renew(token)).toBe(204)
      this.#renewals++
    }
  }
}

function heartbeatsOf(comments: readonly string[]): number {
  return comments.filter((comment) => comment === '').length
}

function challengesOf({ events }: HeldStream['reader']): number {
  return events.filter(({ event }) => event === 'challenge').length
}
