// What a check reads of a topic, where a broker that leads some of its partitions says nothing.

import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { TopicPartition } from '../../../plugins/kafka/client/questions.ts'
import type { ConsumerEvents, RecordSource } from '../../../plugins/kafka/client/record-source.ts'
import { sampleTopic } from '../../../src/check/topic-sample.ts'
import { pass } from '../../support/time.ts'

const TOPIC = 'events'
const TIMED_OUT = Object.assign(new Error('Local: Timed out'), { code: -185 })
/** By partition. */
const LEADERS = [1, 2, 1, 2]

/** Empty partitions of two brokers, of which those in `silent` do not answer. */
class TwoBrokers implements RecordSource {
  readonly silent = { questions: new Set<number>(), reads: new Set<number>() }
  private readonly events: ConsumerEvents
  private readonly assigned = new Set<number>()

  constructor(events: ConsumerEvents) {
    this.events = events
  }

  async connect() {}
  async close() {}
  async partitions() {
    return new Map([[TOPIC, LEADERS.map((leader, partition) => ({ partition, leader }))]])
  }
  starts(asked: readonly TopicPartition[]) {
    return this.offsets(asked)
  }
  ends(asked: readonly TopicPartition[]) {
    return this.offsets(asked)
  }
  assign(added: readonly TopicPartition[]) {
    for (const { partition } of added) this.assigned.add(partition)
  }
  unassign(removed: readonly TopicPartition[]) {
    for (const { partition } of removed) this.assigned.delete(partition)
  }
  async read() {
    await pause(100)
    for (const partition of this.assigned)
      if (!this.silent.reads.has(LEADERS[partition] ?? 0)) this.events.onEnd(TOPIC, partition, 0)
    this.events.onBatchEnd()
  }

  /** librdkafka drops the whole answer if one of several leaders is late. */
  private async offsets(asked: readonly TopicPartition[]) {
    if (asked.some(({ partition }) => this.silent.questions.has(LEADERS[partition] ?? 0))) throw TIMED_OUT
    return new Map([[TOPIC, new Map(asked.map(({ partition }) => [partition, 0]))]])
  }
}

async function sampled(silence: Partial<Record<keyof TwoBrokers['silent'], number>>) {
  vi.useFakeTimers()
  try {
    const sample = sampleTopic({ bootstrapServers: 'kafka:9092' }, TOPIC, (events) => {
      const source = new TwoBrokers(events)
      for (const what of ['questions', 'reads'] as const) source.silent[what].add(silence[what] ?? 0)
      return source
    })
    await pass(10_000)
    return await sample
  } finally {
    vi.useRealTimers()
  }
}

describe('A sample of a topic', () => {
  it('has all of a topic that can be read', async () => {
    const { bounds, failure, silent } = await sampled({})
    expect([bounds.map(({ partition }) => partition), failure, silent]).toEqual([[0, 1, 2, 3], null, []])
  })

  it('names the partitions of a leader of which nothing could be read', async () => {
    expect(await sampled({ reads: 2 })).toMatchObject({ failure: null, silent: [1, 3] })
  })

  it('has the bounds of all partitions but those of a leader that does not answer', async () => {
    const { bounds } = await sampled({ questions: 2 })
    expect(bounds.map(({ partition }) => partition)).toEqual([0, 2])
  })
})
