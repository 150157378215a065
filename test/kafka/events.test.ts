// What Kafka does to a topic every day, each with streams open across it: docs/protocol.md says what they must see.

import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { Consumer } from '../../plugins/kafka/client/consumer.ts'
import { forThisTest } from '../support/scene.ts'
import { bootstrapServers, Kafka } from './kafka.ts'
import { KafkaScene, type KafkaSceneOptions } from './kafka-scene.ts'

const SOON = { timeout: 20_000, interval: 20 }

describe.skipIf(bootstrapServers === null)('Streams that stay open', () => {
  let kafka: Kafka

  beforeAll(() => {
    kafka = new Kafka(bootstrapServers)
  })
  afterAll(() => kafka.close())

  async function open(topic: string, options: KafkaSceneOptions = {}): Promise<KafkaScene> {
    return await forThisTest(KafkaScene.open(kafka.bootstrapServers, topic, options))
  }

  const valued = (...values: string[]) => values.map((value) => ({ value }))

  it('follow partitions that are added, within 10 s, and their ids grow', async () => {
    const topic = await kafka.createTopic()
    await kafka.produce(topic, { value: 'one' })
    const scene = await open(topic)
    const stream = await scene.stream()
    await stream.hasSeen('one', 'ready')
    const began = performance.now()
    await kafka.addPartitions(topic, 3)
    await kafka.produce(topic, { value: 'new', partition: 2 })
    await stream.hasSeen('one', 'ready', 'new')
    console.log(`a record of an added partition came after ${Math.round(performance.now() - began)} ms`)
    expect(performance.now() - began).toBeLessThan(10_000)
    expect(stream.position).toEqual({ 0: 1, 1: 0, 2: 1 })
    expect(stream.positions[0]).toEqual(new Map([[0, 1]]))
    // What came before they were added resumes where it was: what it leaves out is read from its beginning.
    const resumed = await scene.stream({ id: 'AQIAAg==' })
    await resumed.hasSeen('new', 'ready')
    expect(scene.warnings()).toEqual([])
  })

  describe('see what was deleted', () => {
    it('do not show if they were read; an id from below the log start is too old', async () => {
      const topic = await kafka.createTopic()
      await kafka.produce(topic, ...valued('a', 'b', 'c', 'd'))
      const scene = await open(topic, { keeps: 'all' })
      const stream = await scene.stream()
      await stream.hasSeen('a', 'b', 'c', 'd', 'ready')
      await kafka.deleteRecords(topic, 0, 3)
      await vi.waitUntil(() => scene.topic.bus.start(0) === 3, SOON)
      await kafka.produce(topic, { value: 'e' })
      await stream.hasSeen('a', 'b', 'c', 'd', 'ready', 'e')
      await vi.waitUntil(() => scene.topic.bus.kept.totals.liveFrames === 2, SOON)
      await (await scene.stream({ id: idOf(2) })).hasSeen('gap too-old', 'd', 'e', 'ready')
      await (await scene.stream({ id: idOf(3) })).hasSeen('d', 'e', 'ready')
      await (await scene.stream()).hasSeen('d', 'e', 'ready')
      expect(stream.isOpen).toBe(true)
      expect(scene.warnings()).toEqual([])
    })

    it('end a stream that had yet to read them; it goes on after a gap', async () => {
      const topic = await kafka.createTopic({
        config: { 'segment.bytes': '1048576', 'retention.bytes': '2097152' },
      })
      await kafka.produce(topic, { value: 'first' })
      const scene = await open(topic, {
        config: { 'queued.max.messages.kbytes': 1024, 'fetch.message.max.bytes': 262_144 },
      })
      const stream = await scene.stream()
      await stream.hasSeen('first', 'ready')
      const release = holdReader()
      const pad = 'x'.repeat(100_000)
      const values = Array.from({ length: 100 }, (_, index) => `${index} ${pad}`)
      await kafka.produce(topic, ...valued(...values))
      const start = await vi.waitUntil(async () => (await startOf(scene)) > 50 && startOf(scene), SOON)
      release()
      await vi.waitUntil(() => !stream.isOpen, SOON)
      const numbers = stream.seen.slice(2, -1).map((value) => Number.parseInt(value, 10))
      // What it had fetched already it told; then it ended rather than go on without a word.
      expect(numbers).toEqual(numbers.map((_, index) => index))
      expect(numbers.length).toBeLessThan(start - 1)
      expect(stream.seen.at(-1)).toBe('end too-old')
      const resumed = await scene.stream({ id: stream.lastId })
      await kafka.produce(topic, { value: 'last' })
      await vi.waitUntil(() => resumed.seen.includes('last'), SOON)
      const rest = resumed.seen.slice(1, -1).filter((value) => value !== 'ready')
      expect(resumed.seen[0]).toBe('gap too-old')
      const [firstNumber = 0] = rest.map((value) => Number.parseInt(value, 10))
      console.log(`told ${numbers.length} of 100, deleted up to ${start - 1}, went on at ${firstNumber}`)
      expect(firstNumber).toBeGreaterThanOrEqual(start - 1)
      expect(rest).toEqual(values.slice(firstNumber))
      expect(scene.warnings()).toEqual([
        expect.stringMatching(
          /^topic .*: records \d+ to \d+ of partition 0 were deleted before they were read$/,
        ),
      ])
      await vi.waitUntil(() => scene.topic.notReady() === null, SOON)
    })

    it('do not show if the offset went out of range before reading began', async () => {
      const topic = await kafka.createTopic({ partitions: 2 })
      await kafka.produce(topic, ...valued('a', 'b', 'c', 'd'), { value: 'other', partition: 1 })
      const ends = vi.spyOn(Consumer.prototype, 'ends')
      onTestFinished(() => ends.mockRestore())
      ends.mockImplementationOnce(async function (this: Consumer, ...asked) {
        await kafka.deleteRecords(topic, 0, 2)
        return Consumer.prototype.ends.apply(this, asked)
      })
      const scene = await open(topic, { keeps: 'all' })
      const stream = await scene.stream()
      await vi.waitUntil(() => stream.seen.includes('ready'), SOON)
      expect([...stream.seen].sort()).toEqual(['c', 'd', 'other', 'ready'])
      expect(stream.position).toEqual({ 0: 4, 1: 1 })
    })
  })

  describe('see a topic that is deleted and recreated', () => {
    it.each([
      ['longer', ['x0', 'x1', 'x2', 'x3', 'x4'], 1],
      ['shorter', ['x0'], 1],
      ['of more partitions', ['x0', 'x1', 'x2'], 2],
    ])('as another one, when it is %s now', async (_, values, partitions) => {
      const topic = await kafka.createTopic()
      await kafka.produce(topic, ...valued('a', 'b', 'c'))
      const scene = await open(topic)
      const [stream, other] = [await scene.stream(), await scene.stream({ id: idOf(3) })]
      const plain = await scene.plainStream()
      await stream.hasSeen('a', 'b', 'c', 'ready')
      await kafka.recreateTopic(topic, { partitions })
      await kafka.produce(topic, ...valued(...values))
      const seen = ['gap recreated', ...values, 'ready']
      await stream.hasSeen('a', 'b', 'c', 'ready', ...seen)
      await other.hasSeen('ready', ...seen)
      await kafka.produce(topic, { value: 'live' })
      await stream.hasSeen('a', 'b', 'c', 'ready', ...seen, 'live')
      await vi.waitUntil(() => plain.reader.records.includes('live'), SOON)
      expect(plain.reader.records).toEqual(['a', 'b', 'c', ...values, 'live'])
      expect(plain.reader.comments.filter((comment) => comment !== '')).toEqual([
        'ready',
        'gap recreated',
        'ready',
      ])
      expect(stream.position).toEqual({ ...(partitions === 2 ? { 1: 0 } : {}), 0: values.length + 1 })
      expect(scene.topic.notReady()).toBeNull()
      expect(scene.warnings().filter((line) => line.includes('another topic'))).toHaveLength(1)
    })

    it('after a while without it, in which they are silent, and as it fills again', async () => {
      const topic = await kafka.createTopic({ partitions: 2 })
      await kafka.produce(topic, ...valued('a', 'b'), { value: 'c', partition: 1 })
      // Half a second after which librdkafka believes that it is gone, in place of half a minute.
      const scene = await open(topic, { config: { 'topic.metadata.propagation.max.ms': 500 } })
      const stream = await scene.stream()
      await stream.hasReached({ 0: 2, 1: 1 })
      const before = stream.seen
      await kafka.deleteTopic(topic)
      const missing = `topic ${topic} does not exist, or this principal may not Describe it`
      await vi.waitUntil(() => scene.topic.notReady() === missing, SOON)
      // A client that comes meanwhile gets what the bus has.
      await (await scene.stream()).hasSeen(...before)
      await vi.waitUntil(() => scene.messages(20).filter((line) => line === missing).length === 1, SOON)
      await kafka.createTopic({ name: topic })
      await stream.hasSeen(...before, 'gap recreated', 'ready')
      await kafka.produce(topic, ...valued('x', 'y'))
      await stream.hasSeen(...before, 'gap recreated', 'ready', 'x', 'y')
      expect(stream.position).toEqual({ 0: 2 })
      await vi.waitUntil(() => scene.topic.notReady() === null, SOON)
      // The old topic's id speaks of a partition that the new one lacks.
      await (await scene.stream({ id: 'AQQABAIC' })).hasSeen('gap recreated', 'x', 'y', 'ready')
    })
  })

  describe('see transactions', () => {
    it('never if they are aborted, but the position moves past them', async () => {
      const topic = await kafka.createTopic()
      const scene = await open(topic)
      const stream = await scene.stream()
      await stream.hasSeen('ready')
      await kafka.produceInTransaction('abort', topic, { key: 'a', value: 'aborted' })
      await kafka.produceInTransaction('commit', topic, { key: 'a', value: 'committed' })
      await stream.hasSeen('ready', 'committed')
      await kafka.produceInTransaction('abort', topic, { key: 'a', value: 'aborted again' })
      // Heartbeats move the position on, past records that no client gets and past the markers.
      await stream.hasReached({ 0: 6 })
      await (await scene.stream({ id: stream.lastId })).hasSeen('ready')
      await kafka.produce(topic, { key: 'a', value: 'after' })
      await stream.hasSeen('ready', 'committed', 'after')
    })

    it('when they end, and nothing after an open one; one that is left open ends by its time-out', async () => {
      const topic = await kafka.createTopic()
      const scene = await open(topic)
      const stream = await scene.stream()
      await stream.hasSeen('ready')
      const transaction = await kafka.openTransaction(topic, [{ value: 'pending' }])
      await kafka.produce(topic, { value: 'behind it' })
      const late = await scene.stream({ query: '&from=latest' })
      await late.hasSeen('ready')
      await transaction.commit()
      await stream.hasSeen('ready', 'pending', 'behind it')
      await kafka.openTransaction(topic, [{ value: 'left' }], 1_000)
      await kafka.produce(topic, { value: 'behind that' })
      await stream.hasSeen('ready', 'pending', 'behind it', 'behind that')
      // pending, behind it, the commit's marker, left, behind that, the abort's marker.
      await stream.hasReached({ 0: 6 })
      expect(scene.topic.notReady()).toBeNull()
    })
  })

  it('get a record that is larger than what is fetched at once', async () => {
    const topic = await kafka.createTopic({ config: { 'max.message.bytes': '20000000' } })
    const scene = await open(topic, {
      config: { 'fetch.message.max.bytes': 1_000, 'message.max.bytes': 1_000, 'fetch.max.bytes': 1_000 },
    })
    const stream = await scene.stream()
    await stream.hasSeen('ready')
    const large = 'large '.repeat(500_000)
    await kafka.produce(topic, { value: 'small' }, { value: large }, { value: 'behind it' })
    await stream.hasSeen('ready', 'small', large, 'behind it')
  })

  it('get what follows a record of more than 100 MB, which is skipped', async () => {
    const topic = await kafka.createTopic({ config: { 'max.message.bytes': '130000000' } })
    const scene = await open(topic)
    const stream = await scene.stream()
    await stream.hasSeen('ready')
    const large = { value: Buffer.alloc(101_000_000, 'x') }
    await kafka.produceLarge(topic, 130_000_000, { value: 'small' }, large, { value: 'behind it' })
    await stream.hasSeen('ready', 'small', 'gap too-large', 'behind it')
    expect(scene.topic.notReady()).toBeNull()
  })

  it('get records with decreasing timestamps in the order of their offsets, and from a time on all', async () => {
    const topic = await kafka.createTopic()
    const at = (value: string, timestampMs: number) => ({ value, timestampMs })
    const time = 1_700_000_000_000
    const scene = await open(topic, { keeps: 'all' })
    const stream = await scene.stream()
    await stream.hasSeen('ready')
    await kafka.produce(topic, at('5', time + 5), at('3', time + 3), at('9', time + 9), at('1', time + 1))
    await stream.hasSeen('ready', '5', '3', '9', '1')
    // From the first offset whose timestamp is at or after it, as Kafka looks it up. All that follows comes, with any
    // time.
    await (await scene.stream({ query: `&since=${time + 6}` })).hasSeen('9', '1', 'ready')
    await (await scene.stream({ query: `&since=${time + 5}` })).hasSeen('5', '3', '9', '1', 'ready')
    await kafka.produce(topic, at('0', 1))
    await stream.hasSeen('ready', '5', '3', '9', '1', '0')
  })

  it('go on while librdkafka’s debug lines stay out of the log', async () => {
    const topic = await kafka.createTopic()
    const quiet = await open(topic)
    const asked = await open(topic, { config: { debug: 'topic' } })
    await Promise.all([quiet.caughtUp(), asked.caughtUp()])
    const isDebugLine = (line: string) => /changed id from/.test(line)
    expect(quiet.messages(20).filter(isDebugLine)).toEqual([])
    expect(asked.messages(20).filter(isDebugLine)).not.toEqual([])
  })
})

/** The id of one partition's next offset, below 32. */
function idOf(offset: number): string {
  return Buffer.from([1, 2, 0, offset * 2])
    .toString('base64url')
    .padEnd(8, '=')
}

async function startOf(scene: KafkaScene): Promise<number> {
  return (await scene.topic.watermarks(AbortSignal.timeout(10_000))).get(0)?.start ?? 0
}

/** Keeps readers from reading on, as a process that has too much to do, until the returned function is called. */
function holdReader(): () => void {
  let release = (): void => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const { read } = Consumer.prototype
  const held = vi.spyOn(Consumer.prototype, 'read').mockImplementation(async function (this: Consumer) {
    await released
    return read.call(this)
  })
  onTestFinished(() => held.mockRestore())
  return () => {
    held.mockRestore()
    release()
  }
}
