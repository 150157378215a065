// When a client of librdkafka begins to hear of it, and when a producer is polled for the last time.

import type { EventEmitter } from 'node:events'
import type { KafkaConsumer, Producer } from 'node-rdkafka'
import { describe, expect, it, test } from 'vitest'
import { answerOf } from '../../../plugins/kafka/client/callback.ts'
import type { LogLine } from '../../../plugins/kafka/client/log-line.ts'
import { nativeOf, newConsumer, newProducer } from '../../../plugins/kafka/client/new-client.ts'
import { eventually } from '../../support/time.ts'

const CLIENTS: Readonly<Record<string, () => KafkaConsumer | Producer>> = {
  consumer: () =>
    newConsumer({ global: { 'bootstrap.servers': '127.0.0.1:1', 'group.id': 'none' }, topic: {} }),
  producer: () => newProducer({ global: { 'bootstrap.servers': '127.0.0.1:1' }, topic: {} }),
}

/** Notes in which order the native client connects, and is given callbacks for events and takes them back. */
function order(client: KafkaConsumer | Producer): string[] {
  const steps: string[] = []
  const native = nativeOf(client)
  const { connect, configureCallbacks } = native
  native.configureCallbacks = (isAdded, heard) => {
    if (Object.keys(heard.event).length > 0) steps.push(isAdded ? 'hears' : 'hears no more')
    configureCallbacks.call(native, isAdded, heard)
  }
  native.connect = (callback) => {
    steps.push('connects')
    connect.call(native, (error, value) => {
      steps.push('has connected')
      callback(error, value)
    })
  }
  return steps
}

describe.each(Object.keys(CLIENTS))('a %s', (kind) => {
  it('hears of librdkafka from when the event loop can be woken until it is closed, and why it has no broker', async () => {
    const client = CLIENTS[kind]?.() as KafkaConsumer | Producer
    const steps = order(client)
    const told: string[] = []
    ;(client as EventEmitter).on('event.log', ({ message }: LogLine) => told.push(message))
    client.getMetadata = (_options, answer) => {
      answer?.(null as never, {} as never)
      return client as never
    }
    await answerOf((callback) => client.connect({ allTopics: false }, callback))
    await eventually(() => expect(told.join()).toContain('Connection refused'))
    await answerOf((callback) => client.disconnect(callback))
    expect(steps).toEqual(['connects', 'hears', 'has connected', 'hears no more'])
  })
})

test('a producer is not polled while it is disconnected', async () => {
  const client = newProducer({ global: { 'bootstrap.servers': '127.0.0.1:1' }, topic: {} })
  client.getMetadata = (_options, answer) => {
    answer?.(null as never, {} as never)
    return client
  }
  await answerOf((callback) => client.connect({ allTopics: false }, callback))
  const native = nativeOf(client)
  const { disconnect } = native
  let polls = 0
  native.poll = () => void polls++
  client.setPollInterval(1)
  await eventually(() => expect(polls).toBeGreaterThan(0))
  await answerOf((callback) => {
    native.disconnect = (done) => {
      disconnect.call(native, (error, value) => setTimeout(() => done(error, value), 50))
      polls = 0
    }
    client.disconnect(callback)
  })
  expect(polls).toBe(0)
})
