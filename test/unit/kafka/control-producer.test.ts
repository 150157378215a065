// The writer of the control topic without a Kafka: nothing that it was handed waits for ever.

import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { ControlProducer } from '../../../plugins/kafka/control/control-producer.ts'
import { freePorts } from '../../kafka/kafka-node.ts'

const RECORD = { key: null, value: Buffer.from('x'), mac: null }

describe('The producer of the control topic', () => {
  async function withoutKafka(): Promise<ControlProducer> {
    const bootstrapServers = `127.0.0.1:${(await freePorts()).client}`
    return new ControlProducer({ bootstrapServers }, 'control', () => performance.now())
  }

  it('gives up what is under way when it is closed', async () => {
    const producer = await withoutKafka()
    const written = producer.write(RECORD, 0)
    // It takes records before librdkafka runs, and keeps them for a broker.
    const refusal = written.catch(() => 'refused')
    expect(await Promise.race([refusal, pause(200, 'taken')])).toBe('taken')
    const refused = expect(written).rejects.toThrow('the client was closed')
    await producer.close()
    await refused
  })

  it('closes before it has connected', async () => {
    const producer = await withoutKafka()
    await expect(producer.close()).resolves.toBeUndefined()
    await expect(producer.write(RECORD, 0)).rejects.toThrow('is closed')
  })
})
