// The moving clients against servers that are wrong on purpose: each fault is counted as what it is, and a sound stream
// is not accused, no matter where it was cut.

import { once } from 'node:events'
import { createSecureServer, type Http2SecureServer, type Http2ServerRequest } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { formatEventId } from '../../src/bus/event-id.ts'
import { type Certificates, makeCertificates } from '../../src/demo/certificates.ts'
import { randomOf } from '../support/random.mjs'
import { until } from '../support/time.ts'
import { ArrivalOrders } from './arrival-orders.ts'
import { MovingClient, type MovingTarget } from './moving-client.ts'

const PARTITIONS = 2
const SOUND = `retry:2000\n\n:ready\n\n${record(0, 0, [1, 0])}${record(1, 0, [1, 1])}:\n\n${record(1, 1, [1, 2])}`

let certificates: Certificates
beforeAll(async () => {
  certificates = await makeCertificates(['localhost'], Date.now())
})

describe.each(['h2', 'h1'] as const)('A moving client over %s', (protocol) => {
  let orders: ArrivalOrders
  let target: MovingTarget
  let client: MovingClient
  let server: Http2SecureServer
  const requests: Http2ServerRequest[] = []
  beforeEach(() => {
    orders = new ArrivalOrders(PARTITIONS, 10)
  })
  afterEach(async () => {
    target.isUp = false
    await client.close()
    server.close()
    requests.length = 0
  })

  /** Answers each connection with the next text, then always with the last; `cut` ones then lose their connection. */
  async function open(texts: readonly { text: string; cut?: 'killed' | 'lost'; status?: number }[]) {
    server = createSecureServer({
      allowHTTP1: true,
      cert: certificates.certificatePem,
      key: certificates.keyPem,
    })
    server.on('request', (request, response) => {
      const { text, cut, status = 200 } = texts[Math.min(requests.length, texts.length - 1)] ?? { text: '' }
      requests.push(request)
      response.writeHead(status)
      response.write(text, () => {
        if (cut === undefined) return
        target.isUp = cut === 'lost'
        response.stream ? response.stream.session?.destroy() : response.socket?.destroy()
      })
    })
    server.listen(0, 'localhost')
    await once(server, 'listening')
    const url = `https://localhost:${(server.address() as AddressInfo).port}/events`
    target = { name: 'A', address: { url, ca: certificates.caPem, token: 'none' }, starts: 1, isUp: true }
    const settings = { name: 'client 1', protocol, targets: [target], partitions: PARTITIONS, orders }
    client = new MovingClient({ ...settings, random: randomOf(1) })
    client.settle()
  }

  const received = (records: number) => until(() => client.ledger.received === records)
  const accused = () => until(() => client.faults[0])

  it('accepts a sound stream', async () => {
    await open([{ text: SOUND }])
    await received(3)
    expect(client.faults).toEqual([])
    expect(client.ledger.lost([1, 2])).toBe(0)
    expect(client).toMatchObject({ opened: 1, moves: 0, cuts: 0, wrongIds: 0 })
  })

  it.each([1, 2, 'data:1:1\nid'.length, record(1, 1, [1, 2]).length])(
    'comes back with the last id that it had whole, %i bytes of an event missing',
    async (missing) => {
      const text = SOUND.slice(0, -missing)
      await open([{ text, cut: 'killed' }, { text: record(1, 1, [1, 2]) }])
      await received(3)
      expect(idOf(requests[1])).toBe(formatEventId(positionOf([1, 1])))
      expect(client.faults).toEqual([])
      expect(client).toMatchObject({ opened: 2, cuts: text.endsWith('\n\n') ? 0 : 1, wrongIds: 0 })
    },
  )

  it('reports records that are lost', async () => {
    await open([{ text: SOUND + record(1, 4, [1, 5]) }])
    expect(await accused()).toContain('partition 1: 4 came where 2 was due, 2 passed over')
    expect(client.ledger.lost([1, 5])).toBe(2)
    expect(client.ledger.lost([3, 6])).toBe(5)
    expect(client.ledger).toMatchObject({ twice: 0, outOfOrder: 0 })
    expect(client.wrongIds).toBe(0)
  })

  it('reports a record that comes twice', async () => {
    await open([{ text: SOUND + record(1, 0, [1, 2]) }])
    expect(await accused()).toContain('partition 1: 0 came twice where 2 was due')
    expect(client.ledger.lost([1, 2])).toBe(0)
    expect(client.ledger).toMatchObject({ twice: 1, outOfOrder: 0 })
  })

  it('reports records out of order, and does not take them for lost', async () => {
    await open([{ text: SOUND + record(0, 2, [3, 2]) + record(0, 1, [3, 2]) }])
    await received(5)
    expect(client.faults[1]).toContain('partition 0: 1 came out of order where 3 was due')
    expect(client.ledger.lost([3, 2])).toBe(0)
    expect(client.ledger).toMatchObject({ twice: 0, outOfOrder: 1 })
  })

  it.each([
    ['behind', [1, 2]],
    ['ahead', [2, 3]],
  ])('tells an id that is %s what the client has', async (_where, offsets) => {
    await open([{ text: SOUND + record(1, 2, offsets) }])
    expect(await accused()).toContain(`of 1:2 says [${offsets}] to who has [1,3]`)
    expect(client.wrongIds).toBe(1)
  })

  it.each([
    ['a gap', `${SOUND}:gap too-old\n\n`, 'said ":gap too-old"'],
    ['an end', `${SOUND}:end slow\n\n`, 'said ":end slow"'],
    ['a challenge', `${SOUND}event:challenge\ndata:{}\n\n`, 'said "event:challenge'],
    ['a record without an id', `${SOUND}data:1:2\n\n`, 'not a record: "data:1:2"'],
    ['an event cut in two', `${SOUND}data:1:\n\n2\nid:x\n\n`, 'not a record: "data:1:"'],
    ['an id that is none', `${SOUND}data:1:2\nid:AQQ\n\n`, 'the id AQQ of 1:2 says nothing'],
    ['a partition too many', `${SOUND}${record(2, 0, [1, 2, 1])}`, 'there is no partition 2'],
    ['a heartbeat that runs ahead', `${SOUND}:\nid:${idText([9, 9])}\n\n`, 'of a heartbeat says [9,9]'],
  ])('tells %s', async (_fault, text, words) => {
    await open([{ text }])
    const fault = await accused()
    expect(fault).toContain(`client 1 (${protocol}) at A, start 1, resumed by no id: `)
    expect(fault).toContain(words)
  })

  it('reports a connection that ended without a reason, and an answer that is no stream', async () => {
    await open([
      { text: SOUND, cut: 'lost' },
      { text: '', status: 503 },
    ])
    expect(await accused()).toContain('the connection ended, and neither side was to end it')
    await until(() => client.faults[1])
    expect(client.faults[1]).toContain('answered 503')
  })

  it('says where a client is that has not everything', async () => {
    await open([{ text: SOUND }])
    await received(3)
    expect(client.describe()).toMatch(/^client 1 \(h[12]\) is open at A, start 1, .* has \[1,2\], last byte /)
  })
})

describe('Orders of arrival', () => {
  it('are told apart by the ids of the same records', () => {
    const orders = new ArrivalOrders(PARTITIONS, 10)
    orders.note('A', 1, 0, 0, [1, 0])
    orders.note('B', 1, 0, 0, [1, 0])
    expect(orders).toMatchObject({ compared: 1, differing: 0, rewritten: 0 })
    orders.note('A', 1, 1, 0, [1, 1])
    orders.note('B', 1, 1, 0, [0, 1])
    expect(orders).toMatchObject({ compared: 2, differing: 1, rewritten: 0 })
  })

  it('show a process that gave different ids to clients, and do not confuse a server’s processes', () => {
    const orders = new ArrivalOrders(PARTITIONS, 10)
    for (const offsets of [
      [1, 0],
      [1, 1],
      [1, 0],
      [1, 2],
    ])
      orders.note('A', 1, 0, 0, offsets)
    orders.note('A', 2, 0, 0, [1, 3])
    expect(orders).toMatchObject({ compared: 0, differing: 0, rewritten: 1 })
  })
})

/** A record's event; `offsets` are what its id says. */
function record(partition: number, number: number, offsets: readonly number[]): string {
  return `data:${partition}:${number}\nid:${idText(offsets)}\n\n`
}

function idText(offsets: readonly number[]): string {
  return formatEventId(positionOf(offsets))
}

function positionOf(offsets: readonly number[]): Map<number, number> {
  return new Map(offsets.entries())
}

/** The id that a request brings, however it does. */
function idOf(request: Http2ServerRequest | undefined): string | null {
  const query = new URL(request?.url ?? '', 'https://localhost').searchParams
  const header = request?.headers['last-event-id']
  return typeof header === 'string' ? header : (query.get('lastEventId') ?? query.get('last_event_id'))
}
