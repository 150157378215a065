// Everything that a topic holds, to one client that connects: from its request to the last byte, and from its connect. Asked for
// several times one after the other; each answer must be whole and in order.

import { startLoad } from './load.mjs'
import { median } from './statistics.mjs'
import { compareUsage, residentBytes, sampleUsage } from './usage.mjs'

const REPLAY_MS = 60_000

/** @param {import('./run.mjs').Running} running @param {import('./run.mjs').Task} task */
export async function measureReplay(running, { workload, credentials }) {
  const { records: count, valueBytes, keys } = workload
  await running.publish({ first: 1, count, ratePerSecond: running.fillPerSecond ?? 0, valueBytes, keys })
  const first = await ask(running, workload, credentials) // Not counted: it also waits until the peer has all of it.
  if (first.void !== undefined) return first
  const before = sampleUsage(running.pids)
  const answers = []
  for (let i = 0; i < workload.requests; i++) {
    const answer = await ask(running, workload, credentials)
    if (answer.void !== undefined) return answer
    answers.push(answer)
  }
  const generatorMicros = answers.reduce((sum, answer) => sum + answer.generatorCpuMicros, 0)
  const usage = compareUsage(before, sampleUsage(running.pids), generatorMicros)
  const of = (field) => median(answers.map((answer) => answer[field]))
  return {
    requestToLastMs: of('requestToLastMs'),
    connectToLastMs: of('connectToLastMs'),
    requestToFirstMs: of('requestToFirstMs'),
    cpuMicrosPerDelivery: usage.cpuMicros.server / (workload.records * workload.requests),
    residentBytes: residentBytes(running.pids.server),
    usage,
    answers,
  }
}

async function ask(running, workload, credentials) {
  const load = startLoad(running, credentials, { steps: [1], warmup: 0, records: workload.records })
  try {
    const whole = await load.happens('complete', REPLAY_MS)
    const failure = load.failure()
    const result = await load.finish()
    if (!whole || failure !== null) {
      return { void: failure ?? `${result.received} of ${workload.records} records came`, result }
    }
    return {
      requestToLastMs: result.requestToLastMicros / 1000,
      connectToLastMs: result.connectToLastMicros / 1000,
      requestToFirstMs: result.requestToFirstMicros / 1000,
      generatorCpuMicros: result.generatorCpuMicros,
    }
  } finally {
    await load.end()
  }
}
