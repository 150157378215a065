// Many streams whose tokens have the same exp, at a server with two workers. Reports when each stream ended, as its
// client saw it, and how late that client itself may have been. Also reports the CPU of both, and the longest turn of
// each worker meanwhile.

import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { endProcess, receiveMessage, startModule, startProgram } from '../harness/processes.mjs'
import { longestBetween } from './loop-watch.mjs'

const WATCH = new URL('loop-watch.mjs', import.meta.url).href
const CLIENT = new URL('streams-client.mjs', import.meta.url)
const TOKEN_ARGUMENTS =
  '--alg RS256 --kid example --iss https://auth.example.com --aud https://api.example.com --no-iat --payload scope=proxy:stream --secret @private.pem'
const STREAMS_PER_CONNECTION = 100
const EARLIER_SECONDS = 12
/** Nothing listens on port 1. */
const NO_KAFKA = '127.0.0.1:1'
/** The measurement begins this long before exp. */
const BEFORE_MS = 1_000
/** A stream that has not ended this long after exp counts as one that never ends. */
const FORCED_MS = 10_000
/** The server's output, in its folder. */
const LOG = 'server.log'
/** Time between two checks whether the server listens. */
const LOOK_MS = 50
/** Largest age of the turns that are written to the file. */
const WRITTEN_MS = 400

const EARLIER = 4_000

export const scenarios = [
  scenario('20,000 streams with one exp, two workers that have just started', 0),
  scenario(`20,000 streams with one exp, two workers that have ended ${EARLIER} before`, EARLIER),
]

function scenario(name, earlier) {
  return {
    name,
    async run(dist) {
      const ended = await endTogether({ dist, streams: 20_000, lifetimeSeconds: 75, earlier })
      return { longestTurnMs: Math.max(...ended.turnsMs), details: inWords(ended) }
    },
  }
}

/**
 * @typedef {object} Ended
 * @property {number[]} lateMs how long after exp each ended, in order, as the client saw it
 * @property {number} loggedMs the same for the server's last line `request completed`, by the time in the line
 * @property {number} clean ended by END_STREAM
 * @property {number} reset ended by RST_STREAM
 * @property {number[]} turnsMs the longest turn of each worker from a second before exp on
 * @property {number} cpuMs of all threads of the server, from a second before exp to the last end
 * @property {number} cpuWithLinesMs the same until all lines are written
 * @property {{ gapMs: number, cpuMs: number }} client since exp: how long its loop stood still at the longest, and its
 *   CPU time
 */

/**
 * @param {{ dist: string, streams: number, lifetimeSeconds: number, earlier?: number }} task
 *   `earlier`: streams that end before the measurement
 * @returns {Promise<Ended>}
 */
export async function endTogether({ dist, streams, lifetimeSeconds, earlier = 0 }) {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-sse-common-exp-'))
  const cli = join(dist, 'src/cli.js')
  const log = openSync(join(folder, LOG), 'w') // not a pipe, whose lines would have to be read meanwhile
  const server = startProgram(process.execPath, [cli, 'demo'], {
    cwd: folder,
    env: settings(folder, streams),
    stdio: ['ignore', log, 'pipe'],
  })
  closeSync(log)
  let client = null
  try {
    const port = await listening(server, folder)
    const ca = readFileSync(join(folder, 'test-ca.crt'), 'utf8')
    const target = { port, ca, path: '/events' }
    if (earlier > 0) await endStreams(earlier, target, mint(cli, folder, EARLIER_SECONDS))
    const token = mint(cli, folder, lifetimeSeconds)
    const expiresAtMs = expiryOf(token)
    client = startClient(streams, target, token)
    const opened = await receiveMessage(client, 'opened')
    if (opened < streams) throw new Error(`${opened} of ${streams} streams opened`)
    const ended = receiveMessage(client, 'ended')
    const leftMs = expiresAtMs - BEFORE_MS - Date.now()
    if (leftMs < 0) throw new Error('the streams took too long to open')
    await pause(leftMs)
    const cpuBeforeMs = cpuMsOfAll(folder)
    const { atMs, clean, reset, client: clientFigures } = await ended
    const cpuMs = cpuMsOfAll(folder) - cpuBeforeMs
    await pause(WRITTEN_MS)
    const cpuWithLinesMs = cpuMsOfAll(folder) - cpuBeforeMs
    const turnsMs = turnsOfWorkers(folder, expiresAtMs - BEFORE_MS)
    return {
      lateMs: atMs.map((ms) => ms - expiresAtMs),
      loggedMs: lastLineMs(folder) - expiresAtMs,
      clean,
      reset,
      turnsMs,
      cpuMs,
      cpuWithLinesMs,
      client: clientFigures,
    }
  } finally {
    if (client !== null) await endProcess(client)
    await endProcess(server)
    rmSync(folder, { recursive: true, force: true })
  }
}

function mint(cli, folder, lifetimeSeconds) {
  const arguments_ = [...TOKEN_ARGUMENTS.split(' '), '--sub', 'example', `--exp=+${lifetimeSeconds}s`]
  return execFileSync(process.execPath, [cli, 'token', ...arguments_], {
    cwd: folder,
    encoding: 'utf8',
  }).trim()
}

function expiryOf(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).exp * 1000
}

function startClient(streams, target, token) {
  const connections = Math.ceil(streams / STREAMS_PER_CONNECTION)
  const expiresAtMs = expiryOf(token)
  const times = { expiresAtMs, forcedAtMs: expiresAtMs + FORCED_MS }
  return startModule(CLIENT, [
    JSON.stringify({ ...target, ...times, token, connections, streams: streams / connections }),
  ])
}

/** Streams that end before the others open, because a server that has run for a while has compiled that code. */
async function endStreams(streams, target, token) {
  const client = startClient(streams, target, token)
  try {
    await receiveMessage(client, 'opened')
    await receiveMessage(client, 'ended')
  } finally {
    await endProcess(client)
  }
}

function settings(folder, streams) {
  const limits = ['STREAMS_MAX', 'STREAMS_PER_SUBJECT_MAX', 'STREAMS_PER_ADDRESS_MAX']
  return {
    PATH: process.env.PATH,
    NODE_OPTIONS: `--import=${WATCH}`,
    TURNS_FOLDER: folder,
    KAFKA_BOOTSTRAP_SERVERS: NO_KAFKA,
    PORT: '0',
    ADMIN_PORT: '0',
    WORKERS: '2',
    LOG_LEVEL: 'info',
    ...Object.fromEntries(limits.map((name) => [name, String(streams + 1_000)])),
  }
}

/** The port, once the server listens. */
async function listening(server, folder) {
  for (;;) {
    const line = logLines(folder).find(({ msg }) => msg === 'listening')
    if (line !== undefined) return line.port
    if (server.exitCode !== null) throw new Error(`the server ended: ${server.lastWords()}`)
    await pause(LOOK_MS)
  }
}

/** Epoch ms. */
function lastLineMs(folder) {
  return logLines(folder).findLast(({ msg }) => msg === 'request completed')?.time ?? Number.NaN
}

/** The demo also prints lines that are not JSON. */
function logLines(folder) {
  const lines = readFileSync(join(folder, LOG), 'utf8').split('\n')
  return lines.slice(0, -1).flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []))
}

/**
 * CPU time of all threads of the process whose workers write their turns to files. NaN if the system does not report
 * it.
 */
function cpuMsOfAll(folder) {
  const [pid] = turnFiles(folder).map((name) => name.split('-')[0])
  const tasks = `/proc/${pid}/task`
  try {
    const times = readdirSync(tasks).map((task) => readFileSync(`${tasks}/${task}/schedstat`, 'latin1'))
    return times.reduce((sum, line) => sum + Number.parseInt(line, 10), 0) / 1e6
  } catch {
    return Number.NaN
  }
}

function turnFiles(folder) {
  return readdirSync(folder).filter((name) => /^\d+-[1-9]\d*\.json$/.test(name))
}

function turnsOfWorkers(folder, sinceMs) {
  const watched = turnFiles(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
  return watched.map((turns) => longestBetween(turns, sinceMs))
}

function inWords({ lateMs, loggedMs, clean, reset, turnsMs, cpuMs, cpuWithLinesMs, client }) {
  const [first, median, last] = [0, 0.5, 1].map((share) => at(lateMs, share))
  const workers = turnsMs.map((ms) => ms.toFixed(1)).join(' and ')
  const each = (ms) => ((ms / lateMs.length) * 1000).toFixed(0)
  return [
    `${lateMs.length} ended ${first} (first), ${median} (median), ${last} (last) ms after exp`,
    `${clean} by END_STREAM, ${reset} by RST_STREAM`,
    `CPU of the server for an end ${each(cpuMs)} µs, ${each(cpuWithLinesMs)} with its line, the last of which came after ${loggedMs} ms`,
    `of the client ${each(client.cpuMs)}, whose loop stood still for ${client.gapMs.toFixed(1)} ms at the longest`,
    `longest turns of the workers ${workers} ms`,
  ].join('; ')
}

function at(times, share) {
  return Math.round(times[Math.floor(share * (times.length - 1))] ?? Number.NaN)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [
    dist = fileURLToPath(new URL('../../dist', import.meta.url)),
    streams = '20000',
    lifetime = '75',
    earlier = '0',
  ] = process.argv.slice(2)
  const ended = await endTogether({
    dist,
    streams: Number(streams),
    lifetimeSeconds: Number(lifetime),
    earlier: Number(earlier),
  })
  process.stdout.write(`${inWords(ended)}\n`)
}
