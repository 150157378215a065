// Everything at once. Connected clients get records at a rate. Newcomers connect as fast as the server answers, take
// their first bytes and leave. Tokens end, so that streams are challenged and renew. Streams without records need
// heartbeats. Figures are connects a second, the answer time of renewals, and lateness of deadlines.

import { setTimeout as delay } from 'node:timers/promises'
import { VALID_MS } from '../harness/credentials.mjs'
import { startLoad } from '../harness/load.mjs'
import { compareUsage, residentBytes, sampleUsage } from '../harness/usage.mjs'
import { BEHIND_MS, behindWords, CONNECT_MS } from './live.mjs'
import { milliseconds } from './window.mjs'

/** Our server's defaults, see docs/protocol.md. */
const CHALLENGE_SECONDS = 10
const HEARTBEAT_SECONDS = 9

/** @param {import('../run.mjs').Running} running @param {import('../run.mjs').Task} task */
export async function measureStorm(running, task) {
  const loads = await startLoads(running, task)
  try {
    const words = await connect(loads)
    return words === null ? await measure(running, task, loads) : { void: words }
  } finally {
    await Promise.all(loads.all.map((load) => load.end()))
  }
}

/** `live` is checked and measured. The others exist if the peer has what they need. */
async function startLoads(running, { workload, credentials }) {
  const { steps, ratePerSecond, warmupSeconds, seconds } = workload
  const beginsAtMs = Math.ceil(Date.now() / 1000 + workload.leadSeconds) * 1000
  const renewing = running.renews ? await writeRenewals(credentials, workload, beginsAtMs) : {}
  const live = startLoad(running, credentials, {
    steps,
    warmup: ratePerSecond * warmupSeconds,
    records: ratePerSecond * seconds,
    ...renewing,
  })
  const newcomers = startLoad(running, credentials, { churn: workload.newcomersAtOnce })
  const idle = running.idleUrl
    ? startLoad({ ...running, url: running.idleUrl }, credentials, {
        steps: [workload.idleClients],
        records: 0,
        heartbeatSeconds: HEARTBEAT_SECONDS,
      })
    : null
  const all = [live, newcomers, idle].filter((load) => load !== null)
  return { live, newcomers, idle, all, beginsAtMs }
}

/**
 * During the measurement `renewalsPerSecond` tokens a second reach their challenge: those of the first clients, in
 * whole seconds.
 */
async function writeRenewals(credentials, { steps, renewalsPerSecond, seconds }, beginsAtMs) {
  const count = Math.min(steps[0], renewalsPerSecond * seconds)
  const expiresAt = new Date(beginsAtMs + VALID_MS)
  const tokens = Array.from({ length: steps[0] }, (_, client) => ({ client, expiresAt }))
  for (let client = 0; client < count; client++) {
    const second = Math.floor(client / renewalsPerSecond) + CHALLENGE_SECONDS
    tokens[client] = { client, expiresAt: new Date(beginsAtMs + second * 1000) }
  }
  return {
    tokens: await credentials.writeTokens('short-tokens.txt', tokens),
    renewals: await credentials.writeTokens(
      'renewals.txt',
      Array.from({ length: count }, (_, client) => ({ client, expiresAt })),
    ),
    challengeSeconds: CHALLENGE_SECONDS,
  }
}

/** @returns {Promise<string | null>} what is missing at the beginning; null if nothing is */
async function connect({ live, idle }) {
  for (const load of [live, idle])
    if (load !== null && !(await load.happens('connected', CONNECT_MS)))
      return load.failure() ?? 'not all clients connected in time'
  return null
}

async function measure(running, { workload }, loads) {
  const { warmupSeconds, seconds } = workload
  const waitMs = loads.beginsAtMs - warmupSeconds * 1000 - Date.now()
  if (waitMs < 0) return { void: `tokens and connects took ${-waitMs} ms more than there was time for` }
  await delay(waitMs)
  const pids = { ...running.pids, load: loads.live.pid, newcomers: loads.newcomers.pid }
  if (loads.idle) pids.idleClients = loads.idle.pid
  const publishing = publish(running, workload)
  await delay(warmupSeconds * 1000)
  for (const load of [loads.newcomers, loads.idle]) load?.measure()
  const before = sampleUsage(pids)
  const held = await loads.live.happens(
    'complete',
    seconds * 1000 + (workload.behindIsExpected ? 0 : BEHIND_MS),
  )
  const usage = compareUsage(before, sampleUsage(pids))
  const residentAfter = residentBytes(running.pids.server)
  const failure =
    publishing.failure ?? loads.all.map((load) => load.failure()).find((words) => words !== null)
  const [result, newcomers, idle] = await Promise.all(
    [loads.live, loads.newcomers, loads.idle].map((load) => load?.finish()),
  )
  const results = { result, newcomers, idle }
  if (failure) return { void: failure, ...results }
  return {
    ...(held || workload.behindIsExpected ? {} : { behind: behindWords(result) }),
    ...figures(results),
    deliveriesPerSecond: result.received / (warmupSeconds + usage.elapsedMicros / 1e6),
    residentBytes: residentAfter,
    usage,
    ...results,
  }
}

/** Warm-up and measurement in one order, so that a peer that is late with the warm-up gets no pause after it. */
function publish(running, { valueBytes, keys, ratePerSecond, warmupSeconds, seconds }) {
  const publishing = { failure: null }
  const order = {
    first: 1,
    count: ratePerSecond * (warmupSeconds + seconds),
    ratePerSecond,
    valueBytes,
    keys,
  }
  running.publish(order).catch((error) => {
    publishing.failure = error.message
  })
  return publishing
}

function figures({ result, newcomers, idle }) {
  const { deadlines } = result
  return {
    connectsPerSecond: (newcomers.connects / newcomers.elapsedMicros) * 1e6,
    firstByteMs: milliseconds(newcomers.firstByteMicros),
    renewalMs: milliseconds(deadlines.renewalMicros),
    unanswered: deadlines.unanswered,
    challengeLateMs: milliseconds(deadlines.challengeLateMicros),
    unchallenged: deadlines.unchallenged,
    heartbeatLateMs: idle ? milliseconds(idle.deadlines.heartbeatLateMicros) : null,
    latencyMs: milliseconds(result.latencyMicros),
  }
}
