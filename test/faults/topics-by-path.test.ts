// Topics that clients name in the path, served by two workers: one bus for both, which outlives a worker that dies, and
// is closed when neither uses it.

import { connect } from 'node:http2'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { bootstrapServers, Kafka } from '../kafka/kafka.ts'
import { respond } from '../support/http-scene.ts'
import { ServerProcess } from '../support/server-process.ts'
import { ResumingClient } from './resuming-client.ts'
import { INSPECTABLE, RunningWorkers } from './running-workers.ts'

const SOON = { timeout: 20_000, interval: 20 }
const IDLE_SECONDS = 2

describe.skipIf(bootstrapServers === null)('Topics by path with two workers', () => {
  let kafka: Kafka
  const topics: string[] = []
  let server: ServerProcess
  let workers: RunningWorkers
  let token = ''
  const clients: ResumingClient[] = []

  beforeAll(async () => {
    kafka = new Kafka(bootstrapServers)
    topics.push(await kafka.createTopic({ partitions: 2 }), await kafka.createTopic())
    server = await ServerProcess.open(kafka.bootstrapServers, '', {
      streams: [
        { path: '/topics/:topic', topic: '{params.topic}', topics: [...topics, 'missing'], replay: 'all' },
      ],
      // `info`, because the inspector's address comes after all that is printed at the start.
      settings: {
        WORKERS: '2',
        LOG_LEVEL: 'info',
        TOPICS_IDLE_SECONDS: `${IDLE_SECONDS}`,
        ...INSPECTABLE,
      },
    })
    workers = await RunningWorkers.open(server)
    token = (await server.token('+1h')).text
  })
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()))
    workers.close()
    await server.close()
    await kafka.close()
  })

  const urlOf = (topic: string) => server.url.replace('/events', `/topics/${topic}`)

  function client(topic: string, protocol: 'h1' | 'h2' = 'h2'): ResumingClient {
    const made = new ResumingClient({ url: urlOf(topic), ca: server.ca, token }, protocol)
    clients.push(made)
    return made
  }

  async function allHave(some: readonly ResumingClient[], ...values: string[]): Promise<void> {
    for (const each of some) await vi.waitFor(() => expect(each.received).toEqual(values), SOON)
  }

  it('one bus serves both workers, outlives one that dies, and closes when its last stream has left', {
    timeout: 90_000,
  }, async () => {
    const [one = '', other = ''] = topics
    await kafka.produce(one, { value: 'a', partition: 0 })
    await kafka.produce(other, { value: 'z' })
    const some = Array.from({ length: 12 }, (_, n) => client(one, n % 2 === 0 ? 'h2' : 'h1'))
    await allHave(some, 'a')
    await allHave([client(other)], 'z')
    expect(await server.metric('kafka_sse_topics_open')).toBe(2)
    expect(await server.metric('kafka_sse_topics_opened_total')).toBe(2)

    // Both workers have streams of it: those that chance gave to one only go and come back.
    await vi.waitFor(
      async () => {
        const ports = await workers.connections()
        const both = [...ports.values()].filter((open) => some.some(({ port }) => open.includes(port)))
        if (both.length < 2) for (const each of some.slice(0, 6)) each.leave()
        expect(both).toHaveLength(2)
      },
      { timeout: 20_000, interval: 300 },
    )

    const [killed = ''] = workers.names
    await workers.kill(killed)
    await kafka.produce(one, { value: 'b', partition: 0 })
    await allHave(some, 'a', 'b')
    expect(await server.metric('kafka_sse_worker_deaths_total')).toBe(1)
    expect(await server.metric('kafka_sse_topics_opened_total')).toBe(2)

    const retained = 'kafka_sse_bus_retained_bytes{topic="(by path)",encoding="any",keeps="any"}'
    expect(await server.metric(retained)).toBeGreaterThan(0)
    await Promise.all(clients.splice(0).map((each) => each.close()))
    await vi.waitFor(async () => expect(await server.metric('kafka_sse_topics_open')).toBe(0), SOON)
    expect(await server.metric('kafka_sse_topics_closed_total{reason="idle"}')).toBe(2)
    expect(await server.metric(retained)).toBe(0)

    // Read again, into the same memory.
    const allocated = await server.metric('kafka_sse_segments_allocated_bytes')
    await kafka.produce(one, { value: 'c', partition: 0 })
    await allHave([client(one), client(one)], 'a', 'b', 'c')
    expect(await server.metric('kafka_sse_segments_allocated_bytes')).toBe(allocated)
    expect(await server.metric('kafka_sse_ready')).toBe(1)
    const errors = server.output.split('\n').filter((line) => /"level":[56]0/.test(line))
    expect(errors.filter((line) => !line.includes('a worker has died'))).toEqual([])

    // With streams that are open, by path, in both workers or one.
    workers.close() // a process that is inspected waits for that at its end
    expect(await server.stop()).toBe(0)
  })
})

describe('A request that waits for a silent Kafka', () => {
  // Both at once: nearly all of their time is the wait.
  it.concurrent.for([1, 2])(
    'is told to come back, and does not hold up the end of the server, with %d workers',
    {
      timeout: 40_000,
    },
    async (count, { expect, onTestFinished }) => {
      const server = await ServerProcess.open('127.0.0.1:1', '', {
        streams: [{ path: '/topics/:topic', topic: '{params.topic}', topics: ['events'] }],
        settings: { WORKERS: `${count}`, LOG_LEVEL: 'info' },
      })
      onTestFinished(() => server.close())
      const { text: token } = await server.token('+1h')
      const session = connect(`https://localhost:${server.port}`, { ca: server.ca })
      session.on('error', () => session.destroy())
      onTestFinished(() => session.destroy())
      const headers = {
        ':path': '/topics/events',
        authorization: `Bearer ${token}`,
        accept: 'text/event-stream',
      }
      const refused = await respond(session, headers)
      await refused.ended
      expect([refused.status, refused.text()]).toEqual([
        200,
        expect.stringMatching(/^retry:\d+\n\n:end busy\n\n$/),
      ])
      session.request(headers).on('error', () => {}) // it is cut
      await pause(500)
      const startMs = performance.now()
      expect(await server.stop()).toBe(0)
      expect(performance.now() - startMs).toBeLessThan(4_000)
    },
  )
})
