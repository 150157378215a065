// Memory of an idle connection: the slope of the server's resident memory between two numbers of connected clients. So
// the memory of the process without clients does not count. No garbage collection is forced. The CPU of a connect is
// that of the last clients. The CPU of an idle stream is from a time without connects.

import { setTimeout as delay } from 'node:timers/promises'
import { startLoad } from '../harness/load.mjs'
import { compareUsage, residentBytes, sampleUsage } from '../harness/usage.mjs'

const CONNECT_MS = 180_000

/** @param {import('../run.mjs').Running} running @param {import('../run.mjs').Task} task */
export async function measureIdle(running, { workload, credentials }) {
  const load = startLoad(running, credentials, { steps: workload.steps, warmup: 0, records: 0 })
  try {
    const pids = { ...running.pids, load: load.pid }
    const points = []
    for (const clients of workload.steps) {
      const before = sampleUsage(pids)
      if (points.length > 0) load.next()
      if (!(await load.happens('connected', CONNECT_MS)))
        return { void: load.failure() ?? 'not all clients connected in time' }
      const usage = compareUsage(before, sampleUsage(pids))
      const settled = sampleUsage(pids)
      await delay(workload.settleSeconds * 1000)
      const idleUsage = compareUsage(settled, sampleUsage(pids))
      points.push({ clients, residentBytes: residentBytes(running.pids.server), usage, idleUsage })
    }
    const failure = load.failure()
    const result = await load.finish()
    return failure === null ? { ...slope(points), points, result } : { void: failure, result }
  } finally {
    await load.end()
  }
}

function slope(points) {
  const [first, last] = [points.at(0), points.at(-1)]
  const clients = last.clients - first.clients
  return {
    bytesPerConnection: (last.residentBytes - first.residentBytes) / clients,
    cpuMicrosPerConnect: last.usage.cpuMicros.server / clients,
    cpuMicrosPerIdleSecond:
      last.idleUsage.cpuMicros.server / last.clients / (last.idleUsage.elapsedMicros / 1e6),
    residentBytes: last.residentBytes,
    usage: last.usage,
  }
}
