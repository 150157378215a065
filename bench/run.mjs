// `npm run bench`: the same workloads for every peer, in turn, on one machine in one run. See bench/README.md.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { makeCredentials } from './harness/credentials.mjs'
import { startKafka } from './harness/kafka.mjs'
import { buildLoad, WINDOW_BYTES } from './harness/load.mjs'
import { describeMachine } from './harness/machine.mjs'
import { clientsMax, readOptions } from './harness/options.mjs'
import { profileInto } from './harness/processes.mjs'
import { makeSelections } from './harness/selections.mjs'
import * as bare from './peers/bare/peer.mjs'
import * as centrifuge from './peers/centrifuge/peer.mjs'
import * as consumerEach from './peers/consumer-each/peer.mjs'
import * as mercure from './peers/mercure/peer.mjs'
import * as obvious from './peers/obvious/peer.mjs'
import * as ours from './peers/ours/peer.mjs'
import * as shape from './peers/shape/peer.mjs'
import { formatTable, isDisturbed, writeReport } from './report/report.mjs'
import { median } from './report/statistics.mjs'
import { measureBystanders } from './workloads/bystanders.mjs'
import { measureClients } from './workloads/clients.mjs'
import { measureHighest } from './workloads/highest.mjs'
import { measureIdle } from './workloads/idle.mjs'
import { measureLive } from './workloads/live.mjs'
import { measureReplay } from './workloads/replay.mjs'
import { measureReplayMany } from './workloads/replay-many.mjs'
import { measureSnapshot } from './workloads/snapshot.mjs'
import { measureStorm } from './workloads/storm.mjs'
import { whySkipped } from './workloads/workloads.mjs'

/**
 * @typedef {object} Task
 * @property {import('./workloads/workloads.mjs').Workload} workload
 * @property {import('./harness/credentials.mjs').Credentials} credentials
 * @property {import('./harness/kafka.mjs').Kafka | null} kafka null if no peer needs one
 * @property {Record<string, string>} env settings of our server besides those of the bench
 * @property {import('./harness/selections.mjs').Selections | null} selections null if clients get every record
 *
 * @typedef {object} Running see bench/peers/README.md
 * @property {string} url
 * @property {number} lanes
 * @property {Record<string, number>} pids
 * @property {(order: import('./workloads/pace.mjs').Order) => Promise<unknown>} publish
 * @property {boolean} [renews] whether it challenges streams whose token ends, and takes renewals
 * @property {boolean} [compacts] whether a client that connects gets only the newest record of a key
 * @property {string} [liveUrl] a stream that begins with what comes next
 * @property {string} [signalsUrl] a stream that says `ready` after its snapshot
 * @property {string} [keyParameter] parameter of the URL for each key that a client selects; without it the token says
 *   which
 * @property {string} [idleUrl] a stream on which nothing is published
 * @property {number} [fillPerSecond] rate at which it may be filled before a replay; undefined: without a limit
 * @property {() => Promise<void>} stop
 * @property {() => Promise<{ records: number, bytes: number }>} [retained] what it retains
 * @property {() => Record<string, unknown>} [figures] the peer's own, for the report
 */

/** In the order of the table. */
const PEERS = [ours, shape, bare, obvious, mercure, centrifuge, consumerEach]
const MEASURES = {
  live: measureLive,
  private: measureLive,
  clients: measureClients,
  highest: measureHighest,
  storm: measureStorm,
  bystanders: measureBystanders,
  idle: measureIdle,
  replay: measureReplay,
  snapshot: measureSnapshot,
  'replay-many': measureReplayMany,
}

const ATTEMPTS_MAX = 10
const PAUSE_MS = 5_000

await main()

async function main() {
  const options = readOptions(PEERS)
  if (options.profile !== null) profileInto(options.profile)
  const startedAt = new Date()
  const folder = mkdtempSync(join(tmpdir(), 'kafka-sse-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  buildLoad()
  const credentials = await makeCredentials(folder, clientsMax(options.workloads))
  const kafka = await prepare(options)
  const report = {
    startedAt,
    machine: describeMachine(),
    settings: settingsOf(options, kafka),
    repetitions: [],
  }
  let file = ''
  for (const chosen of options.workloads) {
    const workload = withRate(chosen, options, report.repetitions)
    const selections = await makeSelections(workload, credentials)
    const task = { credentials, kafka, selections, env: { ...workload.env, ...options.env } }
    const own = await repeat(workload, options, task, report.repetitions)
    process.stdout.write(formatTable(workload, own))
    report.repetitions.push(...own)
    file = writeReport(report) // after each workload, so that a run that is stopped has a report
  }
  await kafka?.stop()
  process.stdout.write(`\nEverything that was measured: ${file}\n`)
  process.exitCode = report.repetitions.some((repetition) => repetition.void !== undefined) ? 1 : 0
}

function settingsOf({ workloads, repetitions, calm, env, highest }, kafka) {
  return { windowBytes: WINDOW_BYTES, workloads, repetitions, calm, env, highest, kafka: kafka?.kind }
}

/** Builds the peers, ours unless it is built already, and starts a Kafka if one of them needs it. */
async function prepare({ peers, isBuilt }) {
  for (const peer of peers) if (!(isBuilt && peer.name === 'ours')) peer.prepare?.()
  return peers.some(({ needsKafka }) => needsKafka) ? await startKafka() : null
}

/** The rate of a workload that is a multiple of the highest rate of `ours`. */
function withRate(workload, { highest }, repetitions) {
  if (workload.timesHighest === 0) return workload
  const rates = repetitions
    .filter((one) => one.workload === 'highest' && one.peer === ours.name && one.ratePerSecond > 0)
    .map(({ ratePerSecond }) => ratePerSecond)
  const held = rates.length > 0 ? median(rates) : highest
  if (held === null) throw new Error(`${workload.name} needs a rate that ours held; none was found`)
  const ratePerSecond = Math.round(held * workload.timesHighest)
  return { ...workload, ratePerSecond, what: `${workload.what}: ${ratePerSecond} records/s` }
}

/** Each repetition begins with another peer, so that none is always first or last. */
async function repeat(workload, { peers: all, repetitions, calm }, task, earlier) {
  const asked = all.filter(({ name }) => workload.peers?.includes(name) ?? true)
  const peers = asked.filter((peer) => whyNot(peer, workload, earlier) === undefined)
  const done = asked
    .filter((peer) => !peers.includes(peer))
    .map((peer) => ({ workload: workload.name, peer: peer.name, leftOut: whyNot(peer, workload, earlier) }))
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (let i = 0; i < peers.length; i++) {
      const peer = peers[(i + repetition) % peers.length]
      process.stderr.write(`${workload.name} ${repetition + 1}/${repetitions} ${peer.name}\n`)
      const figures = await (calm ? measureCalmly : measure)(peer, { ...task, workload })
      done.push({ workload: workload.name, peer: peer.name, repetition, ...figures })
    }
  }
  return done.toSorted(
    (a, b) => all.findIndex(({ name }) => name === a.peer) - all.findIndex(({ name }) => name === b.peer),
  )
}

function whyNot({ name, without }, workload, earlier) {
  return without?.[workload.kind] ?? whySkipped(name, workload, earlier)
}

/** Repeats a disturbed measurement, with any result. The last attempt counts. The report has the number of attempts. */
async function measureCalmly(peer, task) {
  for (let attempt = 1; ; attempt++) {
    const figures = await measure(peer, task)
    if (attempt === ATTEMPTS_MAX || !isDisturbed(figures)) return { ...figures, attempt }
    await delay(PAUSE_MS)
  }
}

/** An error while a peer is measured voids the repetition, and is its reason. */
async function measure(peer, task) {
  let running = null
  try {
    running = await peer.start(task)
    const figures = await MEASURES[task.workload.measure](running, task)
    return { ...figures, peerFigures: running.figures?.() }
  } catch (error) {
    return { void: error.message, stack: error.stack }
  } finally {
    await running?.stop()
  }
}
