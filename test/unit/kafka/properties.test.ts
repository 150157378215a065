// librdkafka’s properties, and its log lines.

import rdkafka from 'node-rdkafka'
import { describe, expect, it } from 'vitest'
import { failureOf, isDebug, stopIn, topicIdIn } from '../../../plugins/kafka/client/log-line.ts'
import {
  asksForDebug,
  consumerProperties,
  producerProperties,
  redacting,
  redactor,
} from '../../../plugins/kafka/client/properties.ts'

const bootstrapServers = '127.0.0.1:9092'
const withConfig = (config: Record<string, string | number | boolean>) => ({ bootstrapServers, config })

describe('The properties of librdkafka', () => {
  it('keep the promises of a stream, with any other configuration', () => {
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
    expect(topic).toEqual({ 'auto.offset.reset': 'error' })
  })

  it.each([
    ['enable.auto.commit', true],
    ['isolation.level', 'read_uncommitted'],
    ['enable.partition.eof', 'false'],
    ['auto.offset.reset', 'earliest'],
    ['allow.auto.create.topics', true],
    ['bootstrap.servers', 'elsewhere:9092'],
    ['metadata.broker.list', 'elsewhere:9092'],
    ['rebalance_cb', true],
  ])('refuse %s = %s by name', (name, value) => {
    expect(() => consumerProperties(withConfig({ [name]: value }))).toThrow(
      `Kafka property ${name} cannot be configured`,
    )
  })

  it('ask for the debug lines about topics, besides those that are configured', () => {
    expect(consumerProperties(withConfig({})).global).toMatchObject({ debug: 'topic' })
    expect(consumerProperties(withConfig({ debug: 'broker,fetch' })).global).toMatchObject({
      debug: 'broker,fetch,topic',
    })
    expect(asksForDebug(withConfig({}))).toBe(false)
    expect(asksForDebug(withConfig({ debug: 'broker' }))).toBe(true)
    const { global, topic } = consumerProperties(withConfig({ debug: 'topic' }))
    expect(() => new rdkafka.KafkaConsumer(global, topic)).not.toThrow()
  })

  it('take a record of any size, with any limit of a fetch', () => {
    const create = (config: Record<string, number>) => {
      const { global, topic } = consumerProperties(withConfig(config))
      expect(global).toMatchObject({ 'receive.message.max.bytes': 2_147_483_647, ...config })
      return new rdkafka.KafkaConsumer(global, topic)
    }
    expect(() => create({})).not.toThrow()
    expect(() => create({ 'fetch.max.bytes': 2_147_483_135 })).not.toThrow() // the highest that librdkafka takes
    expect(() => create({ 'receive.message.max.bytes': 200_000_000 })).not.toThrow()
  })

  it('allow a fixed value, also as the text of a variable', () => {
    expect(() => consumerProperties(withConfig({ 'enable.auto.commit': 'false' }))).not.toThrow()
  })

  it('are accepted by librdkafka, as text and by type, and an unknown one is named', () => {
    const create = (config: Record<string, string>) => {
      const { global, topic } = consumerProperties(withConfig(config))
      return new rdkafka.KafkaConsumer(global, topic)
    }
    expect(() =>
      create({
        'security.protocol': 'sasl_plaintext',
        'sasl.mechanism': 'PLAIN',
        'socket.timeout.ms': '5000',
      }),
    ).not.toThrow()
    expect(() => create({ 'no.such.property': '1' })).toThrow('no.such.property')
  })

  it('keep a topic property of a producer apart, so that node-rdkafka does not lose it', () => {
    const { global, topic } = producerProperties(withConfig({ acks: '1' }), { 'delivery.timeout.ms': 7 })
    expect(topic).toEqual({ acks: '1', 'delivery.timeout.ms': 7 })
    expect(global).not.toHaveProperty('acks')
  })

  it('never let a secret into a message', () => {
    const redact = redactor(
      withConfig({ 'sasl.password': 'hunter2', 'ssl.key.pem': 'PEM TEXT', 'client.id': 'shown' }),
    )
    expect(redact('hunter2 for shown by PEM TEXT, hunter2')).toBe('*** for shown by ***, ***')
    // An operator has to see which endpoint has answered.
    const endpoint = (url: string) =>
      redactor(withConfig({ 'sasl.oauthbearer.token.endpoint.url': url }))(url)
    expect(endpoint('https://id.example/token')).toBe('https://id.example/token')
    for (const url of ['https://me:hunter2@id.example/', 'https://id.example/?key=hunter2'])
      expect(endpoint(url)).toBe('***')
    const fail = () => {
      throw new Error('wrong: hunter2')
    }
    expect(() => redacting(redact, fail)).toThrow('Kafka: wrong: ***')
  })
})

describe('A log line of librdkafka', () => {
  it('says what an early end of a connection mostly means', () => {
    const cut = (node: string, state: string) =>
      failureOf(`[thrd:h:1/1]: ${node}: Disconnected: connection closed by peer (after ${state}, 1 error(s))`)
    expect(cut('h:1/1', '5ms in state APIVERSION_QUERY')).toMatch(
      /closed by peer \(before the first answer: a broker that wants TLS/,
    )
    expect(cut('h:1/1', '5ms in state UP')).toMatch(
      /\(right after the connect: a broker that wants a login\?/,
    )
    for (const [node, state] of [
      ['h:1/1', '2000ms in state UP'],
      ['sasl_ssl://h:1/1', '5ms in state UP'],
    ] as const)
      expect(cut(node, state)).toBe(`${node}: Disconnected: connection closed by peer`)
  })

  it('is one line of some length, also where a token endpoint answers with a page', () => {
    expect(failureOf(`[thrd:main]: Failed: <html>\n  <p>${'x'.repeat(2_000)}`)).toMatch(
      /^Failed: <html> <p>x{400,490}$/,
    )
  })

  it('has no credential of what an endpoint has answered', () => {
    const line =
      '[thrd:background]: Failed to retrieve OIDC token from "https://a:s3cr3t@id/": {"id_token":"s3cr3t"}'
    expect(failureOf(line)).toBe(
      'Failed to retrieve OIDC token from "https://[redacted]@id/": {"id_token":"[redacted]"}',
    )
  })

  it('is shown without the thread and the time', () => {
    const line =
      '[thrd:h:1/bootstrap]: h:1/bootstrap: Connect failed: refused (after 0ms in state CONNECT, 1 error(s))'
    expect(failureOf(line)).toBe('h:1/bootstrap: Connect failed: refused')
  })
})

/** Lines as librdkafka 2.12.0 writes them. */
describe('A debug line of librdkafka', () => {
  const line = (fac: string, message: string) => ({ fac, message: `[thrd:main]: ${message}`, severity: 7 })

  it('is one by its severity', () => {
    expect(isDebug(line('METADATA', 'x'))).toBe(true)
    expect(isDebug({ ...line('FAIL', 'x'), severity: 3 })).toBe(false)
  })

  it('tells the id that a topic has', () => {
    const first = 'Topic b.1-x_ changed id from AAAAAAAAAAAAAAAAAAAAAA to QKO/nV8fSPaW5c82Fqx6Ww'
    expect(topicIdIn(line('METADATA', first))).toEqual({ topic: 'b.1-x_', id: 'QKO/nV8fSPaW5c82Fqx6Ww' })
    const next = 'Topic b changed id from QKO/nV8fSPaW5c82Fqx6Ww to VfIt4SG3SyeDfl9rgEi+zQ'
    expect(topicIdIn(line('METADATA', next))).toEqual({ topic: 'b', id: 'VfIt4SG3SyeDfl9rgEi+zQ' })
  })

  it('has no topic id if the broker knows none, or if it is about something else', () => {
    const lost = 'Topic b changed id from QKO/nV8fSPaW5c82Fqx6Ww to AAAAAAAAAAAAAAAAAAAAAA'
    expect(topicIdIn(line('METADATA', lost))).toBeNull()
    expect(topicIdIn(line('METADATA', 'Topic b [0] Leader 1 Epoch 0'))).toBeNull()
    expect(topicIdIn(line('STATE', 'Topic b changed state unknown -> exists'))).toBeNull()
  })

  it('shows that a partition is read no further, and whether its log was cut off', () => {
    const at = 'offset reset (at offset 5 (leader epoch 0), broker 1) to offset INVALID (leader epoch -1): '
    const gone =
      'fetch failed due to requested offset not available on the broker: Broker: Offset out of range'
    expect(stopIn(line('OFFSET', `b.1 [12]: ${at}${gone}`))).toEqual({
      topic: 'b.1',
      partition: 12,
      isTruncated: false,
    })
    const cut =
      'Partition log truncation detected at offset 10 (leader epoch 0): ' +
      'broker end offset is 5 (offset leader epoch 0). ' +
      'Reset to INVALID.: Local: Partition log truncation detected'
    expect(stopIn(line('OFFSET', `b [0]: ${at}${cut}`))).toEqual({
      topic: 'b',
      partition: 0,
      isTruncated: true,
    })
  })

  it('shows no stop if librdkafka goes on by itself', () => {
    const query =
      'b [0]: offset reset (at offset BEGINNING, broker -1) to offset 0 (leader epoch -1): x: Success'
    expect(stopIn(line('OFFSET', query))).toBeNull()
    expect(stopIn(line('OFFSET', 'Topic b [0]: Offset stored'))).toBeNull()
  })
})
