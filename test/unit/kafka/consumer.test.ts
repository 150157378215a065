// A consumer that is closed early, without a broker.

import { describe, expect, it } from 'vitest'
import { BlockingLock } from '../../../plugins/kafka/client/blocking-lock.ts'
import { Consumer } from '../../../plugins/kafka/client/consumer.ts'

const NO_EVENTS = {
  onRecord: () => {},
  onEnd: () => {},
  onBatchEnd: () => {},
  onTrouble: () => {},
  onLog: () => {},
  onTopicId: () => {},
  onStop: () => {},
}
const CLOSED = 'the client was closed'
const PARTITION = { topic: 'events', partition: 0, offset: 0 }

function newConsumer(): Consumer {
  return new Consumer(
    { bootstrapServers: '127.0.0.1:1' },
    NO_EVENTS,
    new BlockingLock(() => performance.now()),
  )
}

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
})
