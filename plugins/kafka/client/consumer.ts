// One librdkafka consumer: asks for metadata and offsets, reads records in batches. Joins no group, commits nothing.
// Every call gives up after a stated time; the caller decides whether to ask again. Calls that block wait for the
// blocking lock.

import { setTimeout as pause } from 'node:timers/promises'
import type { KafkaConsumer, LibrdKafkaError, Metadata } from 'node-rdkafka'
import type { KafkaOptions } from '../../../src/options.ts'
import { BatchSize } from './batch-size.ts'
import type { ConsumerLock } from './blocking-lock.ts'
import { answerOf } from './callback.ts'
import { isDebug, type LogLine, stopIn, tellsFailure, topicIdIn } from './log-line.ts'
import { rdkafka } from './native.ts'
import { newConsumer } from './new-client.ts'
import { asksForDebug, consumerProperties, type Isolation, redacting, redactor } from './properties.ts'
import { type ListedPartition, Questions, type TopicOffsets, type TopicPartition } from './questions.ts'
import { recordOf } from './record.ts'
import type { AssignedPartition, ConsumerEvents, RecordSource } from './record-source.ts'
import { wholeReason } from './start-failure.ts'
import { type TokenSupply, type TokenTaker, tokenSupply } from './token-supply.ts'

/** Time for closing. A call to an unreachable broker may still be under way, and ends by itself afterwards. */
const CLOSE_MS = 900
/** How long a batch waits for its first record by default. It holds one thread of libuv's pool meanwhile. */
const WAIT_MS = 100
/**
 * A wait that is later than this is ended from outside. librdkafka waits by the wall clock: if that is set back, a wait
 * lasts for as long as it was set back, and the process's exit waits for its thread.
 */
const OVERDUE_MS = 1000
/** The same while the consumer closes: within `CLOSE_MS`. */
const OVERDUE_CLOSING_MS = 300
/** How often a reader polls for records while it may not wait for them. */
const POLL_MS = 5
/** The same while no partition is assigned, so that only events can come: nothing could end a wait from outside. */
const POLL_UNASSIGNED_MS = 25
const UNUSED_OFFSET = 0
// node-rdkafka's types do not say that success comes with a null.
const NO_ERROR = null as unknown as LibrdKafkaError
const NO_METADATA: Metadata = { orig_broker_id: -1, orig_broker_name: '', topics: [], brokers: [] }

export class Consumer implements RecordSource {
  private readonly client: KafkaConsumer
  private readonly lock: ConsumerLock
  private readonly events: ConsumerEvents
  private readonly questions: Questions
  private readonly redact: (text: string) => string
  private readonly tellsDebug: boolean
  private readonly tokens: TokenSupply | null
  /**
   * node-rdkafka takes a token only while no thread asks or reads with the client, and the event loop waits until then.
   * So nothing asks or reads.
   */
  private readonly taker: TokenTaker = {
    setOauthBearerToken: (token) => this.lock.ask(async () => this.takeToken(token)),
  }
  private readonly batchSize = new BatchSize()
  /** The last batch was full, so the next one need not wait. */
  private moreReady = false
  private batchBytes = 0
  /** When the first record of the batch was handed over; null before. */
  private batchBeganMs: number | null = null
  /** How many partitions are assigned. */
  private assigned = 0
  /** A thread waits for a record. */
  private isWaiting = false
  private isClosed = false

  /** Throws, naming the property, if librdkafka does not take the configuration. */
  constructor(
    options: KafkaOptions,
    events: ConsumerEvents,
    lock: ConsumerLock,
    isolation: Isolation = 'read_committed',
  ) {
    const properties = consumerProperties(options, isolation)
    this.redact = redactor(options)
    this.tellsDebug = asksForDebug(options)
    this.tokens = tokenSupply(options)
    this.client = redacting(this.redact, () => newConsumer(properties))
    this.questions = new Questions(this.client, lock)
    this.lock = lock
    this.events = events
    this.listen(events)
  }

  /** Rejects if it is closed meanwhile. */
  async connect(): Promise<void> {
    const { client } = this
    await this.tokens?.give(this.taker, (words) => this.events.onTokenTrouble?.(words))
    // connect() ends with a question for metadata, and destroys the client if no answer comes. Without it the client
    // waits.
    client.getMetadata = (_options, answer) => answer?.(NO_ERROR, NO_METADATA)
    const connect = async () => {
      this.refuseClosed() // nothing would end a client that connects after it was disconnected
      return answerOf((callback) => client.connect({ allTopics: false }, callback))
    }
    await wholeReason(client, () => this.lock.ask(connect), this.redact)
    client.getMetadata = rdkafka.KafkaConsumer.prototype.getMetadata
  }

  partitions(topics: readonly string[]): Promise<Map<string, ListedPartition[]>> {
    return this.questions.partitions(topics)
  }

  starts(partitions: readonly TopicPartition[], timeoutMs: number): Promise<TopicOffsets> {
    return this.questions.starts(partitions, timeoutMs)
  }

  ends(partitions: readonly TopicPartition[], timeoutMs: number): Promise<TopicOffsets> {
    return this.questions.ends(partitions, timeoutMs)
  }

  assign(partitions: readonly AssignedPartition[]): void {
    this.refuseClosed()
    this.batchSize.startOver()
    this.client.incrementalAssign([...partitions])
    this.assigned += partitions.length
  }

  unassign(partitions: readonly TopicPartition[]): void {
    this.refuseClosed()
    // node-rdkafka's types ask for an offset, which librdkafka ignores here.
    const removed = partitions.map(({ topic, partition }) => ({ topic, partition, offset: UNUSED_OFFSET }))
    this.client.incrementalUnassign(removed)
    this.assigned -= removed.length
  }

  /**
   * Each batch is one turn of the event loop. Measured side by side (500,000 records of 256 B, 3 µs of work for each
   * in place of the bus, Kafka on the same two cores): 136,000 records/s with turns of 6 ms at most, and 0.6 to 1.4 ms
   * from produce to here at 50 to 1,000 records/s. node-rdkafka's flowing callback was no faster (131,000/s) and
   * blocked the loop for 3 s, because it has no backpressure. Batches that wait for each record, not only for the
   * first, took 3 to 6 ms to hand over one. With the bus, on a busy machine: 170,000 records/s, 5.8 µs of CPU for
   * each, 99 % of turns under 7 ms.
   */
  async read(waitMs = WAIT_MS): Promise<void> {
    if (waitMs > 0 && !this.moreReady && (await this.wait(waitMs)) === 0) return
    const { records } = this.batchSize
    const read = await this.batch(records, 0)
    this.batchSize.note(read.records, this.batchBytes, read.tookMs)
    this.moreReady = read.records === records
  }

  /** Waits for the next record; only some milliseconds, without holding a thread, where it may not wait. */
  private async wait(waitMs: number): Promise<number> {
    if (this.assigned === 0) return this.poll(Math.min(waitMs, POLL_UNASSIGNED_MS))
    if (!this.lock.tryAcquire(this)) return this.poll(Math.min(waitMs, POLL_MS))
    const overdue = setTimeout(() => this.endWait(), waitMs + OVERDUE_MS)
    this.isWaiting = true
    try {
      return await this.one(waitMs)
    } finally {
      this.isWaiting = false
      clearTimeout(overdue)
      this.lock.release()
    }
  }

  private async poll(afterMs: number): Promise<number> {
    await pause(afterMs)
    return this.one(0)
  }

  /** A wait has no record at hand, so nothing is read twice or passed over: reading goes on where it was. */
  private endWait(): void {
    if (!this.isWaiting) return
    const assigned = this.client.assignments()
    // Either wakes the thread. `resume` alone would read again from where the partition was assigned.
    this.client.pause(assigned)
    this.client.resume(assigned)
  }

  private async one(waitMs: number): Promise<number> {
    const { records } = await this.batch(1, waitMs)
    if (records > 0) this.batchSize.noteAlone(this.batchBytes)
    return records
  }

  /** A question that is still open afterwards ends by itself, at its own time-out. */
  async close(): Promise<void> {
    this.isClosed = true
    // AbortSignal.timeout would neither keep the process alive until then nor be cleared.
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS)
    })
    const disconnect = () => answerOf<unknown>((callback) => this.client.disconnect(callback))
    this.tokens?.release(this.taker)
    const overdue = setTimeout(() => this.endWait(), OVERDUE_CLOSING_MS)
    const closed = this.lock.ask(disconnect).finally(() => clearTimeout(overdue))
    await Promise.race([closed, late]).finally(() => clearTimeout(timer))
    this.lock.forget(this)
  }

  /** node-rdkafka would assign from the event loop, without a lock, while another thread frees librdkafka's client. */
  private refuseClosed(): void {
    if (this.isClosed) throw new Error('the client was closed')
  }

  private takeToken(token: string): void {
    if (!this.isClosed) this.client.setOauthBearerToken(token)
  }

  private listen(events: ConsumerEvents): void {
    const { client } = this
    const { onRecord, onEnd, onTrouble } = events
    // Listeners get records and ends of partitions in order; the batch's callback would not.
    client.on('data', (message) => {
      this.batchBeganMs ??= performance.now()
      this.batchBytes += message.size
      onRecord(message.topic, recordOf(message))
    })
    client.on('partition.eof', ({ topic, partition, offset }) => onEnd(topic, partition, offset))
    client.on('event.error', () => onTrouble())
    client.on('event.log', (line: LogLine) => this.hearLog(line, events))
    client.on('event.throttle', ({ throttleTime }) => events.onThrottle?.(throttleTime))
  }

  private hearLog(line: LogLine, { onTopicId, onStop, onLog }: ConsumerEvents): void {
    const id = topicIdIn(line)
    if (id !== null) onTopicId(id)
    const stop = stopIn(line)
    if (stop !== null) onStop(stop)
    if (this.tellsDebug || !isDebug(line)) onLog(this.redact(line.message), tellsFailure(line))
  }

  /** Resolves with how many records came, and for how long they held the event loop. */
  private async batch(records: number, waitMs: number): Promise<{ records: number; tookMs: number }> {
    this.batchBytes = 0
    this.batchBeganMs = null
    let tookMs = 0
    this.client.setDefaultConsumeTimeout(waitMs)
    const read = await answerOf<unknown[]>((callback) =>
      this.client.consume(records, (error, messages) => {
        // The listeners have the whole batch. A promise would let the event loop turn before it is published.
        this.events.onBatchEnd()
        if (this.batchBeganMs !== null) tookMs = performance.now() - this.batchBeganMs
        callback(error, messages)
      }),
    )
    return { records: read.length, tookMs }
  }
}
