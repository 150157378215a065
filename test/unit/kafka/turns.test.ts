// How long reading Kafka holds the event loop, in CPU time, with the most partitions and topics: from the first refresh
// until all is read, and while records come. Every turn is measured.

import { describe, expect, it } from 'vitest'
import { Reader } from '../../../plugins/kafka/following/reader.ts'
import { Outage } from '../../../plugins/kafka/troubles/outage.ts'
import { Bus } from '../../../src/bus/bus.ts'
import { BUS_OPTIONS } from '../../support/topic-in-memory.ts'
import { KafkaInMemory } from './kafka-in-memory.ts'

const TURN_MS = 20
/**
 * CPU time counts all threads of the process, its garbage collector's, too, which only adds to it: the best of a few
 * runs counts.
 */
const RUNS_MAX = 4
/** A hundred times as many topics may cost a batch this often as much: it would be far more where it grew along. */
const TIMES_MAX = 4

const LOG = { debug: () => {}, info: () => {}, warn: () => {} }

/** Measures every turn of the event loop until it is stopped. */
class TurnWatch {
  private longestMs = 0
  private isOpen = true
  private before = process.cpuUsage()

  constructor() {
    this.next()
  }

  /** Since the last call. */
  takeLongestMs(): number {
    const { longestMs } = this
    this.longestMs = 0
    return longestMs
  }

  stop(): void {
    this.isOpen = false
  }

  private next(): void {
    if (!this.isOpen) return
    const { user, system } = process.cpuUsage(this.before)
    this.before = process.cpuUsage()
    this.longestMs = Math.max(this.longestMs, (user + system) / 1000)
    setImmediate(() => this.next())
  }
}

describe.each([
  ['a topic of 10,000 partitions', 1, 10_000],
  ['200 topics of 4 partitions', 200, 4],
])('%s', (what, topics, partitions) => {
  it('holds the event loop for no longer than 20 ms at a time', { timeout: 90_000 }, async () => {
    let longest = { atStartMs: TURN_MS, afterwardsMs: TURN_MS }
    for (let run = 0; run < RUNS_MAX && worstOf(longest) >= TURN_MS; run++) {
      longest = await measure(topics, partitions)
      const { atStartMs, afterwardsMs } = longest
      console.log(
        `${what}: ${atStartMs.toFixed(1)} ms at the start, ${afterwardsMs.toFixed(1)} ms afterwards`,
      )
    }
    expect(worstOf(longest)).toBeLessThan(TURN_MS)
  })
})

describe('A batch', () => {
  it('costs as much as it has topics, however many are followed', async () => {
    const [few, many] = [await batchCost(30), await batchCost(3_000)]
    console.log(`a hundred batches beside 30 topics ${few} µs, beside 3,000 ${many} µs`)
    expect(many).toBeLessThan(Math.max(few, 500) * TIMES_MAX)
  })
})

/**
 * CPU time of a hundred batches of one record, in µs: the least of several runs, because anything else only adds to it.
 */
async function batchCost(topics: number): Promise<number> {
  const kafka = new KafkaInMemory()
  const reader = createReader(kafka)
  for (let index = 0; index < topics; index++) {
    kafka.hold(`topic-${index}`, [0, 0])
    reader.feed(`topic-${index}`, new Bus({ ...BUS_OPTIONS }), LOG)
  }
  await until(() => kafka.live.assigned.size === topics)
  let least = Number.POSITIVE_INFINITY
  for (let run = 0; run < 7; run++) {
    const before = process.cpuUsage()
    for (let batch = 0; batch < 100; batch++) {
      kafka.tell('topic-0', 0, run * 100 + batch)
      kafka.live.events.onBatchEnd()
    }
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, user + system)
  }
  await reader.close()
  return least
}

function createReader(kafka: KafkaInMemory): Reader {
  return new Reader({
    name: 'streams',
    outage: new Outage('kafka:9092', () => performance.now()),
    inquire: async () => new Map(),
    bootstrapServers: 'kafka:9092',
    createConsumer: kafka.createConsumer,
    nowMs: () => performance.now(),
    random: () => 0.5,
  })
}

function worstOf({ atStartMs, afterwardsMs }: { atStartMs: number; afterwardsMs: number }): number {
  return Math.max(atStartMs, afterwardsMs)
}

/** The longest turns from the first look until everything is read from its beginning, and from then on. */
async function measure(topics: number, partitions: number) {
  const kafka = new KafkaInMemory()
  const reader = createReader(kafka)
  const buses = new Map(
    Array.from({ length: topics }, (_, index) => [`topic-${index}`, new Bus({ ...BUS_OPTIONS })]),
  )
  // Every second partition holds a record.
  for (const name of buses.keys()) {
    kafka.hold(name, ...Array.from({ length: partitions }, (_, index): [number, number] => [0, index % 2]))
  }
  const watch = new TurnWatch()
  for (const [name, bus] of buses) reader.feed(name, bus, LOG)
  await until(() => kafka.behind.assigned.size + kafka.live.assigned.size === topics * partitions)
  const atStartMs = watch.takeLongestMs()
  for (let partition = 1; partition < partitions; partition += 2) {
    for (const name of buses.keys()) kafka.tell(name, partition, 0)
    kafka.live.events.onBatchEnd()
    if (partition % 50 === 1) await new Promise((resolve) => setImmediate(resolve))
  }
  await until(() => [...buses.values()].every(({ caughtUp }) => caughtUp))
  await until(() => kafka.behind.assigned.size === 0)
  const { reads } = kafka
  await until(() => kafka.reads > reads + 60)
  const afterwardsMs = watch.takeLongestMs()
  watch.stop()
  await reader.close()
  return { atStartMs, afterwardsMs }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}
