// examples/tanstack-db: a collection and a query follow a live map.

import { createCollection, createLiveQueryCollection, gt } from '@tanstack/db'
import { describe, expect, it, onTestFinished } from 'vitest'
import { liveMap } from '../../../client/src/index.ts'
import { liveMapCollection } from '../../../examples/tanstack-db/live-map-collection.ts'
import { until } from '../../support/time.ts'
import { FetchServer, STREAM_URL, status } from './client-scene.ts'

interface Order {
  readonly id: string
  readonly total: number
}

function open() {
  const server = new FetchServer()
  const orders = createCollection(
    liveMapCollection(
      () =>
        liveMap<Order>(STREAM_URL, {
          getToken: () => 'token',
          fetch: server.fetch,
          parse: (value, record) => ({ ...JSON.parse(value), id: record?.key }),
        }),
      ({ id }) => id,
    ),
  )
  onTestFinished(() => orders.cleanup())
  return { server, orders }
}

const record = (key: string, total: number) =>
  `data:${JSON.stringify({ key, value: `{"total":${total}}`, headers: [], timestamp: 0, partition: 0, offset: 0 })}\n\n`

describe('a collection of TanStack DB', () => {
  it('has the rows of the map, and a query on it changes with the topic', async () => {
    const { server, orders } = open()
    const large = createLiveQueryCollection((query) =>
      query.from({ order: orders }).where(({ order }) => gt(order.total, 10)),
    )
    // Finished tests are cleaned up in the opposite order, so this comes before its collection.
    onTestFinished(() => large.cleanup())
    const loaded = large.preload()
    await until(() => server.streams.length === 1)
    server.say(`${record('a', 5)}${record('b', 50)}:ready\n\n`)
    await loaded
    const rows = (collection: { toArray: readonly { id: string; total: number }[] }) =>
      collection.toArray.map(({ id, total }) => `${id} ${total}`).sort()
    expect([rows(orders), rows(large)]).toEqual([['a 5', 'b 50'], ['b 50']])
    server.say(`${record('a', 20)}event:delete\ndata:Yg==\n\n`)
    await until(() => rows(large).includes('a 20'))
    expect([rows(orders), rows(large)]).toEqual([['a 20'], ['a 20']])
    server.say(`:gap recreated\n\n${record('c', 30)}:ready\n\n`)
    await until(() => rows(large).includes('c 30'))
    expect([rows(orders), rows(large)]).toEqual([['c 30'], ['c 30']])
  })

  it('tells that its map could not be opened', async () => {
    const { server, orders } = open()
    server.answers = [() => status(404)]
    await expect(orders.preload()).rejects.toMatchObject({ code: 'refused' })
  })

  it('closes its map when it is cleaned up, and opens another one when it is used again', async () => {
    const { server, orders } = open()
    const loaded = orders.preload()
    await until(() => server.streams.length === 1)
    server.say(`${record('a', 5)}:ready\n\n`)
    await loaded
    await orders.cleanup()
    await until(() => server.gets()[0]?.signal.aborted)
    const again = orders.preload()
    await until(() => server.streams.length === 2)
    server.say(`${record('b', 5)}:ready\n\n`)
    await again
    expect(orders.toArray.map(({ id }) => id)).toEqual(['b'])
  })
})
