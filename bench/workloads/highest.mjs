// The highest rate at which no client falls behind. Each step has a seventh more than the last one until the clients
// fall behind; further steps are between the last two. The clients stay connected.

import { startLoad } from '../harness/load.mjs'
import { residentBytes } from '../harness/usage.mjs'
import { CONNECT_MS } from './live.mjs'
import { milliseconds, publishAndWait } from './window.mjs'

/** Shorter than with a fixed rate, because in a step of a few seconds a client that is behind lacks little. */
const BEHIND_MS = 500
/** Time for late records, which still have to come complete and in order before the next step. */
const CATCH_UP_MS = 60_000
const FACTOR = 1.15
const LOWEST_PER_SECOND = 10

/** @param {import('../run.mjs').Running} running @param {import('../run.mjs').Task} task */
export async function measureHighest(running, { workload, credentials }) {
  const { steps, ratePerSecond, warmupSeconds } = workload
  const warmup = ratePerSecond * warmupSeconds
  const load = startLoad(running, credentials, { steps, warmup: 0, records: warmup })
  try {
    if (!(await load.happens('connected', CONNECT_MS)))
      return { void: load.failure() ?? 'not all clients connected in time' }
    const ladder = new Ladder({ running, load, workload })
    const tried = (await ladder.warmUp(warmup)) ? await search(ladder, workload) : []
    const failure = load.failure()
    const residentAfter = residentBytes(running.pids.server)
    const result = await load.finish()
    if (failure !== null) return { void: failure, tried, result }
    return { ...figures(tried, steps[0]), residentBytes: residentAfter, tried, result }
  } finally {
    await load.end()
  }
}

/**
 * Halves the rate until one is held, raises it by the factor until one is not, then tries rates half-way between.
 * @param {{ step: (ratePerSecond: number) => Promise<{ held: boolean, caughtUp: boolean }> }} ladder
 * @param {{ ratePerSecond: number, refinements: number, stepsMax: number }} workload
 */
export async function search(ladder, { ratePerSecond, refinements, stepsMax }) {
  const tried = []
  let [held, failed] = [0, Number.POSITIVE_INFINITY]
  const attempt = async (rate) => {
    const step = await ladder.step(rate)
    tried.push(step)
    if (step.held) held = rate
    else failed = rate
    return step.caughtUp
  }
  let rate = ratePerSecond
  while (rate >= LOWEST_PER_SECOND && rate < failed && tried.length < stepsMax) {
    if (!(await attempt(rate))) return tried
    rate = Math.round(held > 0 ? held * FACTOR : failed / 2)
  }
  for (let i = 0; i < refinements && failed < Number.POSITIVE_INFINITY && failed - held > 1; i++)
    if (!(await attempt(Math.round((held + failed) / 2)))) break
  return tried
}

/** Steps at one rate after another. Each goes on where the last one ended. */
class Ladder {
  constructor({ running, load, workload }) {
    this.running = running
    this.load = load
    this.workload = workload
    this.pids = { ...running.pids, load: load.pid }
    this.published = 0
  }

  async warmUp(count) {
    const { held } = await this.publish(count, this.workload.ratePerSecond)
    return held || (await this.load.happens('complete', CATCH_UP_MS))
  }

  async step(ratePerSecond) {
    const count = ratePerSecond * this.workload.seconds
    await this.load.more(count)
    const { held, usage } = await this.publish(count, ratePerSecond)
    const caughtUp = held || (await this.load.happens('complete', CATCH_UP_MS))
    const { latencyMicros } = caughtUp ? await this.load.more(0) : { latencyMicros: { count: 0 } }
    const deliveries = count * this.workload.steps[0]
    return { ratePerSecond, held, caughtUp, deliveries, latencyMs: milliseconds(latencyMicros), usage }
  }

  async publish(count, ratePerSecond) {
    const { running, load, pids, workload } = this
    const order = {
      first: this.published + 1,
      count,
      ratePerSecond,
      valueBytes: workload.valueBytes,
      keys: workload.keys,
    }
    this.published += count
    return await publishAndWait({ running, load, pids, order, awaited: 'complete', behindMs: BEHIND_MS })
  }
}

/** Figures of the best step; `behind` if there is none. */
function figures(tried, clients) {
  const best = tried.filter(({ held }) => held).toSorted((a, b) => b.ratePerSecond - a.ratePerSecond)[0]
  const { usage } = best ?? tried.at(-1) ?? {}
  if (best === undefined) return { behind: 'the clients kept up with no rate that was tried', usage }
  return {
    ratePerSecond: best.ratePerSecond,
    deliveriesPerSecond: best.ratePerSecond * clients,
    latencyMs: best.latencyMs,
    cpuMicrosPerDelivery: usage.cpuMicros.server / best.deliveries,
    usage,
  }
}
