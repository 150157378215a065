// Builds the load generator and drives one run of it, in the lines that bench/load/main.go states.

import { execFileSync } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createInterface } from 'node:readline'
import { buildProgram, programPath } from './go-build.mjs'
import { endProcess, startProgram } from './processes.mjs'

const PROGRAM = programPath('load')

/** Window that Chromium gives a stream. */
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
 * @property {(name: string, timeoutMs: number) => Promise<boolean>} happens whether the event came in time and nothing failed
 * @property {() => string | null} failure the first client's that failed
 * @property {() => void} next connects the next step's clients
 * @property {(records: number) => Promise<object>} more expects further records, and tells of those that came since the last time
 * @property {() => void} measure from now on heartbeats, connects and openings count
 * @property {() => Promise<object>} finish closes all connections and tells the result (bench/load/result.go)
 * @property {() => Promise<void>} end
 *
 * @typedef {object} Task what bench/load/settings.go says of flags of the same names; left out, their defaults
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

/** Events that came are remembered, so that nobody must have waited for one before it came. */
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

  /** Takes one event of that name; waits for it until the time is over, a client failed or the generator ended. */
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

/** The loop that waits looks at the signal itself. */
function ignoreTimeout(error) {
  if (error.name !== 'AbortError') throw error
}
