// Live records to connected clients: the server's CPU for each delivery, and the time from a record's stamp to its
// arrival.

import { startLoad } from '../harness/load.mjs'
import { residentBytes } from '../harness/usage.mjs'
import { milliseconds, publishAndWait } from './window.mjs'

export const CONNECT_MS = 120_000
/** A client that lacks a record this long after the last one was published is behind. */
export const BEHIND_MS = 2_000

/** @param {import('../run.mjs').Running} running @param {import('../run.mjs').Task} task */
export async function measureLive(running, { workload, credentials }) {
  const { valueBytes, keys, ratePerSecond } = workload
  const warmup = ratePerSecond * workload.warmupSeconds
  const records = ratePerSecond * workload.seconds
  const load = startLoad(running, credentials, { steps: workload.steps, warmup, records })
  try {
    if (!(await load.happens('connected', CONNECT_MS)))
      return { void: load.failure() ?? 'not all clients connected in time' }
    const pids = { ...running.pids, load: load.pid }
    const publish = (first, count, awaited) =>
      publishAndWait({
        running,
        load,
        pids,
        order: { first, count, ratePerSecond, valueBytes, keys },
        awaited,
        behindMs: BEHIND_MS,
      })
    const warm = await publish(1, warmup, 'warm')
    const measured = warm.held ? await publish(warmup + 1, records, 'complete') : warm
    const residentAfter = residentBytes(running.pids.server)
    const failure = load.failure()
    const result = await load.finish()
    if (failure !== null) return { void: failure, result }
    const deliveries = result.received - (warm.held ? warmup * result.clients : 0)
    return { ...figures(measured, result, deliveries), residentBytes: residentAfter, result }
  } finally {
    await load.end()
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
