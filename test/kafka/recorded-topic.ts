// A Fastify app with the Kafka plugin alone, one topic opened on it, and what its bus was told, in order.

import fastify, { type FastifyInstance } from 'fastify'
import { vi } from 'vitest'
import { BUILT_FEATURES, missingLine } from '../../plugins/kafka/client/librdkafka-build.ts'
import kafkaPlugin from '../../plugins/kafka.ts'
import type { Encoding, KafkaRecord, Keeps } from '../../src/bus/record.ts'
import type { FedTopic } from '../../src/bus/topic.ts'
import type { KafkaOptions } from '../../src/options.ts'
import { keepPrinted } from '../support/printed.ts'

export interface LogLine {
  level: number
  msg: string
}

export class RecordedTopic {
  readonly app: FastifyInstance
  readonly lines: LogLine[] = []
  readonly records: KafkaRecord[] = []
  private opened: FedTopic | null = null

  constructor() {
    const write = (line: string) => {
      this.lines.push(JSON.parse(line))
      keepPrinted(line)
    }
    this.app = fastify({ logger: { level: 'info', stream: { write } } })
  }

  async open(
    options: KafkaOptions,
    name: string,
    encoding: Encoding = 'text',
    keeps: Keeps = 'latest',
  ): Promise<FedTopic> {
    await this.app.register(kafkaPlugin, options)
    await this.app.ready()
    this.opened = this.app.kafkaSseTopics.open(name, encoding, keeps)
    const append = this.opened.bus.append.bind(this.opened.bus)
    vi.spyOn(this.opened.bus, 'append').mockImplementation((record) => {
      this.records.push(record)
      append(record)
    })
    return this.opened
  }

  get topic(): FedTopic {
    if (this.opened === null) throw new Error('no topic was opened')
    return this.opened
  }

  /** The values that came, tombstones as null. */
  values(): (string | null)[] {
    return this.records.map(({ value }) => (value === null ? null : Buffer.from(value).toString()))
  }

  position(): Record<number, number> {
    return Object.fromEntries(this.topic.bus.position())
  }

  /** What was logged at warn and above, but for how librdkafka was built on this machine. */
  warnings(): string[] {
    const lines = this.lines.filter(({ level }) => level >= 40).map(({ msg }) => msg)
    return lines.filter((line) => line !== missingLine(BUILT_FEATURES))
  }

  async caughtUp(): Promise<void> {
    await vi.waitUntil(() => this.topic.bus.caughtUp, { timeout: 30_000 })
  }
}
