// The sources of records in this process: one for each broker configuration, shared by all registrations that name it.
// The first registration opens the source, the last one closes it.

import { performance } from 'node:perf_hooks'
import type { KafkaOptions } from '../../../src/options.ts'
import { type ConsumerLock, processLock } from '../client/blocking-lock.ts'
import { Consumer } from '../client/consumer.ts'
import { consumerProperties, type Isolation } from '../client/properties.ts'
import type { Log } from '../troubles/condition.ts'
import { inquire } from '../troubles/inquiry.ts'
import { Outage, type ReaderName } from '../troubles/outage.ts'
import type { Listings } from './listings.ts'
import { Reader } from './reader.ts'

/** One registration's use of a source. */
export interface OpenSource {
  readonly feed: Reader['feed']
  readonly has: Listings['has']
  readonly hasFound: Reader['hasFound']
  /** Resolves within 1 s. */
  release(): Promise<void>
}

interface Shared {
  readonly reader: Reader
  /** The configuration that it shares with the other uses of the same brokers. */
  readonly brokers: string
  readonly outage: Outage
  users: number
}

/** What a source is read for. */
export type SourceUse = keyof typeof USES

interface Use {
  readonly name: ReaderName
  readonly isolation: Isolation
  readonly lock: ConsumerLock
}

const USES = {
  /** Streams: it waits for each record, so that none is late. */
  streams: { name: 'streams', isolation: 'read_committed', lock: processLock },
  /**
   * The control topic: it takes no turn from the streams. A transaction that somebody leaves open in the topic would
   * hold up a reader of committed records for up to 15 minutes.
   */
  control: { name: 'the control topic', isolation: 'read_uncommitted', lock: processLock.withoutWaits },
} satisfies Record<string, Use>

/** By configuration. At most as many as the process has registrations. */
const opened = new Map<string, Shared>()

/** Throws, naming the property, if librdkafka does not take the configuration. */
export function openSource(options: KafkaOptions, log: Log, use: SourceUse): OpenSource {
  const key = keyOf(options, USES[use].isolation, use)
  const shared = opened.get(key) ?? createShared(options, USES[use])
  opened.set(key, shared)
  shared.users++
  shared.reader.join(log)
  return {
    feed: (name, writer, topicLog) => shared.reader.feed(name, writer, topicLog),
    has: (name, signal) => shared.reader.listings.has(name, signal),
    hasFound: (name) => shared.reader.hasFound(name),
    release: async () => {
      shared.reader.leave(log)
      shared.users--
      if (shared.users > 0) return
      if (opened.get(key) === shared) opened.delete(key)
      await shared.reader.close()
    },
  }
}

function createShared(options: KafkaOptions, { name, lock, isolation }: Use): Shared {
  const brokers = keyOf(options, 'read_committed', '')
  const other = [...opened.values()].find((shared) => shared.brokers === brokers)
  const outage = other?.outage ?? new Outage(options.bootstrapServers, () => performance.now())
  const reader = new Reader({
    name,
    bootstrapServers: options.bootstrapServers,
    outage,
    createConsumer: (events) => new Consumer(options, events, lock, isolation),
    inquire: (partitions, signal) => inquire(options, partitions, lock, isolation, signal),
    nowMs: () => performance.now(),
    random: Math.random,
  })
  return { reader, brokers, outage, users: 0 }
}

const functionNumbers = new WeakMap<object, number>()
let functions = 0

/** Of a function that makes tokens: another one may be for another principal. 0 for none. */
function numberOf(token: KafkaOptions['token']): number {
  if (token === undefined) return 0
  const number = functionNumbers.get(token) ?? ++functions
  functionNumbers.set(token, number)
  return number
}

/** The same text for the same brokers and properties in any order or spelling. Holds secrets, so it is never logged. */
function keyOf(options: KafkaOptions, isolation: Isolation, use: string): string {
  const { global, topic } = consumerProperties(options, isolation)
  const servers = options.bootstrapServers.split(',').map((server) => server.trim())
  const named = { ...global, ...topic, use, 'bootstrap.servers': servers.sort().join(',') }
  const properties = Object.entries(named).map(([name, value]) => [name, String(value)])
  return JSON.stringify([...properties.sort(), numberOf(options.token)])
}
