// This project's server with its defaults: JWT verified, every record through Kafka.

import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { SCOPE } from '../../harness/claims.mjs'
import { nodeArguments } from '../../harness/command.mjs'
import { readMetrics } from '../../harness/metrics.mjs'
import { startModule } from '../../harness/processes.mjs'
import { startThroughKafka } from '../through-kafka.mjs'
import { buildOurs } from './build.mjs'

export const name = 'ours'

export const needsKafka = true

export const prepare = buildOurs

export async function start(task) {
  const running = await startThroughKafka(task, (setup) => startServer(setup, task))
  const { adminPort, origin } = running
  return {
    ...running,
    liveUrl: `${origin}/events?from=latest`,
    idleUrl: task.workload.idleClients > 0 ? `${origin}/idle` : undefined,
    renews: true,
    compacts: true,
    retained: async () => {
      const metrics = await readMetrics(adminPort)
      return { records: metrics.kafka_sse_bus_retained_records, bytes: metrics.kafka_sse_bus_retained_bytes }
    },
  }
}

function startServer(setup, { credentials, env }) {
  const { topic, idleTopic } = setup
  const streamsFile = idleTopic === null ? null : writeStreams(credentials, topic, idleTopic)
  const argument = JSON.stringify({ ...setup, streamsFile, env })
  return startModule(new URL('server.mjs', import.meta.url), [argument], { execArgv: nodeArguments() })
}

/** A file, because the environment can name only one stream. */
function writeStreams({ tokensFile }, topic, idleTopic) {
  const file = join(dirname(tokensFile), 'streams.json')
  const streams = [
    { path: '/events', topic, scope: SCOPE },
    { path: '/idle', topic: idleTopic, scope: SCOPE },
  ]
  writeFileSync(file, JSON.stringify({ streams }))
  return file
}
