// A consumer that is closed early, or is given a token, without a broker.

import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { BlockingLock } from '../../../plugins/kafka/client/blocking-lock.ts'
import { Consumer } from '../../../plugins/kafka/client/consumer.ts'
import { rdkafka } from '../../../plugins/kafka/client/native.ts'
import { NO_EVENTS } from './no-events.ts'

const CLOSED = 'the client was closed'
const PARTITION = { topic: 'events', partition: 0, offset: 0 }

function newConsumer(): Consumer {
  return new Consumer(
    { bootstrapServers: '127.0.0.1:1' },
    NO_EVENTS,
    new BlockingLock(() => performance.now()),
  )
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('a consumer', () => {
  it('does not connect any more once it is closed, which nothing would end', async () => {
    const consumer = newConsumer()
    const connected = expect(consumer.connect()).rejects.toThrow(CLOSED)
    await consumer.close()
    await connected
  })

  it('assigns nothing while a thread closes it, which frees what would be assigned to', async () => {
    const consumer = newConsumer()
    await consumer.connect()
    consumer.assign([PARTITION])
    const closed = consumer.close()
    expect(() => consumer.unassign([PARTITION])).toThrow(CLOSED)
    expect(() => consumer.assign([PARTITION])).toThrow(CLOSED)
    await closed
  })

  it('takes a token while no thread asks, which the event loop would wait for', async () => {
    const given = vi
      .spyOn(rdkafka.KafkaConsumer.prototype, 'setOauthBearerToken')
      .mockImplementation(() => undefined as never)
    const lock = new BlockingLock(() => performance.now())
    let answer = () => {}
    const question = new Promise<void>((resolve) => {
      answer = resolve
    })
    const asked = lock.ask(() => question)
    const token = vi.fn(async () => ({ token: 'a-token', expiresAt: Date.now() + 60_000 }))
    const consumer = new Consumer({ bootstrapServers: '127.0.0.1:1', token }, NO_EVENTS, lock)
    const connected = consumer.connect()
    await turn()
    expect([token.mock.calls.length, given.mock.calls.length]).toEqual([1, 0])
    answer()
    await asked
    await connected
    expect(given).toHaveBeenCalledExactlyOnceWith('a-token')
    await consumer.close()
  })
})
