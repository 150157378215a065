// Live records to connected clients: the server's CPU for each delivery, and the time from a record's stamp to its
// arrival. If many clients get few records, their open connections cost more than the deliveries. So a workload may
// also measure them without records, and the cost of a delivery is reported with and without that.

import { setTimeout as delay } from 'node:timers/promises'
import { startLoad } from '../harness/load.mjs'
import { compareUsage, residentBytes, sampleUsage } from '../harness/usage.mjs'
import { milliseconds, publishAndWait } from './window.mjs'

export const CONNECT_MS = 120_000
/** A client that lacks a record this long after the last one was published is behind. */
export const BEHIND_MS = 2_000

/** After the connects, whose memory is still being collected. */
const SETTLE_MS = 2_000

/** @param {import('../run.mjs').Running} running @param {import('../run.mjs').Task} task */
export async function measureLive(running, { workload, credentials, selections }) {
  const { valueBytes, keys, stride, ratePerSecond } = workload
  const warmup = ratePerSecond * workload.warmupSeconds
  const records = ratePerSecond * workload.seconds
  const load = startLoad(running, credentials, {
    steps: workload.steps,
    warmup,
    records,
    ...selecting(running, selections),
  })
  try {
    if (!(await load.happens('connected', CONNECT_MS)))
      return { void: load.failure() ?? 'not all clients connected in time' }
    const pids = { ...running.pids, load: load.pid }
    const publish = (first, count, awaited) =>
      publishAndWait({
        running,
        load,
        pids,
        order: { first, count, ratePerSecond, valueBytes, keys, stride },
        awaited,
        behindMs: BEHIND_MS,
      })
    const quiet = workload.quietSeconds > 0 ? await measureQuiet(pids, workload) : null
    const warm = await publish(1, warmup, 'warm')
    const measured = warm.held ? await publish(warmup + 1, records, 'complete') : warm
    const residentAfter = residentBytes(running.pids.server)
    const failure = load.failure()
    const result = await load.finish()
    if (failure !== null) return { void: failure, result }
    const deliveries = result.received - (warm.held ? result.warmRecords : 0)
    return {
      ...figures(measured, result, deliveries),
      ...(quiet === null ? {} : figuresAboveQuiet(measured.usage, quiet, deliveries)),
      residentBytes: residentAfter,
      result,
    }
  } finally {
    await load.end()
  }
}

/** Flags of the load generator, if clients select keys. @param {import('../run.mjs').Running} running */
export function selecting({ keyParameter }, selections) {
  return selections === null ? {} : { ...selections, ...(keyParameter ? { keyParameter } : {}) }
}

async function measureQuiet(pids, { quietSeconds }) {
  await delay(SETTLE_MS)
  const before = sampleUsage(pids)
  await delay(quietSeconds * 1000)
  return compareUsage(before, sampleUsage(pids))
}

function figuresAboveQuiet({ cpuMicros, elapsedMicros }, quiet, deliveries) {
  const quietMicros = quiet.coreShare.server * elapsedMicros
  return {
    quietCores: quiet.coreShare.server,
    cpuMicrosAboveQuiet: (cpuMicros.server - quietMicros) / Math.max(1, deliveries),
    quiet,
  }
}

function figures({ held, usage }, result, deliveries) {
  return {
    ...(held ? {} : { behind: behindWords(result) }),
    deliveries,
    deliveriesPerSecond: (deliveries / usage.elapsedMicros) * 1e6,
    cpuMicrosPerDelivery: usage.cpuMicros.server / Math.max(1, deliveries),
    latencyMs: milliseconds(result.latencyMicros),
    lastLatencyMs: milliseconds(result.lastLatencyMicros),
    connectMs: milliseconds(result.connectMicros),
    usage,
  }
}

export function behindWords({ received, clients, receivedMin, receivedMax }) {
  const mean = Math.round(received / clients)
  return `a client lacked records ${BEHIND_MS / 1000} s after the last one was due (each had ${receivedMin}-${receivedMax}, on average ${mean})`
}
