// How much other clients delay records for clients that read normally. Measures the normal readers alone, beside
// clients that read slowly, beside one that keeps opening and closing streams, and around a record of 1 MiB. The normal
// readers are the same throughout.

import { setTimeout as delay } from 'node:timers/promises'
import { startLoad } from '../harness/load.mjs'
import { residentBytes } from '../harness/usage.mjs'
import { BEHIND_MS, CONNECT_MS } from './live.mjs'
import { milliseconds, publishAndWait } from './window.mjs'

/** Time for the other clients to have their full effect: with slow readers, until all buffers are full. */
const COMPANY_MS = 3_000
/** Time for the server to clean up the connections of clients that have left. */
const LEAVE_MS = 1_000
const SLOW_BYTES_PER_SECOND = 1_000
const OPENINGS_PER_SECOND = 1_000
const LARGE_BYTES = 1 << 20

/** @param {import('../run.mjs').Running} running @param {import('../run.mjs').Task} task */
export async function measureBystanders(running, { workload, credentials }) {
  const load = startLoad(running, credentials, { steps: workload.steps, records: 0 })
  try {
    if (!(await load.happens('connected', CONNECT_MS)))
      return { void: load.failure() ?? 'not all clients connected in time' }
    const scenes = new Scenes(running, load, workload, credentials)
    const alone = await scenes.play({})
    const slow = await scenes.play({
      company: { steps: [workload.companions], records: -1, readRate: SLOW_BYTES_PER_SECOND },
    })
    const openings = await scenes.play({ company: { openings: OPENINGS_PER_SECOND } })
    const large = await scenes.play({ largeBytes: LARGE_BYTES })
    const again = await scenes.play({})
    const residentAfter = residentBytes(running.pids.server)
    const failure = load.failure()
    const result = await load.finish()
    const all = { alone, slow, openings, large, again }
    if (failure !== null) return { void: failure, ...all, result }
    return { ...behind(all), ...all, usage: alone.usage, residentBytes: residentAfter, result }
  } finally {
    await load.end()
  }
}

/** The scenes, one after another, each with the same number of records. */
class Scenes {
  constructor(running, load, workload, credentials) {
    this.running = running
    this.load = load
    this.workload = workload
    this.credentials = credentials
    this.published = 0
  }

  async play({ company, largeBytes }) {
    const companion = company ? await this.invite(company) : null
    try {
      const { held, usage } = await this.publish(largeBytes)
      const caughtUp = held || (await this.load.happens('complete', CONNECT_MS))
      const { latencyMicros } = caughtUp ? await this.load.more(0) : { latencyMicros: { count: 0 } }
      const told = await companion?.finish()
      return { held, latencyMs: milliseconds(latencyMicros), usage, company: told }
    } finally {
      await companion?.end()
      if (companion) await delay(LEAVE_MS)
    }
  }

  async publish(largeBytes) {
    const { running, load, workload } = this
    const { ratePerSecond, valueBytes, keys } = workload
    const count = ratePerSecond * workload.seconds
    const order = { first: this.published + 1, count, ratePerSecond, valueBytes, keys }
    if (largeBytes) Object.assign(order, { largeAt: order.first + (count >> 1), largeBytes })
    await load.more(count)
    this.published += count
    const pids = { ...running.pids, load: load.pid }
    return await publishAndWait({ running, load, pids, order, awaited: 'complete', behindMs: BEHIND_MS })
  }

  /** The company reads what comes from then on, if the peer can do that. */
  async invite(company) {
    const target = { ...this.running, url: this.running.liveUrl ?? this.running.url }
    const companion = startLoad(target, this.credentials, { after: this.published, ...company })
    if (company.steps && !(await companion.happens('connected', CONNECT_MS)))
      throw new Error(companion.failure() ?? 'the slow clients did not all connect in time')
    companion.measure()
    await delay(COMPANY_MS)
    return companion
  }
}

function behind(scenes) {
  const late = Object.entries(scenes).filter(([, { held }]) => !held)
  if (late.length === 0) return {}
  return {
    behind: `bystanders lacked records ${BEHIND_MS / 1000} s after the last one was due: ${late.map(([name]) => name)}`,
  }
}
