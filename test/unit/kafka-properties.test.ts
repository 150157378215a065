import rdkafka from 'node-rdkafka'
import { describe, expect, it } from 'vitest'
import { BatchSize } from '../../plugins/kafka/batch-size.ts'
import { failureOf } from '../../plugins/kafka/log-line.ts'
import {
  consumerProperties,
  producerProperties,
  redacting,
  redactor,
} from '../../plugins/kafka/properties.ts'

const bootstrapServers = '127.0.0.1:9092'
const withConfig = (config: Record<string, string | number | boolean>) => ({ bootstrapServers, config })

describe('The properties of librdkafka', () => {
  it('hold what the stream promises, whatever is configured besides', () => {
    const { global, topic } = consumerProperties(
      withConfig({ 'sasl.username': 'me', 'fetch.wait.max.ms': 5 }),
    )
    expect(global).toMatchObject({
      'bootstrap.servers': bootstrapServers,
      'enable.auto.commit': false,
      'isolation.level': 'read_committed',
      'enable.partition.eof': true,
      'sasl.username': 'me',
      'fetch.wait.max.ms': 5,
    })
    expect(topic).toEqual({ 'auto.offset.reset': 'earliest' })
  })

  it.each([
    ['enable.auto.commit', true],
    ['isolation.level', 'read_uncommitted'],
    ['enable.partition.eof', 'false'],
    ['auto.offset.reset', 'latest'],
    ['allow.auto.create.topics', true],
    ['bootstrap.servers', 'elsewhere:9092'],
    ['metadata.broker.list', 'elsewhere:9092'],
    ['rebalance_cb', true],
  ])('refuse %s = %s by name', (name, value) => {
    expect(() => consumerProperties(withConfig({ [name]: value }))).toThrow(
      `Kafka property ${name} cannot be configured`,
    )
  })

  it('take a value that holds anyway, also as the text that a variable is', () => {
    expect(() => consumerProperties(withConfig({ 'enable.auto.commit': 'false' }))).not.toThrow()
  })

  it('are taken by librdkafka, as text and by kind, and one that it does not know is named', () => {
    const create = (config: Record<string, string>) => {
      const { global, topic } = consumerProperties(withConfig(config))
      return new rdkafka.KafkaConsumer(global, topic)
    }
    expect(() => create({ 'security.protocol': 'sasl_ssl', 'socket.timeout.ms': '5000' })).not.toThrow()
    expect(() => create({ 'no.such.property': '1' })).toThrow('no.such.property')
  })

  it('keep a topic property of a producer apart, where node-rdkafka does not lose it', () => {
    const { global, topic } = producerProperties(withConfig({ acks: '1' }), { 'delivery.timeout.ms': 7 })
    expect(topic).toEqual({ acks: '1', 'delivery.timeout.ms': 7 })
    expect(global).not.toHaveProperty('acks')
  })

  it('never let a secret into a message', () => {
    const redact = redactor(
      withConfig({ 'sasl.password': 'hunter2', 'ssl.key.pem': 'PEM TEXT', 'client.id': 'shown' }),
    )
    expect(redact('hunter2 for shown by PEM TEXT, hunter2')).toBe('*** for shown by ***, ***')
    const fail = () => {
      throw new Error('wrong: hunter2')
    }
    expect(() => redacting(redact, fail)).toThrow('Kafka: wrong: ***')
  })
})

describe('A log line of librdkafka', () => {
  it('is told without the thread and the time', () => {
    const line =
      '[thrd:h:1/bootstrap]: h:1/bootstrap: Connect failed: refused (after 0ms in state CONNECT, 1 error(s))'
    expect(failureOf(line)).toBe('h:1/bootstrap: Connect failed: refused')
  })
})

describe('The size of a batch', () => {
  it('is 256 records, fewer of large ones, and at least one', () => {
    const size = new BatchSize()
    expect(size.records).toBe(256)
    size.note(256, 256 * 65_536)
    expect(size.records).toBe(16)
    size.note(1, 12 * 1_048_576)
    expect(size.records).toBe(1)
    size.note(0, 0)
    expect(size.records).toBe(1)
    size.note(1, 100)
    expect(size.records).toBe(256)
  })
})
