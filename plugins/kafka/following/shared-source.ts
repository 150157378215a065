// The process's sources of records: one for each broker configuration, for however many registrations. It is opened by the first
// that names these brokers in this way, and closed with the last.

import { performance } from 'node:perf_hooks'
import type { KafkaOptions } from '../../../src/options.ts'
import { processLock } from '../client/blocking-lock.ts'
import { Consumer } from '../client/consumer.ts'
import { consumerProperties } from '../client/properties.ts'
import type { Log } from './condition.ts'
import { Reader } from './reader.ts'

/** One registration's share in a source. */
export interface OpenSource {
  readonly feed: Reader['feed']
  /** Resolves within 1 s. */
  release(): Promise<void>
}

interface Shared {
  readonly reader: Reader
  users: number
}

/** By configuration; as many as the process has registrations, at the most. */
const opened = new Map<string, Shared>()

/** Throws, naming the property, if librdkafka does not take the configuration. */
export function openSource(options: KafkaOptions, log: Log): OpenSource {
  const key = canonical(options)
  const shared = opened.get(key) ?? { reader: createReader(options), users: 0 }
  opened.set(key, shared)
  shared.users++
  shared.reader.join(log)
  return {
    feed: (name, writer, topicLog) => shared.reader.feed(name, writer, topicLog),
    release: async () => {
      shared.reader.leave(log)
      shared.users--
      if (shared.users > 0) return
      if (opened.get(key) === shared) opened.delete(key)
      await shared.reader.close()
    },
  }
}

function createReader(options: KafkaOptions): Reader {
  return new Reader({
    bootstrapServers: options.bootstrapServers,
    createConsumer: (events) => new Consumer(options, events, processLock),
    nowMs: () => performance.now(),
    random: Math.random,
  })
}

/** The same text for the same brokers and properties, in whatever order and spelling they come. Holds secrets: it is never shown. */
function canonical(options: KafkaOptions): string {
  const { global, topic } = consumerProperties(options)
  const servers = options.bootstrapServers.split(',').map((server) => server.trim())
  const named = { ...global, ...topic, 'bootstrap.servers': servers.sort().join(',') }
  return JSON.stringify(
    Object.entries(named)
      .map(([name, value]) => [name, String(value)])
      .sort(),
  )
}
