// A whole topic to many clients that connect at once: bytes a second to all of them together. If the peer has streams
// that begin with what comes next, other clients read live records meanwhile, and their latency is reported.

import { setTimeout as delay } from 'node:timers/promises'
import { startLoad } from '../harness/load.mjs'
import { compareUsage, residentBytes, sampleUsage } from '../harness/usage.mjs'
import { fill } from './filling.mjs'
import { BEHIND_MS, CONNECT_MS } from './live.mjs'
import { milliseconds } from './window.mjs'

const FIRST_MS = 60_000
const REPLAY_MS = 300_000

/** @param {import('../run.mjs').Running} running @param {import('../run.mjs').Task} task */
export async function measureReplayMany(running, { workload, credentials }) {
  await fill(running, workload)
  const loads = { live: null, one: null, many: null }
  try {
    loads.one = startLoad(running, credentials, { steps: [1], records: workload.records })
    if (!(await loads.one.happens('complete', FIRST_MS)))
      // Not counted: this client waits until the peer has the whole topic.
      return { void: loads.one.failure() ?? 'the records did not all come to one client' }
    await loads.one.finish()
    if (running.liveUrl) loads.live = await connectLive(running, workload, credentials)
    return await measure(running, workload, credentials, loads)
  } finally {
    for (const load of Object.values(loads)) await load?.end()
  }
}

async function measure(running, workload, credentials, loads) {
  const { records, steps } = workload
  const live = loads.live === null ? null : new Live(running, workload)
  const before = sampleUsage(running.pids)
  loads.many = startLoad(running, credentials, { steps, records, further: true })
  live?.begin()
  const whole = await loads.many.happens('complete', REPLAY_MS)
  const published = await live?.end()
  const failure = loads.many.failure() ?? loads.live?.failure() ?? null
  const residentAfter = residentBytes(running.pids.server)
  const result = await loads.many.finish()
  const usage = compareUsage(before, sampleUsage(running.pids), result.generatorCpuMicros)
  const alongside = await loads.live?.finish()
  if (failure !== null || !whole)
    return { void: failure ?? `only ${result.received} records came to all together`, result, alongside }
  const micros = result.lastAtMicros - result.firstRequestAtMicros
  return {
    ...behind(published, alongside),
    bytesPerSecond: (result.valueBytes / micros) * 1e6,
    lastMs: result.requestToLastMicros / 1000,
    cpuMicrosPerDelivery: usage.cpuMicros.server / result.received,
    liveLatencyMs: alongside ? milliseconds(alongside.latencyMicros) : null,
    residentBytes: residentAfter,
    usage,
    result,
    alongside,
  }
}

/** @returns {Promise<import('../harness/load.mjs').Load>} */
async function connectLive(running, { records, liveClients }, credentials) {
  const load = startLoad({ ...running, url: running.liveUrl }, credentials, {
    steps: [liveClients],
    after: records,
    records: -1,
  })
  if (!(await load.happens('connected', CONNECT_MS))) {
    await load.end()
    throw new Error(load.failure() ?? 'not all live clients connected in time')
  }
  return load
}

/**
 * Publishes live records, a second at a time, until it is stopped. Each has a key of its own and supersedes nothing.
 */
class Live {
  constructor(running, workload) {
    this.running = running
    this.workload = workload
    this.published = 0
    this.isOver = false
    this.publishing = null
  }

  begin() {
    this.publishing = this.publishAll()
  }

  /** The number of records, once every client should have them. */
  async end() {
    this.isOver = true
    await this.publishing
    await delay(BEHIND_MS)
    return this.published
  }

  async publishAll() {
    const { records, ratePerSecond, valueBytes } = this.workload
    while (!this.isOver) {
      const first = records + this.published + 1
      this.published += ratePerSecond
      const keys = Number.MAX_SAFE_INTEGER
      await this.running.publish({ first, count: ratePerSecond, ratePerSecond, valueBytes, keys })
    }
  }
}

function behind(published, alongside) {
  if (!alongside || alongside.receivedMin === published) return {}
  return { behind: `a live client had ${alongside.receivedMin} of ${published} records` }
}
