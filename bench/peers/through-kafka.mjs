// A peer whose records come through Kafka. producer.mjs makes them in a process of its own, which does not count in the
// server's figures. Without another Kafka that process also runs the embedded broker.

import { endProcess, receiveMessage, startModule } from '../harness/processes.mjs'

/** The embedded broker keeps only about 5 MB of a partition, so no reader may be further behind. */
const EMBEDDED_FILL_PER_SECOND = 20_000
const FILL_PER_SECOND = 50_000
/**
 * At low rates a producer that lingers only adds latency. From this rate on, single records would cost the broker more
 * than two cores have, so it lingers for 5 ms, librdkafka's default.
 */
const LINGER = { fromPerSecond: 1_000, ms: 5 }

let topics = 0

/**
 * @param {import('../run.mjs').Task} task
 * @param {(setup: object) => import('node:child_process').ChildProcess} startServer of the credentials,
 *   `bootstrapServers`, `topic` and `idleTopic`, an empty one or null; the server sends `ready` with its ports once it
 *   serves
 * @returns {Promise<import('../run.mjs').Running>}
 */
export async function startThroughKafka({ workload, credentials, kafka }, startServer) {
  const topic = `bench-${process.pid}-${++topics}`
  const idleTopic = workload.idleClients > 0 ? `${topic}-idle` : null
  const producer = startModule(new URL('producer.mjs', import.meta.url), [
    JSON.stringify({
      topics: [topic, idleTopic].filter((name) => name !== null),
      external: kafka.bootstrapServers,
      lingerMs: workload.ratePerSecond < LINGER.fromPerSecond ? 0 : LINGER.ms,
    }),
  ])
  let server = null
  try {
    const { bootstrapServers } = await receiveMessage(producer, 'listening')
    server = startServer({ ...credentials, bootstrapServers, topic, idleTopic })
    return follow(server, await receiveMessage(server, 'ready'), producer, kafka)
  } catch (error) {
    if (server !== null) await endProcess(server)
    await endProcess(producer)
    throw error
  }
}

function follow(server, { port, adminPort }, producer, kafka) {
  const origin = `https://127.0.0.1:${port}`
  let acknowledgedMs = null
  return {
    origin,
    adminPort,
    url: `${origin}/events`,
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
  }
}
