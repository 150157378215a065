// Live records to connected clients: CPU of the server for each delivery, and how long after its making a record arrives.

import { startLoad } from './load.mjs'
import { compareUsage, residentBytes, sampleUsage } from './usage.mjs'

const CONNECT_MS = 120_000
/** A client that lacks a record this long after the last one was published is behind. */
export const BEHIND_MS = 2_000

/** @param {import('./run.mjs').Running} running @param {import('./run.mjs').Task} task */
export async function measureLive(running, { workload, credentials }) {
  const warmup = workload.ratePerSecond * workload.warmupSeconds
  const records = workload.ratePerSecond * workload.seconds
  const load = startLoad(running, credentials, { steps: workload.steps, warmup, records })
  try {
    if (!(await load.happens('connected', CONNECT_MS)))
      return { void: load.failure() ?? 'not all clients connected in time' }
    const pids = { ...running.pids, load: load.pid }
    const warm = await publishAndWait({
      running,
      load,
      pids,
      workload,
      first: 1,
      count: warmup,
      awaited: 'warm',
    })
    const measured = warm.held
      ? await publishAndWait({
          running,
          load,
          pids,
          workload,
          first: warmup + 1,
          count: records,
          awaited: 'complete',
        })
      : warm
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

/** Publishes at the workload's rate and waits until every client has all of it, or is behind. */
async function publishAndWait({ running, load, pids, workload, first, count, awaited }) {
  const before = sampleUsage(pids)
  const dueMs = (count / workload.ratePerSecond) * 1000
  const { valueBytes, keys, ratePerSecond } = workload
  let broken = null
  const published = running.publish({ first, count, ratePerSecond, valueBytes, keys }).catch((error) => {
    broken = error
  })
  const held = await load.happens(awaited, dueMs + BEHIND_MS)
  if (held) await published
  if (broken !== null) throw broken
  return { held, usage: compareUsage(before, sampleUsage(pids)) }
}

function figures({ held, usage }, result, deliveries) {
  return {
    ...(held ? {} : { behind: behindWords(result) }),
    deliveries,
    deliveriesPerSecond: (deliveries / usage.elapsedMicros) * 1e6,
    cpuMicrosPerDelivery: usage.cpuMicros.server / Math.max(1, deliveries),
    latencyMs: result.latencyMicros.count > 0 ? milliseconds(result.latencyMicros) : null,
    connectMs: milliseconds(result.connectMicros),
    usage,
  }
}

function behindWords({ received, clients, receivedMin, receivedMax }) {
  const mean = Math.round(received / clients)
  return `a client lacked records ${BEHIND_MS / 1000} s after the last one was due (each had ${receivedMin}-${receivedMax}, on average ${mean})`
}

function milliseconds({ p50, p90, p99, max }) {
  return { p50: p50 / 1000, p90: p90 / 1000, p99: p99 / 1000, max: max / 1000 }
}
