// A topic, its brokers and its buses in a random course of events: at the end every bus has every record once, in
// order. librdkafka is simulated: it stops where it cannot read, and tells it once.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { TopicPartition } from '../../../plugins/kafka/client/questions.ts'
import type {
  AssignedPartition,
  ConsumerEvents,
  RecordSource,
} from '../../../plugins/kafka/client/record-source.ts'
import { FollowedTopic } from '../../../plugins/kafka/following/followed-topic.ts'
import type { RecordWriter, TopicFeed } from '../../../plugins/kafka/following/topic-feed.ts'
import { TwoConsumers } from '../../../plugins/kafka/following/two-consumers.ts'
import type { KafkaRecord, Watermarks } from '../../../src/bus/record.ts'

const TOPIC = 't'
const BUSES_MAX = 4
/** Time that passes with each thing that happens. */
const STEP_MS = 50
/** After so long, a consumer that was not answered is asked again. */
const UNANSWERED_MS = 10_000
const LOG = { debug: () => {}, info: () => {}, warn: () => {} }

interface SimulatedKafka {
  logs: Watermarks[]
  /** Which of the topics by this name it is. */
  generation: number
  isDeaf: boolean
  /** How many assignments fail, at the most. */
  assignErrors: number
  /** What must not be. */
  readonly problems: string[]
  /** A number from 0 on, below this one. */
  readonly draw: (below: number) => number
}

interface Assignment {
  offset: number
  isStopped: boolean
  readonly generation: number
  endTold: number
}

class SimulatedConsumer implements RecordSource {
  private readonly kafka: SimulatedKafka
  private readonly events: ConsumerEvents
  private readonly assigned = new Map<number, Assignment>()

  constructor(kafka: SimulatedKafka, events: ConsumerEvents) {
    this.kafka = kafka
    this.events = events
  }

  connect = async () => {}
  close = async () => {}
  starts = async () => new Map()
  ends = async () => new Map()

  async partitions() {
    if (this.kafka.isDeaf) throw new Error('Local: Timed out')
    return new Map()
  }

  assign(partitions: readonly AssignedPartition[]): void {
    const { draw, generation, problems } = this.kafka
    if (this.kafka.assignErrors > 0 && draw(3) === 0) {
      this.kafka.assignErrors--
      throw new Error('Local: Erroneous state')
    }
    for (const { partition, offset } of partitions) {
      if (this.assigned.has(partition)) problems.push(`${partition} is assigned already`)
      this.assigned.set(partition, { offset, isStopped: false, generation, endTold: -1 })
    }
  }

  unassign(partitions: readonly TopicPartition[]): void {
    for (const { partition } of partitions)
      if (!this.assigned.delete(partition)) this.kafka.problems.push(`${partition} is not assigned`)
  }

  async read(): Promise<void> {
    for (const [partition, assignment] of this.assigned) {
      const isHeld = assignment.generation !== this.kafka.generation || this.kafka.draw(3) === 0
      if (!assignment.isStopped && !isHeld) this.readOne(partition, assignment)
    }
    this.events.onBatchEnd()
  }

  stop(partition: number): void {
    const assignment = this.assigned.get(partition)
    if (assignment === undefined || assignment.isStopped) return
    assignment.isStopped = true
    this.events.onStop({ topic: TOPIC, partition, isTruncated: false })
  }

  private readOne(partition: number, assignment: Assignment): void {
    const { start, end } = this.kafka.logs[partition] ?? { start: 0, end: 0 }
    if (assignment.offset < start || assignment.offset > end) {
      this.stop(partition)
      return
    }
    for (let left = this.kafka.draw(5); left > 0 && assignment.offset < end; left--)
      this.events.onRecord(TOPIC, recordAt(partition, assignment.offset++))
    if (assignment.offset < end || assignment.endTold === end) return
    assignment.endTold = end
    this.events.onEnd(TOPIC, partition, end)
  }
}

function recordAt(partition: number, offset: number): KafkaRecord {
  return { partition, offset, timestampMs: -1, key: null, value: null, headers: [] }
}

/** A bus that minds what it is told. */
class Bus implements RecordWriter {
  private readonly kafka: SimulatedKafka
  private readonly ends = new Map<number, number>()

  constructor(kafka: SimulatedKafka) {
    this.kafka = kafka
  }

  trim = () => {}
  publish = () => {}
  markCaughtUp = () => {}
  maintain = () => false
  noteEnd = () => {}
  missed: RecordWriter['missed'] = null
  recreate = () => this.ends.clear()
  startOver = () => {
    this.missed = null
    this.recreate()
  }
  readFrom = (marks: ReadonlyMap<number, Watermarks>) =>
    new Map([...marks].map(([partition, { start }]) => [partition, start]))

  end(partition: number): number {
    return this.ends.get(partition) ?? 0
  }
  setPartition(partition: number, start: number): void {
    if (start >= 0) this.ends.set(partition, start)
  }
  append({ partition, offset }: KafkaRecord): void {
    // Now and then it may have missed deletes.
    if (this.missed === null && this.kafka.draw(200) === 0) this.missed = { partition, to: offset }
    if (this.missed !== null) return
    const end = this.end(partition)
    if (offset !== end) this.kafka.problems.push(`${offset} of ${partition} came in place of ${end}`)
    this.ends.set(partition, offset + 1)
  }
  advance(partition: number, offset: number): void {
    const end = this.end(partition)
    if (offset > end) this.kafka.problems.push(`${end} to ${offset} of ${partition} were passed over`)
  }
  skip(partition: number, start: number): void {
    const kept = this.kafka.logs[partition]?.start ?? 0
    if (start > kept) this.kafka.problems.push(`${kept} to ${start} of ${partition} were skipped`)
    this.ends.set(partition, Math.max(start, this.end(partition)))
  }
}

/** Everything that reads one topic, except the loops of a reader: the test calls each part. */
class World {
  readonly kafka: SimulatedKafka
  private readonly consumers: SimulatedConsumer[] = []
  private readonly changed = new Set<TopicFeed>()
  private readonly source: TwoConsumers
  private readonly topic: FollowedTopic
  private readonly fed: [feed: TopicFeed, bus: Bus][] = []
  private nowMs = 0
  private lookStep: 'list' | 'ask' | 'take' = 'list'
  private told = new Map<number, Watermarks>()

  constructor(partitions: number, seed: number) {
    const draw = drawFrom(seed)
    const logs = Array.from({ length: partitions }, () => ({ start: 0, end: draw(6) }))
    this.kafka = { logs, generation: 1, isDeaf: false, assignErrors: 0, problems: [], draw }
    const createConsumer = (events: ConsumerEvents) => {
      const consumer = new SimulatedConsumer(this.kafka, events)
      this.consumers.push(consumer)
      return consumer
    }
    const heard = { onTrouble() {}, onLog() {}, onTopicId() {}, onStop() {} }
    const events = { ...heard, onBatchEnd: () => this.show() }
    this.source = new TwoConsumers(createConsumer, events, () => this.nowMs)
    const { source, changed } = this
    this.topic = new FollowedTopic({ name: TOPIC, source, changed, onChanged: () => {} })
    this.topic.noteTopicId('1')
    this.come()
  }

  come(): void {
    if (this.fed.length === BUSES_MAX) return
    const bus = new Bus(this.kafka)
    this.fed.push([this.topic.add(bus, LOG), bus])
  }

  go(which: number): void {
    if (this.fed.length === 1) return
    for (const [feed] of this.fed.splice(which % this.fed.length, 1)) this.topic.remove(feed)
  }

  async read(): Promise<void> {
    // An assignment that failed is tried again with the next one.
    await this.source.read().catch(() => {})
    this.show()
  }

  look(): void {
    const { logs } = this.kafka
    if (this.lookStep === 'list') {
      this.topic.list(logs.map((_, partition) => ({ partition, leader: 1 })))
      this.lookStep = 'ask'
    } else if (this.lookStep === 'ask') {
      this.told = new Map(logs.map((log, partition) => [partition, { ...log }]))
      this.lookStep = 'take'
    } else {
      this.topic.take(this.told, { nowMs: this.nowMs, epochMs: this.nowMs })
      this.topic.endRefresh(this.nowMs, this.nowMs)
      this.lookStep = 'list'
    }
  }

  write(partition: number, records: number): void {
    this.change(partition, ({ start, end }) => ({ start, end: end + records }))
  }

  deleteRecords(partition: number, records: number): void {
    this.change(partition, ({ start, end }) => ({ start: Math.min(end, start + records), end }))
  }

  stop(partition: number): void {
    for (const consumer of this.consumers)
      if (this.kafka.draw(2) === 0) consumer.stop(partition % this.kafka.logs.length)
  }

  async setDeaf(isDeaf: boolean): Promise<void> {
    this.kafka.isDeaf = isDeaf
    this.nowMs += UNANSWERED_MS
    await this.source.prepare([TOPIC])
  }

  recreate(): void {
    const { kafka } = this
    kafka.generation++
    kafka.logs = kafka.logs.map(() => ({ start: 0, end: kafka.draw(5) }))
    this.topic.noteTopicId(`${kafka.generation}`)
    this.lookStep = 'list'
  }

  passTime(): void {
    this.nowMs += STEP_MS
  }

  async comeToRest(): Promise<void> {
    this.kafka.assignErrors = 0
    for (let at = 0; at < 200; at++) {
      this.passTime()
      await this.read()
      if (at % 5 === 0) this.look()
    }
  }

  /** How far each bus has come. */
  get ends(): number[][] {
    return this.fed.map(([, bus]) => this.kafka.logs.map((_, partition) => bus.end(partition)))
  }

  private change(which: number, change: (log: Watermarks) => Watermarks): void {
    const { logs } = this.kafka
    this.kafka.logs = logs.map((log, partition) => (partition === which % logs.length ? change(log) : log))
  }

  private show(): void {
    for (const feed of this.changed) this.topic.show(feed, this.nowMs)
    this.changed.clear()
  }
}

function drawFrom(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state >>> 16) % below
  }
}

type Happening = [what: string, which: number, howMany: number]

const happens: Record<string, (world: World, which: number, howMany: number) => unknown> = {
  write: (world, which, howMany) => world.write(which, howMany),
  read: (world) => world.read(),
  look: (world) => world.look(),
  come: (world) => world.come(),
  go: (world, which) => world.go(which),
  delete: (world, which, howMany) => world.deleteRecords(which, howMany),
  stop: (world, which) => world.stop(which),
  'fail to assign': ({ kafka }) => {
    kafka.assignErrors = 2
  },
  'be deaf': (world, which) => world.setDeaf(which % 2 === 0),
  recreate: (world) => world.recreate(),
}

/** The usual comes more often than the rest. */
const happening: fc.Arbitrary<Happening> = fc.tuple(
  fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('read', 'look') },
    { weight: 4, arbitrary: fc.constantFrom('write', 'come', 'stop') },
    { weight: 4, arbitrary: fc.constantFrom(...Object.keys(happens)) },
  ),
  fc.nat(11),
  fc.nat(3),
)

it('brings every record once, in order, to every bus, in any course of events', async () => {
  const happenings = fc.array(happening, { minLength: 5, maxLength: 100, size: 'max' })
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.nat(), happenings, async (partitions, seed, all) => {
      const world = new World(partitions, seed)
      for (const [what, which, howMany] of all) {
        world.passTime()
        await happens[what]?.(world, which, howMany)
      }
      await world.comeToRest()
      const { logs, problems } = world.kafka
      expect(problems).toEqual([])
      for (const ends of world.ends) expect(ends).toEqual(logs.map(({ end }) => end))
    }),
    { numRuns: 500 },
  )
})
