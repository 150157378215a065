// What `kafka-sse check` takes of brokers that a server names which is no Kafka, or a hostile one.

import { createServer, type Server } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { AdvertisedBroker } from '../../../plugins/kafka/client/probe.ts'
import { brokerList } from '../../../plugins/kafka/wire/broker-list.ts'
import { int16Field, int32Field, listField, textField } from '../../../plugins/kafka/wire/fields.ts'
import { unreachable } from '../../../src/check/reachable-address.ts'

const NO_RACK = int16Field(-1)
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** What is taken of a server that answers each question with these brokers. */
async function taken(brokers: readonly AdvertisedBroker[]): Promise<AdvertisedBroker[] | null> {
  const listed = brokers.map(({ id, host, port }) =>
    Buffer.concat([int32Field(id), textField(host), int32Field(port), NO_RACK]),
  )
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (asked) => {
      const answer = Buffer.concat([asked.subarray(8, 12), listField(listed)])
      socket.write(Buffer.concat([int32Field(answer.length), answer]))
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = { host: '127.0.0.1', port: Number(Object(server.address()).port) }
  return brokerList({ bootstrapServers: `${address.host}:${address.port}` }, address)
}

describe('brokers that a server names', () => {
  it('are taken up to thirty, so that no machine is connected to by the thousand', async () => {
    const many = Array.from({ length: 2_000 }, (_, id) => ({ id, host: '127.0.0.1', port: 9092 }))
    expect(await taken(many.slice(0, 30))).toHaveLength(30)
    expect(await taken(many)).toEqual(many.slice(0, 30))
  })

  it('have no longer names than there can be', async () => {
    expect(await taken([{ id: 1, host: 'h'.repeat(30_000), port: 9092 }])).toEqual([
      { id: 1, host: 'h'.repeat(253), port: 9092 },
    ])
  })

  it.each([
    ['kafka', 65_536, 'has a port that there is not'],
    ['127.0.0.1', 0, 'has a port that there is not'],
    ['127.0.0.1', -5, 'has a port that there is not'],
    ['', 9092, 'has no name'],
  ])('are told if they cannot be: %j, %j', async (host, port, words) => {
    expect(await unreachable({ host, port })).toBe(words)
  })
})
