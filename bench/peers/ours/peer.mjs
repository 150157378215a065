// This project's server with its defaults: JWT verified, every record through Kafka.

import { randomBytes } from 'node:crypto'
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
    signalsUrl: `${origin}/events?signals=1`,
    keyParameter: task.workload.selects?.by === 'client' ? 'key' : undefined,
    idleUrl: task.workload.idleClients > 0 ? `${origin}/idle` : undefined,
    renews: true,
    compacts: true,
    retained: async () => {
      const metrics = await readMetrics(adminPort)
      return { records: metrics.kafka_sse_bus_retained_records, bytes: metrics.kafka_sse_bus_retained_bytes }
    },
  }
}

function startServer(setup, { workload, credentials, env }) {
  const streams = describeStreams(setup, workload)
  const isSimple = Object.keys(streams[0]).length === SIMPLE_OPTIONS && streams.length === 1
  const streamsFile = isSimple ? null : writeStreams(credentials, streams)
  const argument = JSON.stringify({ ...setup, streamsFile, env: { ...secretOf(workload), ...env } })
  return startModule(new URL('server.mjs', import.meta.url), [argument], { execArgv: nodeArguments() })
}

/** Path, topic and scope: what the environment can say of a stream. It can name one. */
const SIMPLE_OPTIONS = 3

function describeStreams({ topic, idleTopic }, { selects }) {
  const events = { path: '/events', topic, scope: SCOPE, ...SELECTION[selects?.by] }
  return idleTopic === null ? [events] : [events, { path: '/idle', topic: idleTopic, scope: SCOPE }]
}

/** By who says which keys a client gets. With the token's keys, event ids are sealed. */
const SELECTION = {
  token: { key: '{token.keys}' },
  client: { select: ['key'] },
}

const SECRET_BYTES = 32

/** Without a secret the server would make one, and warn. */
function secretOf({ selects }) {
  return selects?.by === 'token' ? { SECRET_KEY: randomBytes(SECRET_BYTES).toString('base64url') } : {}
}

function writeStreams({ tokensFile }, streams) {
  const file = join(dirname(tokensFile), 'streams.json')
  writeFileSync(file, JSON.stringify({ streams }))
  return file
}
