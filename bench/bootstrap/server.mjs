// How long a server takes to be ready, and what it has used by then. The figures are from its log and /proc, so that
// the server does not measure itself.

import { setTimeout as delay } from 'node:timers/promises'
import { SCOPE } from '../harness/claims.mjs'
import { readMetrics } from '../harness/metrics.mjs'
import { endProcess } from '../harness/processes.mjs'
import { cpuMicrosOf, peakBytes, residentBytes } from '../harness/usage.mjs'
import { isUpToDate, startServing } from './serving.mjs'

const SETTLE_MS = 5_000

/** @returns {Promise<Bootstrap>} */
export async function measureServer({
  bootstrapServers,
  topic,
  credentials,
  furtherArguments = [],
  env = {},
}) {
  const spawnedAt = Date.now()
  const wanted = {
    KAFKA_TOPIC: topic,
    JWT_SCOPE: SCOPE,
    // Makes librdkafka log when a broker first answers: a few lines for each connection.
    LOG_LEVEL: 'debug',
    KAFKA_CONFIG_DEBUG: 'feature',
    ...env,
  }
  const { child, log } = startServing({ bootstrapServers, credentials }, wanted, furtherArguments)
  try {
    const listening = await log.line((line) => line.msg === 'listening')
    const answered = await log.line((line) => / ApiVersion|protocol features/.test(line.msg ?? ''))
    const ready = await log.line(isUpToDate(topic))
    const cpuMicros = cpuMicrosOf(child.pid)
    await delay(SETTLE_MS)
    return {
      startToReadyMs: ready.time - spawnedAt,
      answerToReadyMs: ready.time - answered.time,
      cpuMicros,
      residentBytes: residentBytes(child.pid),
      peakBytes: peakBytes(child.pid),
      metrics: await readMetrics(listening.adminPort),
    }
  } finally {
    await endProcess(child)
  }
}
