// The broker is absent, killed, and back: these tests start one of their own.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { canStartKafka, Kafka } from '../kafka/kafka.ts'
import { type RealKafka, startRealKafka } from '../kafka/real-kafka.ts'
import { RecordedTopic } from '../kafka/recorded-topic.ts'

const SOON = { timeout: 30_000 }

describe.skipIf(!canStartKafka)('The Kafka plugin without its broker', () => {
  let broker: RealKafka
  let kafka: Kafka
  let recorded: RecordedTopic

  beforeAll(async () => {
    broker = await startRealKafka()
    kafka = new Kafka(broker.bootstrapServers)
  })
  beforeEach(async () => {
    if (!broker.isRunning) await broker.start()
  })
  afterAll(async () => {
    await kafka.close()
    await broker.close()
  })
  afterEach(() => recorded.app.close())

  async function open(topic: string) {
    recorded = new RecordedTopic()
    return recorded.open({ bootstrapServers: broker.bootstrapServers }, topic)
  }

  it('opens topics at once without a broker, warns once, and begins when one comes', async () => {
    const topic = await kafka.createTopic({ partitions: 2 })
    await kafka.produce(topic, { value: 'held', partition: 1 })
    await broker.kill()
    const opened = await open(topic)
    const asked = opened.watermarks(AbortSignal.timeout(40_000))
    const unreachable = new RegExp(
      `^Kafka is not reachable at ${broker.bootstrapServers}: .*Connection refused$`,
    )
    await vi.waitFor(() => expect(opened.notReady()).toMatch(unreachable), SOON)
    await broker.start()
    await recorded.caughtUp()
    expect(opened.notReady()).toBeNull()
    expect(recorded.values()).toEqual(['held'])
    const marks = new Map([
      [0, { start: 0, end: 0 }],
      [1, { start: 0, end: 1 }],
    ])
    // A broker that has just come back may be slow to lead what it held: that partition is null.
    for (const [partition, told] of await asked) expect([null, marks.get(partition)]).toContainEqual(told)
    expect(await opened.watermarks(AbortSignal.timeout(40_000))).toEqual(marks)
    expect(recorded.warnings()).toEqual([expect.stringMatching(unreachable)])
  })

  it('goes on where it was after the broker was killed and came back, loses nothing and repeats nothing', async () => {
    const topic = await kafka.createTopic()
    await kafka.produce(topic, { value: 'before' })
    const opened = await open(topic)
    await recorded.caughtUp()
    await broker.kill()
    await vi.waitFor(() => expect(opened.notReady()).toMatch(/not reachable/), SOON)
    const asked = opened.watermarks(AbortSignal.timeout(40_000))
    await broker.start()
    await kafka.produce(topic, { value: 'after' })
    await vi.waitFor(() => expect(recorded.values()).toEqual(['before', 'after']), SOON)
    await vi.waitFor(() => expect(opened.notReady()).toBeNull(), SOON)
    expect((await asked).get(0)?.start).toBe(0)
    // A broker that has just come back may be slow to lead what it held, which is told apart.
    const told = recorded.warnings().filter((line) => !/no (leader|answer)/.test(line))
    expect(told).toEqual([expect.stringMatching(/^Kafka is not reachable/)])
    expect(recorded.lines.map(({ msg }) => msg)).toContain(`Kafka answers: ${broker.bootstrapServers}`)
  })

  it('closes within a second while the broker is away, and rejects pending questions for watermarks', async () => {
    const topic = await kafka.createTopic()
    await broker.kill()
    const opened = await open(topic)
    const asked = opened.watermarks(new AbortController().signal).catch((error: Error) => error.message)
    await vi.waitFor(() => expect(opened.notReady()).toMatch(/not reachable/), SOON)
    const began = performance.now()
    await recorded.app.close()
    expect(performance.now() - began).toBeLessThan(1_000)
    expect(await asked).toBe('The Kafka consumer is closed')
  })

  it('reports a broker that hangs, and closes within a second while it waits for an answer', async () => {
    const topic = await kafka.createTopic()
    const opened = await open(topic)
    await recorded.caughtUp()
    broker.freeze()
    onTestFinished(() => broker.thaw())
    await vi.waitFor(() => expect(opened.notReady()).toMatch(/not reachable/), SOON)
    // The answer before did not come in time, so for this one it waits longer than a second.
    const asked = expect(opened.watermarks(new AbortController().signal)).rejects.toThrow('closed')
    await nextTurn()
    const began = performance.now()
    await recorded.app.close()
    expect(performance.now() - began).toBeLessThan(1_000)
    broker.thaw()
    await asked
  })
})
