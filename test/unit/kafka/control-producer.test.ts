// The writer of the control topic without a Kafka: nothing that it was handed waits for ever.

import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { ControlProducer } from '../../../plugins/kafka/control/control-producer.ts'
import { freePorts } from '../../kafka/kafka-node.ts'
import { eventually } from '../../support/time.ts'

const RECORD = { key: null, value: Buffer.from('x'), mac: null }

describe('The producer of the control topic', () => {
  async function withoutKafka(): Promise<ControlProducer> {
    const bootstrapServers = `127.0.0.1:${(await freePorts()).client}`
    return new ControlProducer({ bootstrapServers }, 'control', () => performance.now())
  }

  it('gives up what is under way when it is closed', async () => {
    const producer = await withoutKafka()
    // It takes records once librdkafka runs, and keeps them for a broker.
    const isTaken = () => {
      const refused = producer.write(RECORD, 0).catch(() => 'refused')
      return Promise.race([refused, pause(20, 'taken')])
    }
    await eventually(async () => expect(await isTaken()).toBe('taken'))
    const written = producer.write(RECORD, 0)
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
