// Everything that a topic holds, to one client that connects: from its request to the last byte, and from its connect. Asked for
// several times one after the other; each answer must be whole and in order.

import { startLoad } from './load.mjs'
import { mean, median } from './statistics.mjs'
import { compareUsage, residentBytes, sampleUsage } from './usage.mjs'

const REPLAY_MS = 60_000

/** @param {import('./run.mjs').Running} running @param {import('./run.mjs').Task} task */
export async function measureReplay(running, { workload, credentials }) {
  const { records: count, valueBytes, keys } = workload
  await running.publish({ first: 1, count, ratePerSecond: running.fillPerSecond ?? 0, valueBytes, keys })
  const first = await ask(running, workload, credentials) // Not counted: it also waits until the peer has all of it.
  if (first.void !== undefined) return first
  const answers = []
  for (let i = 0; i < workload.requests; i++) {
    const answer = await ask(running, workload, credentials)
    if (answer.void !== undefined) return answer
    answers.push(answer)
  }
  const of = (field) => median(answers.map((answer) => answer[field]))
  return {
    requestToLastMs: of('requestToLastMs'),
    connectToLastMs: of('connectToLastMs'),
    requestToFirstMs: of('requestToFirstMs'),
    // The kernel tells CPU in steps of 10 ms, about what one answer takes.
    cpuMicrosPerDelivery: mean(answers.map((answer) => answer.cpuMicrosPerDelivery)),
    residentBytes: residentBytes(running.pids.server),
    usage: { othersShare: mean(answers.map((answer) => answer.usage.othersShare)) },
    answers,
  }
}

async function ask(running, workload, credentials) {
  const before = sampleUsage(running.pids)
  const load = startLoad(running, credentials, { steps: [1], warmup: 0, records: workload.records })
  try {
    const whole = await load.happens('complete', REPLAY_MS)
    const usage = compareUsage(before, sampleUsage({ ...running.pids, load: load.pid }))
    const failure = load.failure()
    const result = await load.finish()
    if (!whole || failure !== null)
      return { void: failure ?? `${result.received} of ${workload.records} records came`, result }
    return {
      requestToLastMs: result.requestToLastMicros / 1000,
      connectToLastMs: result.connectToLastMicros / 1000,
      requestToFirstMs: result.requestToFirstMicros / 1000,
      cpuMicrosPerDelivery: usage.cpuMicros.server / workload.records,
      usage,
    }
  } finally {
    await load.end()
  }
}
