// Reports a run: a table for each workload on standard output, and everything in a JSON file.

import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { summarise } from './statistics.mjs'

const FOLDER = new URL('../results/', import.meta.url)
/** Share of other work on the machine from which on figures are doubtful. */
const OTHERS_SHARE_MAX = 0.05

/** @param {Repetition} repetition */
export function isDisturbed({ usage }) {
  return usage !== undefined && usage.othersShare > OTHERS_SHARE_MAX
}

/** Whether its figures may be compared. @param {Repetition} repetition */
export function isSound({ void: wrong, behind, leftOut }) {
  return wrong === undefined && behind === undefined && leftOut === undefined
}

/** Columns of each measure: heading, how to read it from a repetition, digits. The first is compared with `bare`. */
const COLUMNS = {
  live: [
    ['CPU µs/delivery', (r) => r.cpuMicrosPerDelivery, 2],
    ['server cores', (r) => r.usage.coreShare.server, 2],
    ['p50 ms', (r) => r.latencyMs?.p50, 1],
    ['p99 ms', (r) => r.latencyMs?.p99, 1],
    ['max ms', (r) => r.latencyMs?.max, 0],
    ['last client p50 ms', (r) => r.lastLatencyMs?.p50, 1],
    ['Kafka acknowledges p50 ms', (r) => r.peerFigures?.acknowledgedMs?.p50, 1],
    ['p99 ms', (r) => r.peerFigures?.acknowledgedMs?.p99, 1],
    ['deliveries/s', (r) => r.deliveriesPerSecond, 0],
    ['RSS MiB', (r) => r.residentBytes / 2 ** 20, 0],
    ['load cores', (r) => r.usage.coreShare.load, 2],
    ['idle', (r) => r.usage.idleShare, 2],
  ],
  private: [
    ['CPU µs/delivery', (r) => r.cpuMicrosPerDelivery, 2],
    ['above that of open streams', (r) => r.cpuMicrosAboveQuiet, 2],
    ['cores of open streams', (r) => r.quietCores, 3],
    ['server cores', (r) => r.usage.coreShare.server, 2],
    ['p50 ms', (r) => r.latencyMs?.p50, 1],
    ['p99 ms', (r) => r.latencyMs?.p99, 1],
    ['max ms', (r) => r.latencyMs?.max, 0],
    ['Kafka acknowledges p50 ms', (r) => r.peerFigures?.acknowledgedMs?.p50, 1],
    ['deliveries/s', (r) => r.deliveriesPerSecond, 0],
    ['RSS MiB', (r) => r.residentBytes / 2 ** 20, 0],
    ['load cores', (r) => r.usage.coreShare.load, 2],
    ['idle', (r) => r.usage.idleShare, 2],
  ],
  clients: [
    ['clients', (r) => r.clients, 0],
    ['CPU µs/delivery', (r) => r.cpuMicrosPerDelivery, 2],
    ['p50 ms', (r) => r.latencyMs?.p50, 1],
    ['p99 ms', (r) => r.latencyMs?.p99, 1],
    ['server cores', (r) => r.usage.coreShare.server, 2],
    ['deliveries/s', (r) => r.deliveriesPerSecond, 0],
    ['load cores', (r) => r.usage.coreShare.load, 2],
    ['idle', (r) => r.usage.idleShare, 2],
    ['RSS MiB', (r) => r.residentBytes / 2 ** 20, 0],
  ],
  highest: [
    ['records/s', (r) => r.ratePerSecond, 0],
    ['deliveries/s', (r) => r.deliveriesPerSecond, 0],
    ['CPU µs/delivery', (r) => r.cpuMicrosPerDelivery, 2],
    ['p50 ms', (r) => r.latencyMs?.p50, 1],
    ['p99 ms', (r) => r.latencyMs?.p99, 1],
    ['server cores', (r) => r.usage.coreShare.server, 2],
    ['load cores', (r) => r.usage.coreShare.load, 2],
    ['idle', (r) => r.usage.idleShare, 2],
  ],
  storm: [
    ['connects/s', (r) => r.connectsPerSecond, 0],
    ['first byte p50 ms', (r) => r.firstByteMs?.p50, 0],
    ['p99 ms', (r) => r.firstByteMs?.p99, 0],
    ['renewal p50 ms', (r) => r.renewalMs?.p50, 0],
    ['p99 ms', (r) => r.renewalMs?.p99, 0],
    ['max ms', (r) => r.renewalMs?.max, 0],
    ['challenge late max ms', (r) => r.challengeLateMs?.max, 0],
    ['heartbeat late max ms', (r) => r.heartbeatLateMs?.max, 0],
    ['deliveries/s', (r) => r.deliveriesPerSecond, 0],
    ['live p99 ms', (r) => r.latencyMs?.p99, 0],
    ['server cores', (r) => r.usage.coreShare.server, 2],
    ['RSS MiB', (r) => r.residentBytes / 2 ** 20, 0],
  ],
  bystanders: [
    ['alone p99 ms', (r) => r.alone.latencyMs?.p99, 1],
    ['beside slow readers', (r) => ratioToAlone(r, r.slow), 2],
    ['beside openings', (r) => ratioToAlone(r, r.openings), 2],
    ['openings/s', (r) => r.openings.company && perSecond(r.openings.company), 0],
    ['around 1 MiB', (r) => ratioToAlone(r, r.large), 2],
    ['alone again', (r) => ratioToAlone(r, r.again), 2],
    ['RSS MiB', (r) => r.residentBytes / 2 ** 20, 0],
  ],
  idle: [
    ['KiB/connection', (r) => r.bytesPerConnection / 1024, 1],
    ['CPU ms/connect', (r) => r.cpuMicrosPerConnect / 1000, 2],
    ['CPU µs/stream and idle second', (r) => r.cpuMicrosPerIdleSecond, 2],
    ['RSS MiB', (r) => r.residentBytes / 2 ** 20, 0],
  ],
  replay: [
    ['request-last ms', (r) => r.requestToLastMs, 0],
    ['connect-last ms', (r) => r.connectToLastMs, 0],
    ['request-first ms', (r) => r.requestToFirstMs, 1],
    ['CPU µs/record', (r) => r.cpuMicrosPerDelivery, 2],
    ['RSS MiB', (r) => r.residentBytes / 2 ** 20, 0],
    ['retained MiB', (r) => r.retained && r.retained.bytes / 2 ** 20, 0],
  ],
  snapshot: [
    ['request-last p50 ms', (r) => r.toLastMs?.p50, 2],
    ['p99 ms', (r) => r.toLastMs?.p99, 2],
    ['request-ready p50 ms', (r) => r.toReadyMs?.p50, 2],
    ['p99 ms', (r) => r.toReadyMs?.p99, 2],
    ['CPU ms/connect', (r) => r.cpuMicrosPerConnect / 1000, 2],
    ['RSS MiB', (r) => r.residentBytes / 2 ** 20, 0],
    ['retained MiB', (r) => r.retained && r.retained.bytes / 2 ** 20, 0],
  ],
  'replay-many': [
    ['MB/s', (r) => r.bytesPerSecond / 1e6, 0],
    ['request-last ms', (r) => r.lastMs, 0],
    ['CPU µs/record', (r) => r.cpuMicrosPerDelivery, 2],
    ['live p50 ms', (r) => r.liveLatencyMs?.p50, 1],
    ['live p99 ms', (r) => r.liveLatencyMs?.p99, 1],
    ['RSS MiB', (r) => r.residentBytes / 2 ** 20, 0],
  ],
}

/** p99 with company, as a multiple of p99 alone. */
function ratioToAlone({ alone }, { latencyMs }) {
  return latencyMs && alone.latencyMs && latencyMs.p99 / alone.latencyMs.p99
}

function perSecond({ answered, elapsedMicros }) {
  return (answered / elapsedMicros) * 1e6
}

/**
 * @typedef {object} Repetition
 * @property {string} workload
 * @property {string} peer
 * @property {number} repetition
 * @property {string} [void] why nothing of it counts: something was lost, repeated, out of order or broken
 * @property {string} [behind] why the clients count as behind
 * @property {string} [leftOut] why the peer was not asked for it; it has no figures then
 */

/**
 * @param {import('../workloads/workloads.mjs').Workload} workload
 * @param {Repetition[]} repetitions of that workload
 */
export function formatTable(workload, repetitions) {
  const columns = COLUMNS[workload.measure]
  const floor = figureOf(repetitions, 'bare', columns[0])
  const rows = [...new Set(repetitions.map(({ peer }) => peer))].map((peer) => {
    const own = repetitions.filter((repetition) => repetition.peer === peer)
    return formatRow(peer, own, columns, floor)
  })
  const headings = [
    'peer',
    columns[0][0],
    '× bare',
    ...columns.slice(1).map(([heading]) => heading),
    'remarks',
  ]
  return `\n${workload.name}: ${workload.what}\n${align([headings, ...rows])}\n`
}

/**
 * @param {{ startedAt: Date }} report
 * @returns {string} the path of the file: the same for the same run, and another one for each of two at once
 */
export function writeReport(report) {
  mkdirSync(FOLDER, { recursive: true })
  const started = report.startedAt.toISOString().replaceAll(':', '')
  const file = fileURLToPath(new URL(`${started}-${process.pid}.json`, FOLDER))
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`)
  return file
}

function formatRow(peer, own, columns, floor) {
  const voided = own.find((repetition) => repetition.void !== undefined)
  if (voided) return [peer, 'VOID', ...columns.map(() => ''), voided.void]
  if (own[0].leftOut !== undefined) return [peer, '-', ...columns.map(() => ''), own[0].leftOut]
  const [first, ...rest] = columns.map((column) => formatFigure(own, column))
  const ratio = floor === null ? '' : (summarise(own.map(columns[0][1])).median / floor).toFixed(2)
  return [peer, first, ratio, ...rest, remarks(own)]
}

function formatFigure(own, [, read, digits]) {
  const values = own.map(read).filter((value) => value !== undefined && value !== null)
  if (values.length === 0) return '-'
  const { median, min, max } = summarise(values)
  const text = median.toFixed(digits)
  return values.length === 1 ? text : `${text} (${min.toFixed(digits)}-${max.toFixed(digits)})`
}

/** The median of one peer's figure; null if a repetition of it does not count. */
function figureOf(repetitions, peer, [, read]) {
  const own = repetitions.filter((repetition) => repetition.peer === peer)
  const counts = own.length > 0 && own.every(isSound)
  return counts ? summarise(own.map(read)).median : null
}

function remarks(own) {
  const behind = own.find((repetition) => repetition.behind !== undefined)
  const others = Math.max(...own.map(({ usage }) => usage?.othersShare ?? 0))
  const words = own.flatMap(({ remark }) => remark ?? [])
  if (behind) words.push(`BEHIND: ${behind.behind}`)
  if (others > OTHERS_SHARE_MAX)
    words.push(`disturbed: others took ${Math.round(others * 100)} % of the machine`)
  return words.join('; ')
}

function align(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const last = widths.length - 1
  const cell = (text, column) => {
    if (column === last) return text
    return column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column])
  }
  return rows.map((row) => `  ${row.map(cell).join('  ')}`.trimEnd()).join('\n')
}
