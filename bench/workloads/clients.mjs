// How many clients a peer keeps up with at one rate of records, each for the few clients that selected its key. The
// clients stay connected; each step connects further ones. It ends with the first step in which records are late or the
// server takes too much.

import { startLoad } from '../harness/load.mjs'
import { residentBytes } from '../harness/usage.mjs'
import { BEHIND_MS, CONNECT_MS, selecting } from './live.mjs'
import { milliseconds, publishAndWait } from './window.mjs'

/** What Kafkorama publishes for this shape, on larger machines. */
const P99_MS_MAX = 34
const CORES_MAX = 1

/** @param {import('../run.mjs').Running} running @param {import('../run.mjs').Task} task */
export async function measureClients(running, { workload, credentials, selections }) {
  const target = { ...running, url: running.liveUrl ?? running.url } // clients that come later have missed records
  const { steps } = workload
  const load = startLoad(target, credentials, { steps, records: 0, ...selecting(running, selections) })
  try {
    const stair = new Stair({ running, load, workload })
    const tried = []
    for (const clients of steps) {
      if (tried.length > 0) load.next()
      if (!(await load.happens('connected', CONNECT_MS)))
        return { void: load.failure() ?? 'not all clients connected in time', tried }
      const step = await stair.step(clients)
      tried.push(step)
      if (!step.isKept) break
    }
    const failure = load.failure()
    const residentAfter = residentBytes(running.pids.server)
    const result = await load.finish()
    if (failure !== null) return { void: failure, tried, result }
    return { ...figures(tried), residentBytes: residentAfter, tried, result }
  } finally {
    await load.end()
  }
}

/** Steps with more and more clients. Each goes on with the records where the last one ended. */
class Stair {
  constructor({ running, load, workload }) {
    this.running = running
    this.load = load
    this.workload = workload
    this.pids = { ...running.pids, load: load.pid }
    this.published = 0
  }

  async step(clients) {
    const { warmupSeconds, seconds } = this.workload
    const warm = await this.publish(warmupSeconds)
    const { held, usage } = warm.held ? await this.publish(seconds) : warm
    const { latencyMicros } = held ? await this.load.more(0) : { latencyMicros: { count: 0 } }
    const latencyMs = milliseconds(latencyMicros)
    const isKept = held && latencyMs?.p99 <= P99_MS_MAX && usage.coreShare.server <= CORES_MAX
    return { clients, held, isKept, latencyMs, deliveries: latencyMicros.count, usage }
  }

  async publish(seconds) {
    const { running, load, pids, workload } = this
    const { ratePerSecond, valueBytes, keys, stride } = workload
    const count = Math.round(ratePerSecond * seconds)
    const order = { first: this.published + 1, count, ratePerSecond, valueBytes, keys, stride }
    this.published += count
    await load.more(count)
    return await publishAndWait({ running, load, pids, order, awaited: 'complete', behindMs: BEHIND_MS })
  }
}

/** Of the step with the most clients that was kept. */
function figures(tried) {
  const best = tried.findLast(({ isKept }) => isKept)
  const remark = tried.map(inWords).join('; ')
  if (best === undefined) {
    const { usage } = tried.at(-1)
    return { behind: `p99 or cores were too high with every number of clients`, remark, usage }
  }
  const { clients, deliveries, latencyMs, usage } = best
  return {
    clients,
    deliveriesPerSecond: (deliveries / usage.elapsedMicros) * 1e6,
    cpuMicrosPerDelivery: usage.cpuMicros.server / deliveries,
    latencyMs,
    remark,
    usage,
  }
}

function inWords({ clients, held, latencyMs, usage }) {
  const cores = usage.coreShare.server.toFixed(2)
  return held
    ? `${clients}: p99 ${latencyMs?.p99.toFixed(1)} ms, ${cores} cores`
    : `${clients}: a client lacked records, ${cores} cores`
}
