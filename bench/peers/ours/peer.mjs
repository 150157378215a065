// This project's server with its defaults: JWT verified, every record through Kafka. The producer, and the embedded broker
// unless KAFKA_BOOTSTRAP_SERVERS names one, are a process of their own, which the server's figures do not hold.

import { nodeArguments } from '../../command.mjs'
import { endProcess, receiveMessage, startModule } from '../../processes.mjs'

export const name = 'ours'

/** The embedded broker keeps only about 5 MB of a partition: nobody may be further behind than that. */
const FILL_PER_SECOND = 20_000

let topics = 0

export async function start({ credentials, kafka, env }) {
  const topic = `bench-${process.pid}-${++topics}`
  const external = kafka.bootstrapServers === null ? [] : [kafka.bootstrapServers]
  const producer = startModule(new URL('producer.mjs', import.meta.url), [topic, ...external])
  try {
    const { bootstrapServers } = await receiveMessage(producer, 'listening')
    const argument = JSON.stringify({ ...credentials, bootstrapServers, topic, env })
    const server = startModule(new URL('server.mjs', import.meta.url), [argument], {
      execArgv: nodeArguments(),
    })
    return await follow(server, producer, kafka)
  } catch (error) {
    await endProcess(producer)
    throw error
  }
}

async function follow(server, producer, kafka) {
  const { port } = await receiveMessage(server, 'ready')
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
