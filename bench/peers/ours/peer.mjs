// This project's server with its defaults: JWT verified, every record through Kafka. The producer, and the embedded broker
// unless KAFKA_BOOTSTRAP_SERVERS names one, are a process of their own, which the server's figures do not hold.

import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { SCOPE } from '../../claims.mjs'
import { nodeArguments } from '../../command.mjs'
import { readMetrics } from '../../metrics.mjs'
import { endProcess, receiveMessage, startModule } from '../../processes.mjs'

export const name = 'ours'

/** The embedded broker keeps only about 5 MB of a partition: nobody may be further behind than that. */
const EMBEDDED_FILL_PER_SECOND = 20_000
const FILL_PER_SECOND = 50_000

let topics = 0

export async function start({ workload, credentials, kafka, env }) {
  const topic = `bench-${process.pid}-${++topics}`
  const idleTopic = workload.idleClients > 0 ? `${topic}-idle` : null
  const names = [topic, idleTopic].filter((name) => name !== null)
  const producer = startModule(new URL('producer.mjs', import.meta.url), [
    JSON.stringify({ topics: names, external: kafka.bootstrapServers }),
  ])
  try {
    const { bootstrapServers } = await receiveMessage(producer, 'listening')
    const streamsFile = idleTopic === null ? null : writeStreams(credentials, topic, idleTopic)
    const argument = JSON.stringify({ ...credentials, bootstrapServers, topic, streamsFile, env })
    const server = startModule(new URL('server.mjs', import.meta.url), [argument], {
      execArgv: nodeArguments(),
    })
    return await follow(server, producer, kafka, idleTopic !== null)
  } catch (error) {
    await endProcess(producer)
    throw error
  }
}

/** Two streams are more than the environment can say. */
function writeStreams({ tokensFile }, topic, idleTopic) {
  const file = join(dirname(tokensFile), 'streams.json')
  const streams = [
    { path: '/events', topic, scope: SCOPE },
    { path: '/idle', topic: idleTopic, scope: SCOPE },
  ]
  writeFileSync(file, JSON.stringify({ streams }))
  return file
}

async function follow(server, producer, kafka, hasIdle) {
  const { port, adminPort } = await receiveMessage(server, 'ready')
  const origin = `https://127.0.0.1:${port}`
  let acknowledgedMs = null
  return {
    url: `${origin}/events`,
    liveUrl: `${origin}/events?from=latest`,
    idleUrl: hasIdle ? `${origin}/idle` : undefined,
    renews: true,
    compacts: true,
    lanes: 1,
    pids: { server: server.pid, producer: producer.pid, ...kafka.pids },
    fillPerSecond: kafka.bootstrapServers === null ? EMBEDDED_FILL_PER_SECOND : FILL_PER_SECOND,
    publish: async (order) => {
      producer.send({ publish: order })
      acknowledgedMs = await receiveMessage(producer, 'published')
    },
    stop: async () => {
      await endProcess(server)
      await endProcess(producer)
    },
    figures: () => ({ kafka: kafka.kind, acknowledgedMs }),
    retained: async () => {
      const metrics = await readMetrics(adminPort)
      return { records: metrics.kafka_sse_bus_retained_records, bytes: metrics.kafka_sse_bus_retained_bytes }
    },
  }
}
