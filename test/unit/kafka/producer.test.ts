// The producer of the commands, without a broker.

import { afterEach, describe, expect, it, vi } from 'vitest'
import { RecordProducer } from '../../../plugins/kafka/client/producer.ts'

afterEach(() => {
  vi.useRealTimers()
})

describe('a producer', () => {
  it('does not wait for Kafka to take a record that librdkafka has refused', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const told: string[] = []
    const producer = new RecordProducer({ bootstrapServers: '127.0.0.1:1' }, (words) => told.push(words))
    const record = { topic: 'events', partition: null, key: null, value: Buffer.from('1'), headers: [] }
    const { delivered } = await producer.produce(record)
    await expect(delivered).rejects.toThrow()
    await vi.advanceTimersByTimeAsync(60_000)
    expect([told, vi.getTimerCount()]).toEqual([[], 0])
  })
})
