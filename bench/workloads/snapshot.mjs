// The snapshot of clients that select a few keys of a large topic: the time from a client's request to its last record
// and, if the peer says so, to `ready`. Clients connect one after another, and those before stay connected.

import { startLoad } from '../harness/load.mjs'
import { compareUsage, residentBytes, sampleUsage } from '../harness/usage.mjs'
import { fill } from './filling.mjs'
import { selecting } from './live.mjs'
import { milliseconds } from './window.mjs'

const SNAPSHOT_MS = 60_000

/** @param {import('../run.mjs').Running} running @param {import('../run.mjs').Task} task */
export async function measureSnapshot(running, task) {
  await fill(running, task.workload)
  const first = await ask(running, task) // not counted: until then the peer may not have all records
  if (first.void !== undefined) return first
  const before = sampleUsage(running.pids)
  const { result, void: failure } = await ask(running, task)
  if (failure !== undefined) return { void: failure, result }
  const usage = compareUsage(before, sampleUsage(running.pids), result.generatorCpuMicros)
  return {
    toReadyMs: milliseconds(result.eachToReadyMicros),
    toLastMs: milliseconds(result.eachToLastMicros),
    cpuMicrosPerConnect: usage.cpuMicros.server / result.clients,
    residentBytes: residentBytes(running.pids.server),
    retained: await running.retained?.(),
    usage,
    result,
  }
}

async function ask(running, { workload, credentials, selections }) {
  const load = startLoad({ ...running, url: running.signalsUrl ?? running.url }, credentials, {
    steps: workload.steps,
    records: workload.records,
    oneByOne: running.signalsUrl ? 'ready' : 'last',
    ...selecting(running, selections),
  })
  try {
    const isWhole = await load.happens('complete', SNAPSHOT_MS)
    const isConnected = isWhole && (await load.happens('connected', SNAPSHOT_MS))
    const failure = load.failure()
    const result = await load.finish()
    if (isConnected && failure === null) return { result }
    return { void: failure ?? `${result.received} records came to ${result.clients} clients`, result }
  } finally {
    await load.end()
  }
}
