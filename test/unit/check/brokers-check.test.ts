// What `kafka-sse check` takes of brokers that a server names which is no Kafka, or a hostile one.

import { createServer, type Server } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { AdvertisedBroker } from '../../../plugins/kafka/client/probe.ts'
import { brokerList } from '../../../plugins/kafka/wire/broker-list.ts'
import { int16Field, int32Field, listField, textField } from '../../../plugins/kafka/wire/fields.ts'
import { checkBrokers } from '../../../src/check/brokers-check.ts'
import { CheckReport } from '../../../src/check/check-report.ts'
import { type HostAndPort, unreachable } from '../../../src/check/reachable-address.ts'

const NO_RACK = int16Field(-1)
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** A server that answers each question with these brokers. */
async function naming(brokers: readonly AdvertisedBroker[]): Promise<HostAndPort> {
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
  return { host: '127.0.0.1', port: Number(Object(server.address()).port) }
}

describe('brokers that a server names', () => {
  it('are looked at up to 300, so that no machine is connected to by the thousand, and it is told of the others', async () => {
    const many = Array.from({ length: 2_000 }, (_, id) => ({ id, host: '127.0.0.1', port: 1 }))
    const { host, port } = await naming(many)
    const lines: string[] = []
    const report = new CheckReport(({ verdict, words }) => lines.push(`${verdict} ${words}`))
    // librdkafka takes no such property, so that it does not connect.
    await checkBrokers(report, { bootstrapServers: `${host}:${port}`, config: { 'no.such': 'x' } })
    const refused = (id: number) =>
      `fail broker ${id} calls itself 127.0.0.1:1, which refuses connections: nothing listens there`
    expect(lines.sort()).toEqual(
      [
        ...many.slice(0, 300).map(({ id }) => refused(id)),
        'warn 1700 more brokers were not looked at',
      ].sort(),
    )
  })

  it('have no longer names than there can be', async () => {
    const address = await naming([{ id: 1, host: 'h'.repeat(30_000), port: 9092 }])
    expect(await brokerList({ bootstrapServers: `${address.host}:${address.port}` }, address)).toEqual([
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
