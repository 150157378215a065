// Turns of the event loop with a real Kafka, and topics that wait for one another. Measures many topics at a start, and
// a quiet topic beside partitions that always have more records. Also counts how much of many partitions is read.

import { setTimeout as pause } from 'node:timers/promises'
import { exportSPKI, generateKeyPair, SignJWT } from 'jose'
import kafka from 'node-rdkafka'
import { AUDIENCE, ISSUER, SCOPE } from '../harness/claims.mjs'
import { startKafka } from '../harness/kafka.mjs'
import { endProcess, startModule } from '../harness/processes.mjs'
import { quantiles } from '../report/statistics.mjs'
import { nowMicros } from '../workloads/record.mjs'

const ANSWER_MS = 20_000
const UP_TO_DATE_MS = 120_000
/** The most that one registration takes. */
const STREAMS_MAX = 100
const { publicKey, privateKey } = await generateKeyPair('ES256')
const keys = await exportSPKI(publicKey)

export const scenarios = [
  ...[50, 100, 200].map((count) => ({
    name: `${count} topics are looked at`,
    run: (dist) => withKafka((world) => lookAtTopics(world, dist, count)),
  })),
  {
    name: 'a quiet topic alone',
    run: (dist) => withKafka((world) => measureQuietTopic(world, dist, 0)),
  },
  {
    name: 'a quiet topic beside 4 partitions with a record each 20 to 95 ms',
    run: (dist) => withKafka((world) => measureQuietTopic(world, dist, 4)),
  },
  {
    name: '64 partitions of 5,000 records are read, bound 20,000',
    run: (dist) => withKafka((world) => readBounded(world, dist)),
  },
]

/** @typedef {{ bootstrapServers: string, admin: kafka.IAdminClient, producer: kafka.Producer }} World */

async function withKafka(use) {
  const { bootstrapServers, stop } = await startKafka()
  if (bootstrapServers === null) throw new Error('a real Kafka is needed: Java 17 and Maven, or its address')
  const servers = { 'metadata.broker.list': bootstrapServers }
  const admin = kafka.AdminClient.create(servers)
  const producer = new kafka.Producer(
    { ...servers, 'linger.ms': 0, 'queue.buffering.max.messages': 1_000_000 },
    {},
  )
  try {
    await answerOf((callback) => producer.connect({ allTopics: false, timeout: ANSWER_MS }, callback))
    return await use({ bootstrapServers, admin, producer })
  } finally {
    admin.disconnect()
    producer.disconnect()
    await stop()
  }
}

async function lookAtTopics(world, dist, count) {
  const names = Array.from({ length: count }, (_, number) => `looked-at-${process.pid}-${number}`)
  for (const name of names) await createTopic(world, name, 1)
  const registrations = []
  for (let first = 0; first < count; first += STREAMS_MAX)
    registrations.push(names.slice(first, first + STREAMS_MAX).map((topic) => ({ path: `/${topic}`, topic })))
  return serve(world, dist, registrations, async (_port, { upToDateMs, longestTurnMs }) => ({
    longestTurnMs,
    details: `ready after ${(upToDateMs / 1000).toFixed(1)} s`,
  }))
}

/** 10 s with a record every 50 ms, while other partitions never reach their end. */
async function measureQuietTopic(world, dist, steadyPartitions) {
  const [quiet, loud] = ['quiet', 'loud'].map((name) => `${name}-${process.pid}`)
  await createTopic(world, quiet, 1)
  if (steadyPartitions > 0) await createTopic(world, loud, steadyPartitions)
  const streams = [quiet, loud].slice(0, steadyPartitions > 0 ? 2 : 1)
  const stopping = new AbortController()
  const producing = Array.from({ length: steadyPartitions }, (_, partition) =>
    produceSteadily(world, loud, partition, stopping.signal),
  )
  const measured = await serve(
    world,
    dist,
    [streams.map((topic) => ({ path: `/${topic}`, topic }))],
    async (port, { longestTurnMs }) => {
      const stream = await openStream(`http://127.0.0.1:${port}/0/${quiet}`)
      for (let record = 0; record < 200; record++) {
        world.producer.produce(quiet, 0, Buffer.from(`${nowMicros()}`), `${record}`)
        world.producer.poll()
        await pause(50)
      }
      await stream.has(200)
      const { p50, p99 } = quantiles(stream.latenciesMs)
      return { longestTurnMs, details: `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms` }
    },
  )
  stopping.abort()
  await Promise.all(producing)
  return measured
}

async function produceSteadily({ producer }, topic, partition, signal) {
  while (!signal.aborted) {
    producer.produce(topic, partition, Buffer.from('steady'), 'steady')
    await pause(20 + Math.random() * 75)
  }
}

/** A stream whose records are times of the clock that all processes share. */
async function openStream(url) {
  const token = await new SignJWT({ scope: SCOPE })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject('bench')
    .setExpirationTime('1h')
    .sign(privateKey)
  const leaving = new AbortController()
  const headers = { authorization: `Bearer ${token}` }
  const { body } = await fetch(url, { headers, signal: leaving.signal })
  const latenciesMs = []
  const reading = (async () => {
    const decoder = new TextDecoder()
    for await (const bytes of body)
      for (const [, stamp] of decoder.decode(bytes).matchAll(/^data:(\d+)$/gm))
        latenciesMs.push((nowMicros() - Number(stamp)) / 1000)
  })()
  reading.catch(() => {}) // it is aborted
  const has = async (records) => {
    const until = Date.now() + ANSWER_MS
    while (latenciesMs.length < records && Date.now() < until) await pause(20)
    leaving.abort()
    if (latenciesMs.length < records) throw new Error(`${latenciesMs.length} of ${records} records came`)
  }
  return { latenciesMs, has }
}

async function readBounded(world, dist) {
  const [topic, partitions, each, bound] = [`bounded-${process.pid}`, 64, 5_000, 20_000]
  await createTopic(world, topic, partitions)
  for (let record = 0; record < each; record++) {
    for (let partition = 0; partition < partitions; partition++)
      world.producer.produce(topic, partition, Buffer.from(`${record}`))
    if (record % 1_000 === 999) await answerOf((callback) => world.producer.flush(ANSWER_MS, callback))
  }
  const streams = [{ path: '/events', topic, replay: 'all' }]
  return serve(world, dist, [streams], readMetrics, { retainedRecordsMax: bound })

  async function readMetrics(port, { upToDateMs, longestTurnMs }) {
    const text = await (await fetch(`http://127.0.0.1:${port}/0/operator/metrics`)).text()
    const read = Number(/^kafka_sse_bus_records_total\{.*\} (\d+)$/m.exec(text)?.[1])
    const seconds = (upToDateMs / 1000).toFixed(1)
    return { longestTurnMs, details: `${read} of ${partitions * each} read, ready after ${seconds} s` }
  }
}

/** A host with these streams, one list for each registration. Calls `use` when all are read up to date. */
async function serve({ bootstrapServers }, dist, registrations, use, bounds = {}) {
  const options = registrations.map((streams) => ({
    kafka: { bootstrapServers, ...bounds },
    auth: { issuer: ISSUER, audience: AUDIENCE, keys },
    streams,
  }))
  const host = startModule(new URL('host.mjs', import.meta.url), [
    JSON.stringify({ registrations: options, dist }),
  ])
  try {
    const messages = []
    host.on('message', (message) => messages.push(message))
    const { port } = await messageWith('port', 30_000)
    return await use(port, await messageWith('upToDateMs', UP_TO_DATE_MS))

    async function messageWith(field, withinMs) {
      const until = Date.now() + withinMs
      for (;;) {
        const found = messages.find((message) => field in message)
        if (found !== undefined) return found
        if (host.exitCode !== null) throw new Error(`the host ended: ${host.lastWords()}`)
        if (Date.now() > until) throw new Error(`the host did not report ${field} within ${withinMs} ms`)
        await pause(20)
      }
    }
  } finally {
    await endProcess(host)
  }
}

function createTopic({ admin }, topic, partitions) {
  const wanted = { topic, num_partitions: partitions, replication_factor: 1 }
  return answerOf((callback) => admin.createTopic(wanted, ANSWER_MS, callback))
}

function answerOf(call) {
  return new Promise((resolve, reject) => {
    call((error, answer) => (error ? reject(error) : resolve(answer)))
  })
}
