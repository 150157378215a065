// Many streams whose tokens have one exp, at a server of two workers: when each ended, as its client saw it, and how long the
// turns of each worker were meanwhile.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { endProcess, receiveMessage, startModule, startProgram } from '../processes.mjs'
import { longestBetween } from './loop-watch.mjs'

const WATCH = new URL('loop-watch.mjs', import.meta.url).href
const CLIENT = new URL('streams-client.mjs', import.meta.url)
const TOKEN_ARGUMENTS =
  '--alg RS256 --kid example --iss https://auth.example.com --aud https://api.example.com --no-iat --payload scope=proxy:stream --secret @private.pem'
const STREAMS_PER_CONNECTION = 500
/** Nothing listens on port 1. */
const NO_KAFKA = '127.0.0.1:1'
/** After exp; who has not ended by then never does. */
const FORCED_MS = 10_000
/** What is written down of turns is so old at the most. */
const WRITTEN_MS = 400

export const scenarios = [
  {
    name: '20,000 streams with one exp, two workers',
    async run(dist) {
      const { lateMs, clean, reset, turnsMs } = await endTogether({
        dist,
        streams: 20_000,
        lifetimeSeconds: 75,
      })
      const last = (lateMs.at(-1) ?? Number.NaN).toFixed(0)
      const median = (lateMs[lateMs.length >> 1] ?? Number.NaN).toFixed(0)
      const first = (lateMs[0] ?? Number.NaN).toFixed(0)
      const ends = `${clean} by END_STREAM, ${reset} by RST_STREAM`
      const workers = turnsMs.map((ms) => ms.toFixed(1)).join(' and ')
      return {
        longestTurnMs: Math.max(...turnsMs),
        details: `ended ${first} (first), ${median} (median), ${last} (last) ms after exp, ${ends}; longest turns of the workers ${workers} ms`,
      }
    },
  },
]

/**
 * @param {{ dist: string, streams: number, lifetimeSeconds: number }} task
 * @returns {Promise<{ lateMs: number[], clean: number, reset: number, turnsMs: number[] }>} `lateMs` is by how much each came
 *   after exp, in order; `turnsMs` the longest turn of each worker from a second before exp on
 */
export async function endTogether({ dist, streams, lifetimeSeconds }) {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-sse-common-exp-'))
  const cli = join(dist, 'src/cli.js')
  const server = startProgram(process.execPath, [cli, 'demo'], {
    cwd: folder,
    env: settings(folder, streams),
  })
  let client = null
  try {
    const port = await listening(server)
    const token = execFileSync(
      process.execPath,
      [cli, 'token', ...TOKEN_ARGUMENTS.split(' '), '--sub', 'example', `--exp=+${lifetimeSeconds}s`],
      { cwd: folder, encoding: 'utf8' },
    ).trim()
    const expiresAtMs = JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).exp * 1000
    const ca = readFileSync(join(folder, 'test-ca.crt'), 'utf8')
    const connections = Math.ceil(streams / STREAMS_PER_CONNECTION)
    const target = { port, ca, token, path: '/events', streams: streams / connections }
    client = startModule(CLIENT, [
      JSON.stringify({ ...target, connections, forcedAtMs: expiresAtMs + FORCED_MS }),
    ])
    const opened = await receiveMessage(client, 'opened')
    if (opened < streams) throw new Error(`${opened} of ${streams} streams opened`)
    if (Date.now() > expiresAtMs - 1_000) throw new Error('the streams took too long to open')
    const { atMs, clean, reset } = await receiveMessage(client, 'ended')
    await new Promise((resolve) => setTimeout(resolve, WRITTEN_MS))
    const lateMs = atMs.map((ms) => ms - expiresAtMs)
    return { lateMs, clean, reset, turnsMs: turnsOfWorkers(folder, expiresAtMs - 1_000) }
  } finally {
    if (client !== null) await endProcess(client)
    await endProcess(server)
    rmSync(folder, { recursive: true, force: true })
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

/** The port, once the server listens. What it prints is read to the end: it would wait for its readers. */
function listening(server) {
  return new Promise((resolve, reject) => {
    createInterface({ input: server.stdout }).on('line', (line) => {
      if (line.includes('"msg":"listening"')) resolve(JSON.parse(line).port)
    })
    server.once('exit', () => reject(new Error(`the server ended: ${server.lastWords()}`)))
  })
}

function turnsOfWorkers(folder, sinceMs) {
  const files = readdirSync(folder).filter((name) => /^\d+-[1-9]\d*\.json$/.test(name))
  return files.map((name) => longestBetween(JSON.parse(readFileSync(join(folder, name), 'utf8')), sinceMs))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [dist = fileURLToPath(new URL('../../dist', import.meta.url)), streams = '20000'] =
    process.argv.slice(2)
  const { lateMs, turnsMs, clean, reset } = await endTogether({
    dist,
    streams: Number(streams),
    lifetimeSeconds: Number(streams) > 5_000 ? 75 : 20,
  })
  const at = (share) => Math.round(lateMs[Math.floor(share * (lateMs.length - 1))] ?? Number.NaN)
  process.stdout.write(
    `${lateMs.length} of ${streams} ended: ${at(0)}, ${at(0.5)}, ${at(1)} ms after exp; ${clean} clean, ${reset} reset; turns ${turnsMs}\n`,
  )
}
