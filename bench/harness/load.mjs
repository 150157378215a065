// Builds the load generator and controls one run of it, by the lines that bench/load/main.go documents.

import { execFileSync } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createInterface } from 'node:readline'
import { buildProgram, programPath } from './go-build.mjs'
import { endProcess, startProgram } from './processes.mjs'

const PROGRAM = programPath('load')

/** Chromium's window of a stream. */
export const WINDOW_BYTES = 6 << 20

export function buildLoad() {
  buildProgram(new URL('../load/', import.meta.url), 'load')
}

/** @param {string} folder where certificate.pem and certificate-key.pem are written */
export function makeCertificate(folder) {
  execFileSync(PROGRAM, ['certificate', folder])
}

/**
 * @typedef {object} Load
 * @property {number} pid
 * @property {(name: string, timeoutMs: number) => Promise<boolean>} happens whether the event came in time, without a
 *   failure
 * @property {() => string | null} failure of the first client that failed
 * @property {() => void} next connects the next step's clients
 * @property {(records: number) => Promise<object>} more expects further records, and resolves with figures of those
 *   since the last call
 * @property {() => void} measure begins to count heartbeats, connects and openings
 * @property {() => Promise<object>} finish closes all connections and resolves with the result (bench/load/result.go)
 * @property {() => Promise<void>} end
 *
 * @typedef {object} Task flags of the same names in bench/load/settings.go, with their defaults
 * @property {number[]} [steps]
 * @property {number} [warmup]
 * @property {number} [records]
 * @property {number} [after]
 * @property {boolean} [further]
 * @property {number} [readRate]
 * @property {string} [tokens] instead of the file that all workloads share
 * @property {string} [renewals]
 * @property {number} [challengeSeconds]
 * @property {number} [heartbeatSeconds]
 * @property {number} [churn]
 * @property {number} [openings]
 * @property {string} [selections] with `keys`, `stride` and `keyParameter`: see selections.mjs
 * @property {'last' | 'ready'} [oneByOne]
 */

/**
 * @param {{ url: string, lanes: number }} target
 * @param {import('./credentials.mjs').Credentials} credentials
 * @param {Task} task
 * @returns {Load}
 */
export function startLoad(target, credentials, task) {
  const child = startProgram(PROGRAM, [
    `-url=${target.url}`,
    `-ca=${credentials.certificateFile}`,
    `-lanes=${target.lanes}`,
    `-window=${WINDOW_BYTES}`,
    ...Object.entries({ tokens: credentials.tokensFile, ...task }).map(formatFlag),
  ])
  const reports = readReports(child)
  return {
    pid: child.pid,
    happens: (name, timeoutMs) => reports.happens(name, timeoutMs),
    failure: () => reports.failure,
    next: () => child.stdin.write('next\n'),
    more: (records) => more(child, reports, records),
    measure: () => child.stdin.write('measure\n'),
    finish: () => finish(child, reports),
    end: () => endProcess(child),
  }
}

/** `readRate` is the flag `-read-rate`. */
function formatFlag([name, value]) {
  return `-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}=${value}`
}

const MORE_MS = 10_000

async function more(child, reports, records) {
  child.stdin.write(`more ${records}\n`)
  if (!(await reports.until('more', MORE_MS)))
    throw new Error(reports.failure ?? 'the load generator does not answer')
  return reports.more
}

const FINISH_MS = 30_000

async function finish(child, reports) {
  child.stdin.write('finish\n')
  await reports.until('result', FINISH_MS)
  if (reports.result === null) throw new Error(`the load generator gave no result: ${child.lastWords()}`)
  return reports.result
}

/** Remembers events, so that a caller may wait for one that has already come. */
function readReports(child) {
  const emitter = new EventEmitter()
  const counts = new Map()
  const reports = { failure: null, result: null, more: null, closed: false, happens, until }
  createInterface({ input: child.stdout }).on('line', (line) => {
    const report = JSON.parse(line)
    if (report.event === 'failed') reports.failure = report.reason
    if (report.event === 'result') reports.result = report
    if (report.event === 'more') reports.more = report
    counts.set(report.event, (counts.get(report.event) ?? 0) + 1)
    emitter.emit('report')
  })
  child.on('close', (code) => {
    reports.closed = true
    if (code !== 0) reports.failure ??= `the load generator ended with ${code}: ${child.lastWords()}`
    emitter.emit('report')
  })
  return reports

  async function happens(name, timeoutMs) {
    return (await until(name, timeoutMs)) && reports.failure === null
  }

  /** Takes one event of that name. Waits until the time is over, a client fails or the generator ends. */
  async function until(name, timeoutMs) {
    const signal = AbortSignal.timeout(timeoutMs)
    while (!counts.get(name)) {
      if (signal.aborted || reports.closed || (reports.failure !== null && name !== 'result')) return false
      await once(emitter, 'report', { signal }).catch(ignoreTimeout)
    }
    counts.set(name, counts.get(name) - 1)
    return true
  }
}

/** The waiting loop checks the signal itself. */
function ignoreTimeout(error) {
  if (error.name !== 'AbortError') throw error
}
