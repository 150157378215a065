// The sources of records in this process: one for each broker configuration, shared by all registrations that name it.
// The first registration opens the source, the last one closes it.

import { performance } from 'node:perf_hooks'
import type { KafkaOptions } from '../../../src/options.ts'
import { type ConsumerLock, processLock } from '../client/blocking-lock.ts'
import { Consumer } from '../client/consumer.ts'
import { consumerProperties, type Isolation } from '../client/properties.ts'
import type { Listings } from './listings.ts'
import { Reader } from './reader.ts'
import type { Log } from './troubles.ts'

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
  users: number
}

/** What a source is read for. */
export type SourceUse = keyof typeof USES

interface Use {
  readonly isolation: Isolation
  readonly lock: ConsumerLock
}

const USES = {
  /** Streams: it waits for each record, so that none is late. */
  streams: { isolation: 'read_committed', lock: processLock },
  /**
   * The control topic: it takes no turn from the streams. A transaction that somebody leaves open in the topic would
   * hold up a reader of committed records for up to 15 minutes.
   */
  control: { isolation: 'read_uncommitted', lock: processLock.withoutWaits },
} satisfies Record<string, Use>

/** By configuration. At most as many as the process has registrations. */
const opened = new Map<string, Shared>()

/** Throws, naming the property, if librdkafka does not take the configuration. */
export function openSource(options: KafkaOptions, log: Log, use: SourceUse): OpenSource {
  const key = `${canonical(options, use)} ${numberOf(options.token)}`
  const shared = opened.get(key) ?? { reader: createReader(options, USES[use]), users: 0 }
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

function createReader(options: KafkaOptions, { lock, isolation }: Use): Reader {
  return new Reader({
    bootstrapServers: options.bootstrapServers,
    createConsumer: (events) => new Consumer(options, events, lock, isolation),
    nowMs: () => performance.now(),
    random: Math.random,
  })
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
function canonical(options: KafkaOptions, use: SourceUse): string {
  const { global, topic } = consumerProperties(options, USES[use].isolation)
  const servers = options.bootstrapServers.split(',').map((server) => server.trim())
  const named = { ...global, ...topic, use, 'bootstrap.servers': servers.sort().join(',') }
  return JSON.stringify(
    Object.entries(named)
      .map(([name, value]) => [name, String(value)])
      .sort(),
  )
}
