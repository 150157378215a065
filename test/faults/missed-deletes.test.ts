// A server is stopped for longer than Kafka keeps tombstones, while its streams stay open. A key is deleted, and Kafka
// drops the tombstone. No client may keep the key: not on new streams, not on the open one, not after coming back.

import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { bootstrapServers, CLEANED_SOON, Kafka } from '../kafka/kafka.ts'
import { RecordedTopic } from '../kafka/recorded-topic.ts'
import { ServerProcess } from '../support/server-process.ts'
import { HeldConnection, type HeldStream } from './held-connection.ts'

/** Longer than what Kafka last told of a partition's end is a proof, however short a time it keeps tombstones. */
const STOPPED_MS = 32_000
const SOON = { timeout: 30_000, interval: 100 }

describe.skipIf(bootstrapServers === null)('A server that missed a delete', { timeout: 150_000 }, () => {
  let kafka: Kafka
  let topic: string
  let server: ServerProcess

  beforeAll(async () => {
    kafka = new Kafka(bootstrapServers)
    topic = await kafka.createTopic({ config: CLEANED_SOON })
    const settings = { WORKERS: '1', HEARTBEAT_SECONDS: '1', KAFKA_DELETE_RETENTION_SECONDS: '1' }
    server = await ServerProcess.open(kafka.bootstrapServers, topic, { settings })
  })
  afterAll(async () => {
    await server.close()
    await kafka.close()
  })

  const put = (key: string, value: string | null, partition = 0) =>
    kafka.produce(topic, { key, value, partition })

  async function opener() {
    const [connection, token] = await Promise.all([HeldConnection.open(server), server.token('+1h')])
    onTestFinished(() => connection.close())
    return (headers: Record<string, string> = {}) => connection.stream(token, headers)
  }

  /** What Kafka holds by now, tombstones as null. */
  async function held(): Promise<(string | null)[]> {
    const read = new RecordedTopic()
    try {
      await read.open({ bootstrapServers: kafka.bootstrapServers }, topic)
      await read.caughtUp()
      return read.values()
    } finally {
      await read.app.close()
    }
  }

  /** The server has asked Kafka for the ends of all partitions since this was called: it reads one more. */
  async function isLookedAt(stream: HeldStream): Promise<void> {
    await kafka.addPartitions(topic, 2)
    await put('other', 'other', 1)
    await vi.waitUntil(() => stream.reader.records.includes('other'), SOON)
  }

  it('reads the topic again, and tells the clients that may keep the key', async () => {
    await put('deleted', 'deleted')
    await put('kept', 'kept')
    const open = await (await opener())()
    await vi.waitUntil(() => open.reader.records.includes('kept'), SOON)
    await isLookedAt(open)
    const before = open.reader.lastId
    process.kill(server.pid, 'SIGSTOP')
    const stoppedAtMs = performance.now()
    try {
      // Kafka answers the question that was open when the server was stopped with this one.
      await put('roll', 'the first')
      await pause(2_000)
      await put('deleted', null)
      await vi.waitUntil(
        async () => {
          await put('roll', 'roll')
          const values = await held()
          return !values.includes(null) && !values.includes('deleted')
        },
        { timeout: 40_000, interval: 400 },
      )
      await pause(Math.max(0, stoppedAtMs + STOPPED_MS - performance.now()))
    } finally {
      process.kill(server.pid, 'SIGCONT')
    }
    await vi.waitUntil(
      () => /deletes below \d+ of partition 0 may have been missed/.test(server.output),
      SOON,
    )
    const open2 = await opener()
    const fresh = await open2()
    await vi.waitUntil(() => fresh.reader.records.includes('roll'), SOON)
    expect(fresh.reader.records).not.toContain('deleted')
    const back = await open2({ 'last-event-id': before })
    await vi.waitUntil(() => back.reader.records.includes('roll'), SOON)
    expect(back.reader.comments).toContain('gap deletes-dropped')
    expect(back.reader.records.sort()).toEqual(['kept', 'other', 'roll'])
    await vi.waitUntil(() => open.reader.comments.includes('gap deletes-dropped'), SOON)
    const since = open.reader.events.findLastIndex(({ data }) => data === 'deleted')
    await vi.waitUntil(
      () => open.reader.records.slice(since + 1).filter((each) => each === 'kept').length === 2,
      SOON,
    )
    expect(open.reader.records.filter((each) => each === 'deleted')).toHaveLength(1)
  })
})
