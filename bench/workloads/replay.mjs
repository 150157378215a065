// A whole topic to one client that connects: the time from its request to the last byte, and from its connect. It is
// requested several times, one after another; each answer must be complete and in order.

import { startLoad } from '../harness/load.mjs'
import { compareUsage, residentBytes, sampleUsage } from '../harness/usage.mjs'
import { median } from '../report/statistics.mjs'
import { fill } from './filling.mjs'

const REPLAY_MS = 60_000

/** @param {import('../run.mjs').Running} running @param {import('../run.mjs').Task} task */
export async function measureReplay(running, { workload, credentials }) {
  await fill(running, workload)
  const first = await askFirst(running, workload, credentials)
  if (first.void !== undefined) return first
  const retained = await running.retained?.()
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
    retained,
    usage,
    answers,
  }
}

/**
 * Not counted: this client waits until the peer has the whole topic. Until then, a record that will be superseded is
 * the newest of its key and is sent. The request is then repeated.
 */
async function askFirst(running, workload, credentials) {
  const until = Date.now() + REPLAY_MS
  let answer = await ask(running, workload, credentials)
  while (answer.void !== undefined && workload.deadPerLive > 0 && Date.now() < until)
    answer = await ask(running, workload, credentials)
  return answer
}

async function ask(running, workload, credentials) {
  const load = startLoad(running, credentials, { steps: [1], records: workload.records })
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
