// Streams that get a part of their topic, from the options to the bytes: whose records each client gets, and what every
// bad path, token, query and record is answered with.

import { afterEach, describe, expect, it } from 'vitest'
import type { SseOptions } from '../../src/options.ts'
import { type SelectionOptions, SelectionPlan } from '../../src/selection/selection.ts'
import { type H2Response, HttpScene } from '../support/http-scene.ts'
import { eventually } from '../support/time.ts'
import { TopicInMemory } from '../support/topic-in-memory.ts'

let scene: HttpScene

afterEach(() => scene.close())

async function open(path: string, selection: SelectionOptions, sse: Partial<SseOptions> = {}): Promise<void> {
  const { selectors } = new SelectionPlan(selection)
  scene = await HttpScene.open({ topic: new TopicInMemory(1, { selectors }), path, selection, sse })
}

/** Appends a record, and publishes. A header that is named twice has two values. */
function write(
  key: string | Uint8Array,
  value: string | Uint8Array | null,
  headers: [string, string | null][] = [],
): void {
  const { bus } = scene.topic
  bus.append({
    partition: 0,
    offset: bus.nextOffset(0) ?? 0,
    timestampMs: Date.now(),
    key: Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: headers.map(([name, text]) => ({ name, value: text === null ? null : Buffer.from(text) })),
  })
  bus.publish()
}

/** A request whose token has these claims besides the usual ones. */
function get(path: string, claims: Record<string, unknown> = {}, accept = '*/*'): Promise<H2Response> {
  return scene.get(path, { accept, authorization: `Bearer ${scene.token(60, claims)}` })
}

/** The events of a stream's snapshot: `delete KEY`, or the data. */
async function snapshot(path: string, claims: Record<string, unknown> = {}): Promise<string[]> {
  const response = await get(path, claims)
  expect(response.status).toBe(200)
  await eventually(() => expect(response.reader.comments).toContain('ready'))
  return eventsOf(response)
}

function eventsOf({ reader }: H2Response): string[] {
  return reader.events.map(({ event, data }) => (event === undefined ? data : `${event} ${data}`))
}

interface Refused {
  readonly status: number
  readonly code: string
  readonly message: string
}

async function refusal(path: string, claims: Record<string, unknown> = {}, accept = '*/*'): Promise<Refused> {
  const { status, text, ended } = await get(path, claims, accept)
  expect(status, 'a stream').not.toBe(200)
  await ended
  const { code, message } = JSON.parse(text())
  return { status, code, message }
}

const EMPTY = { status: 403, code: 'FKS_SELECTION_EMPTY' }
const INVALID = { status: 400, code: 'FKS_PARAMETER_INVALID' }

describe('a stream by its path', () => {
  it('gets its own records, those that come later, and a delete of what leaves', async () => {
    await open('/events/:user', { headers: { user: '{params.user}' } })
    write('1', 'of alice', [['user', 'alice']])
    write('2', 'of bob', [['user', 'bob']])
    const [alice, bob] = [await get('/events/alice'), await get('/events/bob')]
    await eventually(() => expect(bob.reader.comments).toContain('ready'))
    write('1', 'of bob now', [['user', 'bob']])
    write('3', 'of carol', [['user', 'carol']])
    write('4', 'of alice again', [['user', 'alice']])
    await eventually(() => expect(eventsOf(alice)).toEqual(['of alice', 'delete MQ==', 'of alice again']))
    await eventually(() => expect(eventsOf(bob)).toEqual(['of bob', 'of bob now']))
  })

  it.each([
    ['%00', '\0'],
    ['%2e%2e%2f', '../'],
    ['a%2Fb', 'a/b'],
    ['%252e', '%2e'],
    ['%25%32%35', '%25'],
    ['__proto__', '__proto__'],
    ['constructor', 'constructor'],
    ['%7Btoken.sub%7D', '{token.sub}'],
    ['gr%C3%BC%C3%9F', 'grüß'],
    ['x'.repeat(100), 'x'.repeat(100)],
  ])('reads the parameter %s once', async (segment, key) => {
    await open('/orders/:customer', { key: '{params.customer}' })
    write(key, 'own')
    for (const other of ['', segment, '.', 'example', '%']) if (other !== key) write(`${other}`, 'of others')
    expect(await snapshot(`/orders/${segment}`)).toEqual(['own'])
  })

  it.each([
    ['/orders/', 403],
    [`/orders/${'x'.repeat(101)}`, 414],
    ['/orders/%E0%A4%A', 400],
    ['/orders/a/b', 404],
  ])('%s opens none: %d', async (path, status) => {
    await open('/orders/:customer', { key: '{params.customer}' })
    expect((await get(path)).status).toBe(status)
  })

  it('gets records by both of two parameters in one segment', async () => {
    await open('/prices/:from-:to', { key: '{params.from}/{params.to}' })
    write('EUR/USD', 'own')
    write('EUR', 'other')
    expect(await snapshot('/prices/EUR-USD')).toEqual(['own'])
  })
})

describe('a stream by a claim', () => {
  it.each<[string, unknown]>([
    ['an object', { id: 'a' }],
    ['nothing', undefined],
    ['null', null],
    ['true', true],
    ['an empty text', ''],
    ['a fraction', 1.5],
    ['2^53', 2 ** 53],
    ['an empty list', []],
    ['a list with an empty text', ['a', '']],
    ['a list in a list', ['a', ['b']]],
    ['1,001 values', Array.from({ length: 1_001 }, (_, at) => at)],
    ['a lone surrogate', 'a\ud800'],
  ])('that is %s is refused, and takes no place', async (_, org) => {
    await open('/events', { headers: { org: '{token.org}' } }, { streamsMax: 1 })
    write('1', 'of others', [['org', '']])
    const { message, ...refused } = await refusal('/events', { org })
    expect(refused).toEqual(EMPTY)
    expect(message).toBe('The token and the path name no records of this stream')
    expect(scene.app.kafkaSseStreams.figures.refusals).toEqual({ FKS_SELECTION_EMPTY: 1 })
    expect(await snapshot('/events', { org: 'a' })).toEqual([])
  })

  it('gets the records of each element of a list, integers by their digits', async () => {
    await open('/events', { headers: { org: '{token.orgs}' } })
    for (const org of ['7', 'a', 'b', '007', '["a","b"]']) write(`key ${org}`, `of ${org}`, [['org', org]])
    expect(await snapshot('/events', { orgs: ['a', 7, 'c'] })).toEqual(['of 7', 'of a'])
    const most = Array.from({ length: 1_000 }, (_, at) => at)
    expect(await snapshot('/events', { orgs: most })).toEqual(['of 7'])
  })

  it('is open to the values of `where` alone', async () => {
    const where = { 'params.customer': '{token.customers}' }
    await open('/orders/:customer', { key: '{params.customer}', where })
    write('a', 'own')
    expect(await snapshot('/orders/a', { customers: ['b', 'a'] })).toEqual(['own'])
    expect(await refusal('/orders/c', { customers: ['b', 'a'] })).toEqual({
      status: 403,
      code: 'FKS_NOT_ALLOWED',
      message: 'The token does not grant what is selected here',
    })
    expect(await refusal('/orders/a')).toMatchObject(EMPTY)
  })

  it('is refused with a log line that names the option, and no value', async () => {
    const where = { 'params.customer': '{token.customers}' }
    await open('/orders/:customer', { headers: { Org: '{token.org}' }, where })
    for (const claims of [{}, { customers: ['b'] }, { customers: ['a'] }]) await refusal('/orders/a', claims)
    const lines = scene.lines.map((line) => JSON.parse(line)).filter(({ option }) => option !== undefined)
    const words = 'an option of the stream grants nothing to this path and token'
    expect(lines.map(({ level, option, msg }) => [level, option, msg])).toEqual([
      [20, 'where.params.customer', words],
      [20, 'where.params.customer', words],
      [20, 'headers.Org', words],
    ])
  })

  it('is refused before Accept and the query, which are looked at in that order', async () => {
    await open('/events', { headers: { org: '{token.org}' } })
    const last = '/events?key=a'
    expect(await refusal(last, {}, 'text/html')).toMatchObject(EMPTY)
    expect(await refusal(last, { org: 'a' }, 'text/html')).toMatchObject({ code: 'FKS_NOT_ACCEPTABLE' })
    expect(await refusal(`${last}&from=now`, { org: 'a' })).toMatchObject({
      message: 'from is earliest or latest',
    })
    expect(await refusal(last, { org: 'a' })).toMatchObject(INVALID)
  })
})

describe('what a client chooses', () => {
  const board = { select: ['key', 'headers.région', 'fields./a'] }

  it('narrows the stream; without it the stream has everything', async () => {
    await open('/prices', board)
    write('EUR USD', 'one', [['région', 'eu']])
    write('a=&b', '{"a":"x"}')
    expect(await snapshot('/prices')).toEqual(['one', '{"a":"x"}'])
    expect(await snapshot('/prices?key=EUR+USD&signals=0&keys=1')).toEqual(['one'])
    expect(await snapshot('/prices?key=EUR%20USD&key=a%3D%26b')).toEqual(['one', '{"a":"x"}'])
    expect(await snapshot('/prices?headers.r%C3%A9gion=eu&key=a%3D%26b')).toEqual([])
    expect(await snapshot('/prices?fields./a=x')).toEqual(['{"a":"x"}'])
    const many = Array.from({ length: 100 }, (_, at) => `key=${at}&key=${at}`).join('&')
    expect(await snapshot(`/prices?${many}`)).toEqual([])
  })

  it('is read to the end of the query: a question mark there is a character', async () => {
    await open('/prices', board)
    write('a', 'one')
    write('a?b', 'two')
    write('c#d', 'three')
    expect(await snapshot('/prices?key=a?b')).toEqual(['two'])
    expect(await snapshot('/prices?back=/?&key=a')).toEqual(['one'])
    expect(await snapshot('/prices?key=c#d')).toEqual(['three'])
  })

  it.each([
    ['empty', 'key=', 'key is empty'],
    ['empty without a sign', 'key', 'key is empty'],
    [
      '101 values',
      Array.from({ length: 101 }, (_, at) => `key=${at}`).join('&'),
      'there are more than 100 values',
    ],
    ['bytes that are no text', 'key=%ff', 'key is not percent-encoded UTF-8'],
    ['a name that is no text', 'a=1&hea%64ers.%ff=secret', 'headers.\ufffd is not percent-encoded UTF-8'],
    ['bytes that are not encoded', 'key=s\u00c3\u00a9cret', 'key is not percent-encoded UTF-8'],
    [
      'bytes that are no text under a long name',
      `headers.${'x'.repeat(1000)}=%ff`,
      `headers.${'x'.repeat(52)}… is not percent-encoded UTF-8`,
    ],
    ['a header that is not listed', 'headers.x=secret', 'headers.x cannot be chosen at this path'],
    [
      'a long name',
      `headers.${'x'.repeat(1000)}=1`,
      `headers.${'x'.repeat(52)}… cannot be chosen at this path`,
    ],
  ])('is refused if it is %s, without its value', async (_, query, message) => {
    await open('/prices', board)
    expect(await refusal(`/prices?${query}`)).toEqual({ ...INVALID, message })
  })

  it.each(['key=a', 'key', 'headers.x=a', 'fields./x=a'])(
    '%s is refused where nothing can be chosen',
    async (query) => {
      await open('/events', {})
      const [name] = query.split('=', 1)
      expect(await refusal(`/events?${query}`)).toEqual({
        ...INVALID,
        message: `${name} cannot be chosen at this path`,
      })
    },
  )

  it('is among what is granted, or refused', async () => {
    await open('/prices', { key: '{token.keys}', select: ['key'] })
    write('a', 'one')
    write('b', 'two')
    expect(await snapshot('/prices?key=a', { keys: ['a', 'b'] })).toEqual(['one'])
    const refused = await refusal('/prices?key=a&key=c', { keys: ['a', 'b'] })
    expect(refused).toEqual({ ...INVALID, message: 'key is not granted' })
  })
})

describe('a record', () => {
  it('with a header twice is in the selections of both values, and with a null one in none', async () => {
    await open('/events/:user', { headers: { user: '{params.user}' } })
    const headers: [string, string | null][] = [
      ['user', 'alice'],
      ['user', null],
      ['user', 'bob'],
    ]
    write('1', 'of both', headers)
    write('2', 'of no customer', [['user', null]])
    write('3', 'of no customer', [['User', 'alice']])
    expect(await snapshot('/events/alice')).toEqual(['of both'])
    expect(await snapshot('/events/bob')).toEqual(['of both'])
    expect(await snapshot('/events/null')).toEqual([])
  })

  const deep = `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`
  it.each([
    ['a member twice', '{"a":"own","a":"other"}', ['other']],
    ['a number', '{"a":1.50}', ['1.50']],
    ['an object', '{"a":{"b":"own"}}', []],
    ['a list', '{"a":["own"]}', []],
    ['true', '{"a":true}', []],
    ['a lone surrogate', '{"a":"\\ud800"}', []],
    ['a depth of 10,000', deep, []],
    ['no JSON', '{"a":"own"', []],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22]), []],
  ])('with %s is in the selections of its texts alone', async (_, value, values) => {
    await open('/events/:a', { fields: { '/a': '{params.a}' } })
    write('1', value)
    write('2', '{"a":"here"}')
    const asked = ['own', 'other', '1.50', '1.5', 'true', '{"b":"own"}', '%EF%BF%BD', 'here']
    const got = await Promise.all(asked.map((a) => snapshot(`/events/${a}`)))
    expect(asked.filter((_a, at) => got[at]?.length === 1)).toEqual([...values, 'here'])
  })
})

describe('a renewal', () => {
  const post = (path: string, claims: Record<string, unknown>) =>
    scene.post({ authorization: `Bearer ${scene.token(90, claims)}` }, '', path)

  it('that grants other records is refused, and the stream ends when it would have', async () => {
    await open('/events', { headers: { org: '{token.orgs}' }, select: ['key'] })
    const authorization = `Bearer ${scene.token(3, { orgs: ['a', 'b'] })}`
    const [held, chosen] = [
      await scene.get('/events', { authorization }),
      await scene.get('/events?key=k', { authorization }),
    ]
    for (const orgs of ['a', ['a', 'b', 'c'], ['a,b']]) {
      const { status, text, ended } = await post('/events', { orgs })
      await ended
      expect([status, JSON.parse(text()).code]).toEqual([403, 'FKS_NOT_ALLOWED'])
    }
    expect((await post('/events', {})).status).toBe(403)
    await Promise.all([held.ended, chosen.ended])
    expect(held.text()).toContain(':end expired\n')
    expect(scene.app.kafkaSseStreams.figures.renewals).toBe(0)
  })

  it('that grants the same renews every stream of it, whatever their clients chose', async () => {
    await open('/events', { headers: { org: '{token.orgs}' }, select: ['key'] })
    const authorization = `Bearer ${scene.token(3, { orgs: ['a', 'b'] })}`
    const streams = [
      await scene.get('/events', { authorization }),
      await scene.get('/events?key=k', { authorization }),
    ]
    const other = await scene.get('/events', { authorization: `Bearer ${scene.token(3, { orgs: 'a' })}` })
    expect((await post('/events?key=x', { orgs: ['b', 'a', 'a'] })).status).toBe(204)
    await other.ended
    expect(scene.app.kafkaSseStreams.figures).toMatchObject({ renewals: 2, streamsOpen: 2 })
    expect(streams.map(({ stream }) => stream.closed)).toEqual([false, false])
  })

  it('is for the path that it names, parameters decoded', async () => {
    const where = { 'params.customer': '{token.customers}' }
    await open('/orders/:customer', { key: '{params.customer}', where })
    const claims = { customers: ['a b', 'c'] }
    await get('/orders/a%20b', claims)
    expect((await post('/orders/%61%20b', claims)).status).toBe(204)
    expect((await post('/orders/c', claims)).status).toBe(404)
    expect((await post('/orders/a%20b', { customers: 'c' })).status).toBe(403)
    expect((await post('/orders/a%20b', { customers: 'a b' })).status).toBe(204)
  })
})
