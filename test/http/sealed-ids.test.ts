// Sealed ids from the request to the bytes: which requests share ids, and which replicas.

import { afterEach, describe, expect, it } from 'vitest'
import { parseEventId } from '../../src/bus/event-id.ts'
import { parseSelector } from '../../src/routing/selector.ts'
import { SealedIds } from '../../src/sealing/sealed-ids.ts'
import { type H2Response, HttpScene } from '../support/http-scene.ts'
import { eventually } from '../support/time.ts'
import { TopicInMemory } from '../support/topic-in-memory.ts'

const [SECRET, OTHER] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
const scenes: HttpScene[] = []

afterEach(async () => {
  await Promise.all(scenes.splice(0).map((scene) => scene.close()))
})

function open(...secrets: Uint8Array[]): Promise<HttpScene> {
  return openBelow('', ...secrets)
}

/** A replica that streams each customer's orders, of which each client may choose, below `prefix` of its app. */
async function openBelow(prefix: string, ...secrets: Uint8Array[]): Promise<HttpScene> {
  const selectors = ['key', 'headers.customer'].map(parseSelector)
  const scene = await HttpScene.open({
    topic: new TopicInMemory(2, { selectors }),
    path: '/orders/:customer',
    prefix,
    selection: { headers: { customer: '{params.customer}' }, select: ['key'] },
    sealing: new SealedIds(secrets),
  })
  scenes.push(scene)
  for (const [at, customer] of ['alice', 'bob', 'alice', 'bob', 'alice'].entries()) write(scene, customer, at)
  return scene
}

function write({ topic: { bus } }: HttpScene, customer: string, at: number): void {
  const headers = [{ name: 'customer', value: Buffer.from(customer) }]
  const key = Buffer.from(`${customer}-${at}`)
  bus.append({
    partition: at % 2,
    offset: bus.nextOffset(at % 2) ?? 0,
    timestampMs: 0,
    key,
    value: key,
    headers,
  })
  bus.publish()
}

async function read(scene: HttpScene, path: string, id?: string): Promise<H2Response> {
  const response = await scene.get(path, id === undefined ? {} : { 'last-event-id': id })
  expect(response.status).toBe(200)
  await eventually(() => expect(response.reader.comments).toContain('ready'))
  return response
}

const dataOf = ({ reader }: H2Response) => reader.records
const idsOf = ({ reader }: H2Response) => reader.events.map(({ id }) => id ?? '')

describe('the ids of a private stream', () => {
  it('are good at every replica with the same secret, for the same path in any spelling', async () => {
    const [one, two] = [await open(SECRET), await open(SECRET)]
    const first = await read(one, '/orders/alice')
    expect(dataOf(first)).toEqual(['alice-0', 'alice-2', 'alice-4'])
    expect(idsOf(await read(two, '/orders/alice'))).toEqual(idsOf(first))
    for (const id of idsOf(first)) expect(parseEventId(id)).toBeNull()
    const resumed = await read(two, '/orders/%61lice', idsOf(first)[1])
    expect(dataOf(resumed)).toEqual(['alice-4'])
    const byQuery = await read(two, `/orders/alice?signals=1&lastEventId=${idsOf(first)[1]}`)
    expect(dataOf(byQuery)).toEqual(['alice-4'])
  })

  it('are of the path as the docs spell it, with the prefix of the app', async () => {
    const [id = ''] = idsOf(await read(await openBelow('/shop', SECRET), '/shop/orders/alic%65'))
    const opens = (path: string) =>
      new SealedIds([SECRET]).of(path, '["headers.customer","alice"]').open(id) !== null
    expect(opens('["/shop/orders/:customer",[["customer","alice"]]]')).toBe(true)
    expect(opens('["/orders/:customer",[["customer","alice"]]]')).toBe(false)
  })

  it('are as good for the same choice in any order, and for no other choice', async () => {
    const scene = await open(SECRET)
    const [id] = idsOf(await read(scene, '/orders/alice?key=alice-0&key=alice-4'))
    expect(dataOf(await read(scene, '/orders/alice?key=alice-4&key=alice-0', id))).toEqual(['alice-4'])
    const other = await read(scene, '/orders/alice?key=alice-0', id)
    expect(other.reader.comments).toContain('gap undecodable')
    expect(dataOf(other)).toEqual(['alice-0'])
  })

  it.each([
    ['of another path', async (scene: HttpScene) => idsOf(await read(scene, '/orders/bob'))[0]],
    [
      'of a replica with another secret',
      async () => idsOf(await read(await open(OTHER), '/orders/alice'))[0],
    ],
    ['that is plain', async () => 'AQIAAg=='],
    [
      'with a letter changed',
      async (scene: HttpScene) => changed(idsOf(await read(scene, '/orders/alice'))[0]),
    ],
  ])('are not read from an id %s: the stream says so, and begins again', async (_, idOf) => {
    const scene = await open(SECRET)
    const response = await read(scene, '/orders/alice', await idOf(scene))
    expect(response.reader.comments).toContain('gap undecodable')
    expect(dataOf(response)).toEqual(['alice-0', 'alice-2', 'alice-4'])
  })

  it('are read by replicas with both secrets while these are rolled', async () => {
    const old = idsOf(await read(await open(OTHER), '/orders/alice'))[0]
    const [rolling, rolled] = [await open(SECRET, OTHER), await open(SECRET)]
    const resumed = await read(rolling, '/orders/alice', old)
    expect(dataOf(resumed)).toEqual(['alice-2', 'alice-4'])
    expect(dataOf(await read(rolled, '/orders/alice', idsOf(resumed)[0]))).toEqual(['alice-4'])
  })
})

function changed(id = ''): string {
  return `${id.slice(0, 10)}${id[10] === 'A' ? 'B' : 'A'}${id.slice(11)}`
}
