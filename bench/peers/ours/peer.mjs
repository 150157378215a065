// This project's server with its defaults: JWT verified, every record through Kafka. The producer, and the embedded broker
// unless KAFKA_BOOTSTRAP_SERVERS names one, are a process of their own, which the server's figures do not hold.

import { endProcess, receiveMessage, startModule } from '../../processes.mjs'

export const name = 'ours'

/** The embedded broker keeps only about 5 MB of a partition: nobody may be further behind than that. */
const FILL_PER_SECOND = 20_000

let topics = 0

export async function start({ credentials }) {
  const topic = `bench-${process.pid}-${++topics}`
  const kafka = startModule(new URL('kafka.mjs', import.meta.url), [topic])
  try {
    const { bootstrapServers } = await receiveMessage(kafka, 'listening')
    const server = startModule(new URL('server.mjs', import.meta.url), [
      JSON.stringify({ ...credentials, bootstrapServers, topic }),
    ])
    return await follow(server, kafka)
  } catch (error) {
    await endProcess(kafka)
    throw error
  }
}

async function follow(server, kafka) {
  const { port } = await receiveMessage(server, 'ready')
  let acknowledgedMs = null
  return {
    url: `https://127.0.0.1:${port}/events`,
    lanes: 1,
    pids: { server: server.pid, kafka: kafka.pid },
    fillPerSecond: FILL_PER_SECOND,
    publish: async (order) => {
      kafka.send({ publish: order })
      acknowledgedMs = await receiveMessage(kafka, 'published')
    },
    stop: async () => {
      await endProcess(server)
      await endProcess(kafka)
    },
    figures: () => ({ acknowledgedMs }),
  }
}
