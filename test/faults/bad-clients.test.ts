// Bad clients beside good ones: what the bad ones get, and that the good ones get everything they should.
// docs/limits.md, "What a bad client gets", has the rows. Here are counts and promises;
// bench/workloads/bystanders.mjs has the times.

import { constants } from 'node:http2'
import { getDefaultHighWaterMark } from 'node:stream'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { bootstrapServers, Kafka } from '../kafka/kafka.ts'
import { ServerProcess, type Token } from '../support/server-process.ts'
import { Bystanders } from './bystanders.ts'
import { HeldConnection } from './held-connection.ts'
import { RestlessClient } from './restless-client.ts'
import { SlowReader, WINDOW_BYTES } from './slow-reader.ts'

/** What there is from the beginning: 32 MB, more than lies in any socket or window. */
const STORED = Array.from({ length: 16_000 }, (_, at) => `stored ${at} `.padEnd(2_000, '.'))
/** An event is its value and, around it, `data:`, `id:` and an id. */
const STORED_EVENT_BYTES_MAX = 2_040
const LARGE = 'large '.padEnd(1024 * 1024, '.')
const LIVE = '/events?from=latest'
const MANY = 500
const FEW = 10
const VISITS = 200
const STALLED_SECONDS = 3
const SETTINGS = {
  KAFKA_REPLAY: 'all',
  KAFKA_RETAINED_BYTES_MAX: `${48 * 1024 * 1024}`,
  STALLED_SECONDS: `${STALLED_SECONDS}`,
  HEARTBEAT_SECONDS: '0.5',
  CHALLENGE_SECONDS: '6',
  STREAMS_PER_SUBJECT_MAX: `${MANY}`,
  // What holds without it: test/http/rate-limits.test.ts has the rates.
  CONNECTS_PER_SECOND_PER_SUBJECT_MAX: '1000000',
  LOG_LEVEL: 'info',
}
const SLOW_BYTES_PER_SECOND = 1_000
/** A client that takes 16 KiB a second is never too slow: each 16 KiB of a write gets a second more. */
const ENOUGH_BYTES_PER_SECOND = 24 * 1024
/** The largest write of a stream that was quick before. */
const WRITE_BYTES_MAX = 128 * 1024
/** Under way to one of them: its window, what Node's client reads ahead (more from Node 22 on), and one write. */
const IN_FLIGHT_BYTES_MAX = WINDOW_BYTES + getDefaultHighWaterMark(false) + WRITE_BYTES_MAX
/** All read the first one. */
const SEGMENT_BYTES = 1024 * 1024
/** Of one that is stuck, its connection included. */
const RESIDENT_BYTES_MAX = 256 * 1024
/** nghttp2 allows this many at once, and 33 a second. */
const RESETS_PER_CONNECTION = 1_000
/** When everyone has left: the connection that asks. */
const NO_CLIENT = { streams: 0, connections: 1 }
const SOON = { timeout: 30_000, interval: 50 }

describe.skipIf(bootstrapServers === null)('A client', { timeout: 90_000 }, () => {
  let kafka: Kafka
  let topic: string
  let server: ServerProcess
  let bystanders: Bystanders
  let before: Awaited<ReturnType<typeof counts>>
  const closing: { close(): void }[] = []

  beforeAll(async () => {
    kafka = new Kafka(bootstrapServers)
    topic = await kafka.createTopic({ config: { 'max.message.bytes': '2000000' } })
    await kafka.produce(topic, ...STORED.map((value) => ({ value })))
    server = await ServerProcess.open(kafka.bootstrapServers, topic, { settings: SETTINGS })
    await vi.waitFor(async () => expect(await server.metric('kafka_sse_ready')).toBe(1), SOON)
  })
  afterAll(async () => {
    await server.close()
    await kafka.close()
  })
  beforeEach(async () => {
    before = await counts()
  })
  afterEach(() => {
    for (const client of closing.splice(0)) client.close()
  })

  async function openBystanders(streams = 20, connections = 4): Promise<void> {
    bystanders = await Bystanders.open({ server, kafka, topic, streams, connections })
    closing.push(bystanders)
  }

  async function openReaders(token: Token, count: number, bytesPerSecond: number, path?: string) {
    const opening = Array.from({ length: count }, () => SlowReader.open(server, token, bytesPerSecond, path))
    const readers = await Promise.all(opening)
    closing.push(...readers)
    return readers as [SlowReader, ...SlowReader[]] // no caller asks for none
  }

  async function openConnection(): Promise<HeldConnection> {
    const connection = await HeldConnection.open(server)
    closing.push(connection)
    return connection
  }

  const open = (what: 'streams' | 'connections') => server.metric(`kafka_sse_${what}_open`)
  const ended = (reason: string) => server.metric(`kafka_sse_streams_ended_total{reason="${reason}"}`)
  const delivered = () => server.metric('kafka_sse_delivered_records_total')
  const resident = () => server.metric('process_resident_memory_bytes')

  async function counts() {
    return {
      slow: await ended('slow'),
      expired: await ended('expired'),
      delivered: await delivered(),
    }
  }

  /** How many records others than the bystanders were handed, whether they have taken them or not. */
  async function handed(): Promise<number> {
    return (await delivered()) - before.delivered - bystanders.records
  }

  /** The bystanders have what was theirs; of the others nothing is left. */
  async function expectAllWell(): Promise<void> {
    for (const client of closing.splice(0)) if (client !== bystanders) client.close()
    closing.push(bystanders)
    await bystanders.leave()
    await expectNobodyLeft()
  }

  async function expectNobodyLeft(): Promise<void> {
    const now = async () => ({ streams: await open('streams'), connections: await open('connections') })
    await vi.waitFor(async () => expect(await now()).toEqual(NO_CLIENT), SOON)
  }

  /** Bytes of segments that are kept only for clients that have yet to take a write of them. */
  const parted = () => server.metric('kafka_sse_segments_parted_bytes')

  /** It may open as many streams as if it had none. */
  async function expectAllPlaces(token: Token): Promise<void> {
    const connection = await openConnection()
    const statuses = async (count: number) => {
      const opening = Array.from({ length: count }, () => connection.stream(token, { ':path': LIVE }))
      return new Set((await Promise.all(opening)).map(({ status }) => status))
    }
    expect(await statuses(MANY)).toEqual(new Set([200]))
    expect(await statuses(1)).toEqual(new Set([429]))
  }

  /** A restless client is answered while it goes on. Afterwards nothing of it is left; no other client noticed it. */
  async function expectServed(
    begin: (client: RestlessClient) => void,
    isEnough: (client: RestlessClient) => boolean,
  ): Promise<RestlessClient> {
    await openBystanders()
    const token = await server.token('+1h', 'restless')
    const restless = new RestlessClient(server, token)
    closing.push(restless)
    begin(restless)
    await bystanders.areServed()
    await vi.waitUntil(() => isEnough(restless), SOON)
    await bystanders.areServedWhole()
    await restless.stop()
    expect(Object.keys(restless.answers)).toEqual(['200'])
    await vi.waitFor(async () => expect(await open('streams')).toBe(bystanders.streams.length), SOON)
    await expectAllPlaces(token)
    await expectAllWell()
    return restless
  }

  it('that asks for everything and reads 1 KB/s is ended as slow, and comes back for the rest', async () => {
    await openBystanders()
    const token = await server.token('+1h', 'slow')
    const [slow] = await openReaders(token, 1, SLOW_BYTES_PER_SECOND)
    const [lagging] = await openReaders(token, 1, ENOUGH_BYTES_PER_SECOND)
    await bystanders.areServed()
    await vi.waitUntil(() => slow.isOver, SOON)
    expect(Date.now() - slow.openedAtMs).toBeGreaterThan(STALLED_SECONDS * 1000)
    expect(slow.endCode).toBe(constants.NGHTTP2_CANCEL)
    await bystanders.areServedWhole()
    const handedBytes = (await handed()) * STORED_EVENT_BYTES_MAX
    expect(handedBytes).toBeLessThan(slow.bytesRead + lagging.bytesRead + 2 * IN_FLIGHT_BYTES_MAX)

    const connection = await openConnection()
    const { reader: back } = await connection.stream(token, { 'last-event-id': slow.reader.lastId })
    await vi.waitUntil(() => back.comments.includes('ready'), SOON)
    expect(numbersOf([...slow.reader.records, ...back.records]).slice(0, STORED.length)).toEqual(
      numbersOf(STORED),
    )
    expect(slow.reader.records.length).toBeGreaterThan(0)
    expect(lagging.isOver).toBe(false)
    const { records } = lagging.reader
    expect(numbersOf(records)).toEqual(numbersOf(STORED).slice(0, records.length))
    expect(await ended('slow')).toBe(before.slow + 1)
    await expectAllWell()
  })

  it('is treated the same 500 times among 500 quick ones, and leaves its place to others', async () => {
    await openBystanders(MANY, 10)
    const residentBytes = await resident()
    const token = await server.token('+1h', 'slow')
    const slow = await openReaders(token, MANY, SLOW_BYTES_PER_SECOND)
    expect(await open('streams')).toBe(2 * MANY)
    const connection = await openConnection()
    expect((await connection.stream(token)).status).toBe(429)
    await bystanders.areServed()
    expect((await resident()) - residentBytes).toBeLessThan(MANY * RESIDENT_BYTES_MAX)
    await vi.waitUntil(() => slow.every(({ isOver }) => isOver), SOON)
    expect(new Set(slow.map(({ endCode }) => endCode))).toEqual(new Set([constants.NGHTTP2_CANCEL]))
    expect(await ended('slow')).toBe(before.slow + MANY)
    await bystanders.areServedWhole()
    const bytesRead = slow.reduce((sum, reader) => sum + reader.bytesRead, 0)
    expect((await handed()) * STORED_EVENT_BYTES_MAX).toBeLessThan(bytesRead + MANY * IN_FLIGHT_BYTES_MAX)

    await expectAllPlaces(token)
    await expectAllWell()
  })

  it('that opens and resets 1,000 streams a second is served, and has its connections ended', async () => {
    const restless = await expectServed(
      (client) => client.openStreams(),
      (client) => client.openingsUntilGoaway.length >= 3,
    )
    expect(Math.min(...restless.openingsUntilGoaway)).toBeGreaterThan(RESETS_PER_CONNECTION)
  })

  it('that opens and closes connections as fast as it can is served, and leaves nothing behind', async () => {
    await expectServed(
      (client) => client.openConnections(),
      (client) => (client.answers[200] ?? 0) >= VISITS,
    )
  })

  it('that reads 1 KB/s when a record of 1 MiB comes is late, and has it whole once it reads on', async () => {
    await openBystanders()
    const [lasting, brief] = await Promise.all([server.token('+1h', 'slow'), server.token('+7s', 'brief')])
    const slow = await openReaders(lasting, FEW, SLOW_BYTES_PER_SECOND, LIVE)
    const [expiring] = await openReaders(brief, 1, SLOW_BYTES_PER_SECOND, LIVE)
    const all = [...slow, expiring]
    await vi.waitUntil(() => all.every(({ reader }) => reader.records.length > 0), SOON)
    await bystanders.insert(LARGE)
    await bystanders.areServed()
    await vi.waitUntil(() => expiring.isOver, SOON)
    expect(expiring.endCode).toBe(constants.NGHTTP2_CANCEL)
    await bystanders.areServedWhole()

    const { produced } = bystanders
    const upToLarge = ({ reader }: SlowReader) =>
      produced.indexOf(LARGE) + 1 - produced.indexOf(reader.records[0] ?? '')
    expect(await handed()).toBe(all.reduce((sum, reader) => sum + upToLarge(reader), 0))
    expect(slow.some(({ isOver }) => isOver)).toBe(false)
    for (const reader of slow) reader.hurry()
    await vi.waitUntil(() => slow.every(({ reader }) => reader.records.at(-1) === produced.at(-1)), SOON)
    for (const { reader } of slow)
      expect(reader.records).toEqual(produced.slice(produced.indexOf(reader.records[0] ?? '')))
    expect(await counts()).toMatchObject({ slow: before.slow, expired: before.expired + 1 })
    await expectAllWell()
  })

  it('that is stuck holds only the segment of its write, and none once it is ended', async () => {
    const token = await server.token('+1h', 'slow')
    const slow = await openReaders(token, FEW, SLOW_BYTES_PER_SECOND)
    await vi.waitUntil(() => slow.every(({ bytesRead }) => bytesRead > 0), SOON)
    await kafka.produce(topic, ...Array.from({ length: 24 }, () => ({ value: LARGE })))
    await vi.waitFor(async () => expect(await parted()).toBe(SEGMENT_BYTES), SOON)
    await vi.waitUntil(() => slow.every(({ isOver }) => isOver), SOON)
    await vi.waitFor(async () => expect(await parted()).toBe(0), SOON)
    for (const reader of slow) reader.close()
    await expectNobodyLeft()
  })
})

/** What tells records apart, without what makes them large. */
function numbersOf(records: readonly string[]): string[] {
  return records.map((record) => record.slice(0, 'stored 15999'.length))
}
