// A peer whose records come through Kafka: producer.mjs makes them, a process of its own, which the server's figures do not
// hold; so does the embedded broker, in the producer's process, where no other Kafka is there.

import { endProcess, receiveMessage, startModule } from '../processes.mjs'

/** The embedded broker keeps only about 5 MB of a partition: nobody may be further behind than that. */
const FILL_PER_SECOND = 20_000

let topics = 0

/**
 * @param {import('../run.mjs').Task} task
 * @param {(setup: object) => import('node:child_process').ChildProcess} startServer of the credentials, `bootstrapServers`
 *   and `topic`; it tells `ready: { port }` once it serves
 * @returns {Promise<import('../run.mjs').Running>}
 */
export async function startThroughKafka({ credentials, kafka }, startServer) {
  const topic = `bench-${process.pid}-${++topics}`
  const external = kafka.bootstrapServers === null ? [] : [kafka.bootstrapServers]
  const producer = startModule(new URL('producer.mjs', import.meta.url), [topic, ...external])
  let server = null
  try {
    const { bootstrapServers } = await receiveMessage(producer, 'listening')
    server = startServer({ ...credentials, bootstrapServers, topic })
    const { port } = await receiveMessage(server, 'ready')
    return follow(server, port, producer, kafka)
  } catch (error) {
    if (server !== null) await endProcess(server)
    await endProcess(producer)
    throw error
  }
}

function follow(server, port, producer, kafka) {
  let acknowledgedMs = null
  return {
    url: `https://127.0.0.1:${port}/events`,
    lanes: 1,
    pids: { server: server.pid, producer: producer.pid, ...kafka.pids },
    fillPerSecond: FILL_PER_SECOND,
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
