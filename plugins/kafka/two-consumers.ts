// A source of two consumers. What has come to the end of its partition is read by one; what is still on its way there, by the
// other, a batch at a time: so nobody's next record waits behind the million that a consumer has fetched of another topic.

import type { KafkaRecord } from '../../src/topic.ts'
import type { ConsumerEvents, RecordSource } from './consumer.ts'
import type { ListedPartition } from './questions.ts'

/** How long to wait for a record that is on its way: the others are not looked for meanwhile. */
const BEHIND_WAIT_MS = 5
/** How often the one that has nothing to read is read all the same: what librdkafka has to say piles up until then. */
const IDLE_READ_MS = 1000

export class TwoConsumers implements RecordSource {
  private readonly caughtUp: RecordSource
  private readonly behind: RecordSource
  /** What `behind` reads, by topic and partition: where it goes on once its end was seen, null before. */
  private readonly onTheirWay = new Map<string, Map<number, number | null>>()
  /** What `caughtUp` reads, by topic. */
  private readonly arrived = new Map<string, Set<number>>()
  private readonly nowMs: () => number
  private idleReadAtMs: number

  /** `nowMs`: only differences count. */
  constructor(
    createConsumer: (events: ConsumerEvents) => RecordSource,
    events: ConsumerEvents,
    nowMs: () => number,
  ) {
    this.nowMs = nowMs
    this.idleReadAtMs = nowMs()
    this.caughtUp = createConsumer(events)
    this.behind = createConsumer({
      ...events,
      onRecord: (topic, record) => {
        this.noteRecord(topic, record)
        events.onRecord(topic, record)
      },
      onEnd: (topic, partition, offset) => {
        this.noteEnd(topic, partition, offset)
        events.onEnd(topic, partition, offset)
      },
    })
  }

  async connect(): Promise<void> {
    await Promise.all([this.caughtUp.connect(), this.behind.connect()])
  }

  /** Asked by both: librdkafka takes up to a second to begin with a topic of which it has not heard. */
  async partitions(topic: string): Promise<ListedPartition[]> {
    const [listed] = await Promise.all([this.caughtUp.partitions(topic), this.behind.partitions(topic)])
    return listed
  }

  starts(topic: string, partitions: readonly number[]): Promise<Map<number, number>> {
    return this.caughtUp.starts(topic, partitions)
  }

  ends(topic: string, partitions: readonly number[]): Promise<Map<number, number>> {
    return this.caughtUp.ends(topic, partitions)
  }

  assign(topic: string, offsets: ReadonlyMap<number, number>): void {
    this.behind.assign(topic, offsets)
    const added = [...offsets.keys()].map((partition) => [partition, null] as const)
    this.onTheirWay.set(topic, new Map([...(this.onTheirWay.get(topic) ?? []), ...added]))
  }

  /** A partition that neither reads is left as it is: taking it back once more has to be possible. */
  unassign(topic: string, partitions: readonly number[]): void {
    const behind = partitions.filter((partition) => this.onTheirWay.get(topic)?.has(partition))
    if (behind.length > 0) this.takeBack(topic, behind)
    const arrived = partitions.filter((partition) => this.arrived.get(topic)?.has(partition))
    if (arrived.length === 0) return
    this.caughtUp.unassign(topic, arrived)
    forget(this.arrived, topic, arrived)
  }

  /** What is new of those that have caught up comes first. Where none is behind, it is waited for as long as a consumer does. */
  async read(): Promise<void> {
    if (this.onTheirWay.size === 0) {
      await this.caughtUp.read()
      return this.readIdle(this.behind)
    }
    try {
      await (this.arrived.size > 0 ? this.caughtUp.read(0) : this.readIdle(this.caughtUp))
    } finally {
      await this.readBehind() // whatever is wrong with the others
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.caughtUp.close(), this.behind.close()])
  }

  private async readBehind(): Promise<void> {
    try {
      await this.behind.read(BEHIND_WAIT_MS)
    } finally {
      this.moveOver()
    }
  }

  private async readIdle(consumer: RecordSource): Promise<void> {
    const nowMs = this.nowMs()
    if (nowMs - this.idleReadAtMs < IDLE_READ_MS) return
    this.idleReadAtMs = nowMs
    await consumer.read(0)
  }

  /** What comes behind the end, in the same batch, is read. */
  private noteRecord(topic: string, { partition, offset }: KafkaRecord): void {
    const partitions = this.onTheirWay.get(topic)
    if (partitions?.get(partition) != null) partitions.set(partition, offset + 1)
  }

  private noteEnd(topic: string, partition: number, offset: number): void {
    const partitions = this.onTheirWay.get(topic)
    if (partitions?.has(partition)) partitions.set(partition, offset)
  }

  /** Partitions whose end was seen go on with the others, from where they are. Until that is so, they stay where they are. */
  private moveOver(): void {
    for (const [topic, partitions] of this.onTheirWay) {
      const offsets = new Map<number, number>()
      for (const [partition, next] of partitions) if (next !== null) offsets.set(partition, next)
      if (offsets.size === 0) continue
      this.caughtUp.assign(topic, offsets)
      this.arrived.set(topic, new Set([...(this.arrived.get(topic) ?? []), ...offsets.keys()]))
      this.takeBack(topic, [...offsets.keys()])
    }
  }

  private takeBack(topic: string, partitions: readonly number[]): void {
    this.behind.unassign(topic, partitions)
    forget(this.onTheirWay, topic, partitions)
  }
}

function forget(
  known: Map<string, { delete(partition: number): boolean; readonly size: number }>,
  topic: string,
  partitions: readonly number[],
): void {
  const left = known.get(topic)
  for (const partition of partitions) left?.delete(partition)
  if (left?.size === 0) known.delete(topic)
}
