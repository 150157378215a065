// The runs of a bootstrap as a table: medians with their range.

import { summarise } from '../report/statistics.mjs'

const MIB = 2 ** 20

/** Figures of a run: name in the table, how to read it, digits. */
const ROWS = [
  ["Kafka's first answer to ready, s", ({ after }) => after.answerToReadyMs / 1000, 1],
  ["process's start to ready, s", ({ after }) => after.startToReadyMs / 1000, 1],
  ["server's CPU, s", ({ after, before }) => (after.cpuMicros - before.cpuMicros) / 1e6, 1],
  ['RSS before, MiB', ({ before }) => before.residentBytes / MIB, 0],
  ['RSS after, MiB', ({ after }) => after.residentBytes / MIB, 0],
  ['RSS at its peak, MiB', ({ after }) => after.peakBytes / MIB, 0],
  [
    'B a key beyond key and value',
    ({ after, before, payloadBytes }, { keys }) =>
      (after.residentBytes - before.residentBytes - payloadBytes) / keys,
    0,
  ],
  [
    'of these in segments',
    ({ after, payloadBytes }, { keys }) => (after.metrics.kafka_sse_bus_retained_bytes - payloadBytes) / keys,
    0,
  ],
  ['kcat: start to end, s', ({ kcat }) => kcat.startToEndMs / 1000, 1],
  ['kcat: CPU, s', ({ kcat }) => kcat.cpuMicros / 1e6, 1],
  ['kcat: RSS at its peak, MiB', ({ kcat }) => kcat.peakBytes / MIB, 0],
]

export function formatBootstrap({ partitions, keys, valueBytes, runs }) {
  const records = runs.map(({ after }) => after.metrics.kafka_sse_bus_retained_records)
  if (records.some((count) => count !== keys)) throw new Error(`${records} records are retained, not ${keys}`)
  const lines = ROWS.map(([name, figure, digits]) => {
    const { median, min, max } = summarise(runs.map((run) => figure(run, { keys })))
    return `| ${name} | ${median.toFixed(digits)} | ${min.toFixed(digits)}-${max.toFixed(digits)} |`
  })
  const heading = `${keys} keys of ${valueBytes} B, ${partitions} partitions, ${runs.length} runs`
  return `\n${heading}\n\n| | median | range |\n|---|---|---|\n${lines.join('\n')}\n`
}
