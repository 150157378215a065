// A stream whose path names its topic: which names it takes, what others are answered, and how long the topic is held.

import { connect } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import { topicByPath } from '../../src/topics/stream-topic.ts'
import { HttpScene, type SceneOptions } from '../support/http-scene.ts'
import { forThisTest } from '../support/scene.ts'
import { eventually, until } from '../support/time.ts'
import { SourceInMemory, TopicInMemory } from '../support/topic-in-memory.ts'

async function open(options: SceneOptions = {}) {
  const topics = ['events', 'audit'].map((name) => new TopicInMemory(1, {}, name))
  for (const topic of topics) topic.produce(`of ${topic.name}`)
  const source = new SourceInMemory(topics)
  const asked: string[] = []
  const streamTopic = topicByPath({
    param: 'topic',
    names: ['events', 'audit', 'later'],
    acquire: (name) => {
      asked.push(name)
      return source.acquire(name)
    },
  })
  const path = '/topics/:topic'
  const scene = await forThisTest(HttpScene.open({ path, streamTopic, isTls: false, ...options }))
  const authorization = `Bearer ${scene.token()}`
  const get = (at: string, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${scene.port}${at}`, { headers: { authorization, ...headers } })
  return { scene, source, asked, get }
}

/** The answer to a path as it stands, which `fetch` would change. */
function getRaw(port: number, path: string, token: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.on('data', (bytes) => {
      text += bytes.toString()
    })
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
    socket.end(
      `GET ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\nconnection: close\r\n\r\n`,
    )
  })
}

describe('a stream whose path names its topic', () => {
  it('gets the records of that topic, and holds it until the client leaves', async () => {
    const { scene, source } = await open()
    const [events, audit] = await Promise.all([
      scene.getHttp1('/topics/events'),
      scene.getHttp1('/topics/audit'),
    ])
    await eventually(() => expect(events.reader.events.map(({ data }) => data)).toEqual(['of events']))
    await eventually(() => expect(audit.reader.events.map(({ data }) => data)).toEqual(['of audit']))
    expect([source.uses.get('events'), source.uses.get('audit')]).toEqual([1, 1])
    events.response.destroy()
    await eventually(() => expect(source.uses.get('events')).toBe(0))
    expect(source.uses.get('audit')).toBe(1)
  })

  it('is renewed at its own path alone', async () => {
    const { scene } = await open()
    await scene.getHttp1('/topics/events')
    const renew = async (topic: string) => {
      const headers = {
        authorization: `Bearer ${scene.token(120)}`,
        'content-type': 'application/x-challenge-response',
      }
      const url = `http://127.0.0.1:${scene.port}/topics/${topic}`
      return (await fetch(url, { method: 'POST', headers })).status
    }
    expect([await renew('events'), await renew('audit'), await renew('nothing')]).toEqual([204, 404, 404])
  })

  it('is 404 for a topic that is not listed and for one that Kafka lacks, once the token was checked', async () => {
    const { get, asked, scene, source } = await open()
    for (const path of ['/topics/secret', '/topics/later', '/topics/EVENTS']) {
      const answer = await get(path)
      expect([path, answer.status, (await answer.json()).code]).toEqual([path, 404, 'FKS_TOPIC_UNKNOWN'])
      const named = await get(path, { accept: 'text/event-stream' })
      expect([path, named.status]).toEqual([path, 404])
      const untrusted = await get(path, { authorization: 'Bearer no' })
      expect([path, untrusted.status]).toEqual([path, 401])
    }
    expect(asked).toEqual(['later', 'later'])
    expect(source.uses.size).toBe(0)
    expect(scene.app.kafkaSseStreams.figures.streamsOpened).toBe(0)
  })

  it('may allow each client its own topics', async () => {
    const where = { 'params.topic': '{token.topics}' }
    const { scene, get } = await open({ selection: { where } })
    const authorization = `Bearer ${scene.token(60, { topics: ['audit'] })}`
    const statuses = await Promise.all(
      ['audit', 'events', 'secret'].map(
        async (name) => (await get(`/topics/${name}`, { authorization })).status,
      ),
    )
    expect(statuses).toEqual([200, 403, 404])
  })

  it('says how to come back while Kafka is silent, and while there is no room', async () => {
    const { get, source, scene } = await open()
    for (const [refusal, code] of [
      ['unknown', 'FKS_KAFKA_UNAVAILABLE'],
      ['full', 'FKS_TOPICS_FULL'],
    ] as const) {
      source.refusal = refusal
      const answer = await get('/topics/later')
      expect([answer.status, (await answer.json()).code]).toEqual([503, code])
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(5)
      const named = await get('/topics/later', { accept: 'text/event-stream' })
      expect([named.status, await named.text()]).toEqual([
        200,
        expect.stringMatching(/^retry:\d+\n\n:end busy\n\n$/),
      ])
    }
    // Places are free again.
    expect(await scene.app.kafkaSseStreams.refusal('127.0.0.1')).toBeNull()
  })

  it('gives back place and topic however the request fails', async () => {
    const { get, source, asked } = await open({ sse: { streamsMax: 1 } })
    for (let times = 0; times < 3; times++) {
      expect((await get('/topics/later')).status).toBe(404)
      expect((await get('/topics/events?from=never')).status).toBe(400)
      expect((await get('/topics/events', { accept: 'text/html' })).status).toBe(406)
    }
    expect(asked).toEqual(['later', 'later', 'later']) // a bad request opens no topic
    expect(source.uses.size).toBe(0)
    expect((await get('/topics/audit')).status).toBe(200)
  })

  it('holds nothing for a client that leaves while Kafka is asked', async () => {
    let answer: () => void = () => {}
    const asked = new Promise<void>((resolve) => {
      answer = resolve
    })
    const source = new SourceInMemory([new TopicInMemory()])
    const streamTopic = topicByPath({
      param: 'topic',
      names: ['events'],
      acquire: async (name) => {
        await asked
        return source.acquire(name)
      },
    })
    let hasLeft = false
    const host = async (app: FastifyInstance) => {
      app.addHook('onRequestAbort', async (_request) => {
        hasLeft = true
      })
    }
    const { scene } = await open({ streamTopic, isTls: true, sse: { streamsMax: 1 }, host })
    const session = scene.connect()
    const stream = session.request({ ':path': '/topics/events', authorization: `Bearer ${scene.token()}` })
    stream.on('error', () => {})
    await eventually(async () => expect(await scene.app.kafkaSseStreams.refusal('127.0.0.1')).toBe('busy'))
    stream.close(8) // CANCEL
    await until(() => hasLeft)
    answer()
    await eventually(async () => expect(await scene.app.kafkaSseStreams.refusal('127.0.0.1')).toBeNull())
    await eventually(() => expect(source.uses.get('events')).toBe(0))
    expect(scene.app.kafkaSseStreams.figures.streamsOpened).toBe(0)
  })

  it.each([
    ['NUL', '/topics/%00'],
    ['a path that leads up', '/topics/%2e%2e%2fevents'],
    ['a slash', '/topics/events%2f'],
    ['a name twice encoded', '/topics/%2565vents'],
    ['a name in a prototype', '/topics/__proto__'],
    ['another', '/topics/constructor'],
    ['replacement character', '/topics/%EF%BF%BD'],
    ['nothing', '/topics/'],
    ['a name of a kilobyte', `/topics/${'e'.repeat(1000)}`],
    ['a name that cannot be decoded', '/topics/%E0%A4%A'],
  ])('takes %s for no topic', async (_what, path) => {
    const { scene, asked } = await open()
    const answer = await getRaw(scene.port, path, scene.token())
    expect(answer).toMatch(/^HTTP\/1\.1 4(00|04|14) /)
    expect(asked).toEqual([])
  })

  it('takes a name that is escaped, decoded once', async () => {
    const { scene, asked } = await open()
    const { response } = await scene.getHttp1('/topics/%65vents')
    expect([response.statusCode, asked]).toEqual([200, ['events']])
  })
})
