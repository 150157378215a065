// Which streams a renewal reaches: those at the place that its router finds, of the session that opened them.

import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import fastify from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import kafkaSse, { type KafkaSseOptions } from '../../src/plugin.ts'
import { SealedIds } from '../../src/sealing/sealed-ids.ts'
import { HttpScene, type SceneOptions } from '../support/http-scene.ts'
import { forThisTest } from '../support/scene.ts'
import { eventually } from '../support/time.ts'

const open = (options: SceneOptions = {}) => forThisTest(HttpScene.open(options))

/** A host whose router takes several URLs for the same path, and that gives a part of them another name first. */
const LENIENT: SceneOptions = {
  isTls: false,
  path: '/orders/:customer',
  server: {
    routerOptions: { caseSensitive: false, ignoreTrailingSlash: true, ignoreDuplicateSlashes: true },
    rewriteUrl: ({ url = '/' }) => url.replace(/^\/v1\//, '/'),
  },
}

const SPELLINGS = [
  '/orders/Alice',
  '/orders/Alice/',
  '/ORDERS/Alice',
  '/ord%65rs/Al%69ce',
  '//orders//Alice',
  '/v1/orders/Alice?from=latest',
  'http://any.example/orders/Alice',
]

/** Writes a request over HTTP/1.1 as it stands, which clients would not; the status of the answer. */
async function rawStatus(port: number, method: string, target: string, token: string): Promise<number> {
  const socket = connect(port, '127.0.0.1')
  const fields = ['host: x', `authorization: Bearer ${token}`, 'content-length: 0', 'connection: close']
  const type = 'content-type: application/x-challenge-response'
  socket.write(`${[`${method} ${target} HTTP/1.1`, ...fields, type].join('\r\n')}\r\n\r\n`)
  const [head] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return Number(head.toString().split(' ')[1])
}

describe('a renewal is at the place of its stream', () => {
  it.each(SPELLINGS)('where the router reads both alike: %s', async (target) => {
    const scene = await open(LENIENT)
    const stream = await scene.getHttp1('/orders/Alice')
    expect(await rawStatus(scene.port, 'POST', target, scene.token(90))).toBe(204)
    stream.response.destroy()
    await eventually(() => expect(scene.app.kafkaSseStreams.figures.streamsOpen).toBe(0))
    const other = await scene.getHttp1(target.startsWith('http') ? '/Orders/Alice//' : target)
    expect(await rawStatus(scene.port, 'POST', '/orders/Alice', scene.token(90))).toBe(204)
    other.response.destroy()
  })

  it.each(['/orders/alice', '/orders/Alic', '/orders/Alice%2F', '/orders/Al%2569ce'])(
    'and nowhere where it does not: %s',
    async (target) => {
      const scene = await open(LENIENT)
      const stream = await scene.getHttp1('/orders/Alice')
      expect(await rawStatus(scene.port, 'POST', target, scene.token(90))).toBe(404)
      stream.response.destroy()
    },
  )

  it('whose sealed ids are the same, however its path is written', async () => {
    const scene = await open({ ...LENIENT, sealing: new SealedIds([Buffer.alloc(32, 1)]) })
    scene.topic.produce('x')
    const ids = new Set<string>()
    for (const target of SPELLINGS.filter((spelling) => spelling.startsWith('/'))) {
      const { reader, response } = await scene.getHttp1(target.replace('?from=latest', ''))
      await eventually(() => expect(reader.lastId).not.toBe(''))
      ids.add(reader.lastId)
      response.destroy()
    }
    expect(ids.size).toBe(1)
  })
})

describe('a stream that a thief opened with a stolen token', () => {
  it.each([
    ['session', { sid: 'stolen' }, { sid: 'own' }],
    ['client', { azp: 'stolen' }, { azp: 'own' }],
    ['client of either claim', { client_id: 'stolen' }, { appid: 'own' }],
    ['session by the name of Supabase', { session_id: 'stolen' }, { session_id: 'own' }],
    ['client by the name of Okta', { cid: 'stolen' }, { cid: 'own' }],
    ['session that is not named', { sid: 'stolen' }, {}],
  ])('ends at the exp of that token while its victim renews from another %s', async (_what, stolen, own) => {
    const scene = await open()
    const openedAtMs = Date.now()
    const [theirs, victims] = [
      await scene.get('/events', { authorization: `Bearer ${scene.token(3, stolen)}` }),
      await scene.get('/events', { authorization: `Bearer ${scene.token(3, own)}` }),
    ]
    const renewal = await scene.post({ authorization: `Bearer ${scene.token(60, own)}` })
    expect(renewal.status).toBe(204)
    expect(await theirs.ended).toBe(0)
    expect(Date.now() - openedAtMs).toBeLessThan(3_500)
    expect(theirs.text()).toContain(':end expired\n')
    expect(scene.app.kafkaSseStreams.figures).toMatchObject({ renewals: 1, streamsOpen: 1 })
    expect(victims.stream.closed).toBe(false)
    const afterwards = await scene.post({ authorization: `Bearer ${scene.token(60, own)}` })
    expect(afterwards.status).toBe(204)
  })

  it('is not found by a renewal from another session: 404 while it is the only one', async () => {
    const scene = await open()
    await scene.get('/events', { authorization: `Bearer ${scene.token(30, { sid: 'stolen' })}` })
    expect((await scene.post({ authorization: `Bearer ${scene.token(60, { sid: 'own' })}` })).status).toBe(
      404,
    )
  })

  it('lives on where renewals go by the subject alone', async () => {
    const scene = await open({ auth: { renewBy: 'subject' } })
    await scene.get('/events', { authorization: `Bearer ${scene.token(30, { sid: 'stolen', azp: 'a' })}` })
    expect((await scene.post({ authorization: `Bearer ${scene.token(60, { sid: 'own' })}` })).status).toBe(
      204,
    )
  })
})

describe('a host that has the plugin below a prefix with a parameter', () => {
  /** The statuses of renewals by session s2 of streams that session s1 opened: at the same path, and at another. */
  async function statuses(auth: Partial<KafkaSseOptions['auth']> = {}): Promise<number[]> {
    const app = fastify({ forceCloseConnections: true })
    onTestFinished(() => app.close())
    await app.register(kafkaSse, {
      prefix: '/live/:tenant',
      kafka: { bootstrapServers: '127.0.0.1:1' },
      auth: {
        authenticate: ({ headers }) => ({
          subject: 'alice',
          expiresAt: Date.now() + 60_000,
          sessionId: String(headers['x-session']),
        }),
        ...auth,
      },
      streams: [{ path: '/events', topic: 'events' }],
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo // an object for every server that listens on a port
    const request = (method: string, tenant: string, session: string) => {
      const type = 'application/x-challenge-response'
      const headers = { 'x-session': session, ...(method === 'POST' && { 'content-type': type }) }
      return fetch(`http://127.0.0.1:${port}/live/${tenant}/events`, { method, headers })
    }
    await request('GET', 'a', 's1')
    const answers = [
      await request('POST', 'a', 's1'),
      await request('POST', 'b', 's1'),
      await request('POST', 'a', 's2'),
    ]
    return answers.map(({ status }) => status)
  }

  it('renews streams of the same tenant and of the same session of the host', async () => {
    expect(await statuses()).toEqual([204, 404, 404])
  })

  it('leaves sessions out where the option says so', async () => {
    expect(await statuses({ renewBy: 'subject' })).toEqual([204, 404, 204])
  })
})
