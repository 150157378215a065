// `npm run bench`: the same workloads for every peer, alternately, on one machine in one run. See bench/README.md.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { makeCredentials } from './credentials.mjs'
import { measureIdle } from './idle.mjs'
import { startKafka } from './kafka.mjs'
import { measureLive } from './live.mjs'
import { buildLoad, WINDOW_BYTES } from './load.mjs'
import { describeMachine, openFilesMax } from './machine.mjs'
import * as bare from './peers/bare/peer.mjs'
import * as centrifuge from './peers/centrifuge/peer.mjs'
import * as consumerEach from './peers/consumer-each/peer.mjs'
import * as mercure from './peers/mercure/peer.mjs'
import * as obvious from './peers/obvious/peer.mjs'
import * as ours from './peers/ours/peer.mjs'
import * as shape from './peers/shape/peer.mjs'
import { measureReplay } from './replay.mjs'
import { formatTable, isDisturbed, writeReport } from './report.mjs'
import { chooseWorkloads, tooMuch } from './workloads.mjs'

/**
 * @typedef {object} Task
 * @property {import('./workloads.mjs').Workload} workload
 * @property {import('./credentials.mjs').Credentials} credentials
 * @property {import('./kafka.mjs').Kafka | null} kafka null where no peer needs one
 *
 * @typedef {object} Running see bench/peers/README.md
 * @property {string} url
 * @property {number} lanes
 * @property {Record<string, number>} pids
 * @property {(order: import('./pace.mjs').Order) => Promise<unknown>} publish
 * @property {number} [fillPerSecond] how fast it may be filled before a replay; as fast as it goes without
 * @property {() => Promise<void>} stop
 * @property {() => Record<string, unknown>} [figures] the peer's own, for the report
 */

/** In the order of the table. */
const PEERS = [ours, shape, bare, obvious, mercure, centrifuge, consumerEach]
const MEASURES = { live: measureLive, idle: measureIdle, replay: measureReplay }

const ATTEMPTS_MAX = 10
const PAUSE_MS = 5_000

await main()

async function main() {
  const options = readOptions()
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
  for (const workload of options.workloads) {
    const own = await repeat(workload, options, { credentials, kafka }, report.repetitions)
    process.stdout.write(formatTable(workload, own))
    report.repetitions.push(...own)
    file = writeReport(report) // After each workload: a run that is stopped keeps what it has.
  }
  await kafka?.stop()
  process.stdout.write(`\nEverything that was measured: ${file}\n`)
  process.exitCode = report.repetitions.some((repetition) => repetition.void !== undefined) ? 1 : 0
}

function settingsOf({ workloads, repetitions, calm }, kafka) {
  return { windowBytes: WINDOW_BYTES, workloads, repetitions, calm, kafka: kafka?.kind }
}

/** Builds what the peers are made of, and starts a Kafka where one of them needs it. */
async function prepare({ peers }) {
  for (const peer of peers) peer.prepare?.()
  return peers.some(({ needsKafka }) => needsKafka) ? await startKafka() : null
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      calm: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      repetitions: { type: 'string' },
    },
  })
  const only = values.only.split(',').filter(Boolean)
  const workloads = chooseWorkloads(values)
  const names = new Set([...workloads, ...PEERS].map(({ name }) => name))
  const unknown = only.find((name) => !names.has(name))
  if (unknown) fail(`--only takes names of workloads and peers: ${[...names].join(', ')}; not ${unknown}`)
  const repetitions = Number(values.repetitions ?? (values.quick ? 1 : 3))
  if (!Number.isInteger(repetitions) || repetitions < 1) fail('--repetitions takes a number from 1')
  const chosen = {
    workloads: select(workloads, only),
    peers: select(PEERS, only),
    repetitions,
    calm: values.calm,
  }
  checkOpenFiles(chosen.workloads)
  return chosen
}

/** Those that were named; all of them where none was. */
function select(all, only) {
  const named = all.filter(({ name }) => only.includes(name))
  return named.length > 0 ? named : all
}

/** Each repetition begins with another peer, so that none is always first or last. */
async function repeat(workload, { peers: all, repetitions, calm }, task, earlier) {
  const peers = all.filter((peer) => whyNot(peer, workload, earlier) === undefined)
  const done = all
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
  return without?.[workload.kind] ?? tooMuch(name, workload, earlier)
}

/** Again while others disturb it, whatever it found; the last one stays, disturbed or not. How often is in the report. */
async function measureCalmly(peer, task) {
  for (let attempt = 1; ; attempt++) {
    const figures = await measure(peer, task)
    if (attempt === ATTEMPTS_MAX || !isDisturbed(figures)) return { ...figures, attempt }
    await delay(PAUSE_MS)
  }
}

/** What breaks while a peer is measured voids the repetition, with its reason. */
async function measure(peer, task) {
  let running = null
  try {
    running = await peer.start(task)
    const figures = await MEASURES[task.workload.kind](running, task)
    return { ...figures, peerFigures: running.figures?.() }
  } catch (error) {
    return { void: error.message, stack: error.stack }
  } finally {
    await running?.stop()
  }
}

function clientsMax(workloads) {
  return Math.max(...workloads.flatMap(({ steps }) => steps))
}

function checkOpenFiles(workloads) {
  const needed = clientsMax(workloads) + 100
  if (openFilesMax() < needed)
    fail(`${needed} files must be open at once: raise the limit (ulimit -n ${needed})`)
}

function fail(message) {
  process.stderr.write(`bench: ${message}\n`)
  process.exit(2)
}
