// `npm run bench:bus`: the bus alone, without a socket or Kafka. Reads a snapshot in which most frames are superseded,
// before and after compaction. Reports how long the longest step of compaction holds the event loop.

import { execFileSync } from 'node:child_process'
import { describeMachine } from './harness/machine.mjs'
import { summarise } from './report/statistics.mjs'

execFileSync('npm', ['run', '--silent', 'build'], {
  cwd: new URL('..', import.meta.url),
  stdio: ['ignore', 2, 2],
})
const { Bus } = await import('../dist/src/bus/bus.js')
const { Cursor } = await import('../dist/src/cursor/cursor.js')

const LIVE = 100_000
const VALUE_BYTES = 275
const WRITE_BYTES_MAX = 1024 * 1024
const REPETITIONS = 9
const OPTIONS = {
  encoding: 'text',
  keeps: 'latest',
  retainedBytesMax: 2 ** 31,
  retainedRecordsMax: 10_000_000,
  retainedMsMax: null,
  deleteRetentionMs: 86_400_000,
}

process.stdout.write(`${JSON.stringify(describeMachine())}\n\n`)
process.stdout.write(
  `${LIVE} live frames of ${VALUE_BYTES} B to one reader in writes of ${WRITE_BYTES_MAX / 1024} KiB, ${REPETITIONS} runs after one\n\n`,
)
process.stdout.write('| dead frames | CPU ms, median | range | writes | segments |\n|---|---|---|---|---|\n')
for (const deadPerLive of [0, 1, 9]) {
  const bus = fill(deadPerLive)
  report(`${deadPerLive} for each live one, scattered`, bus)
  if (deadPerLive === 0) continue
  const stepsMs = compactAll(bus)
  if (stepsMs.length === 0) continue
  const { median, max } = summarise(stepsMs)
  report(
    `what ${stepsMs.length} steps of compaction leave, ${median.toFixed(1)} ms each, ${max.toFixed(1)} at the most`,
    bus,
  )
}

/** Each live key has `deadPerLive` frames around it that are superseded later. */
function fill(deadPerLive) {
  const bus = new Bus(OPTIONS)
  bus.setPartition(0, 0)
  bus.markCaughtUp()
  const value = Buffer.alloc(VALUE_BYTES, 'x')
  let offset = 0
  for (let live = 0; live < LIVE; live++) {
    for (let dead = 0; dead < deadPerLive; dead++) append(bus, offset++, `hot ${dead}`, value)
    append(bus, offset++, `key ${live}`, value)
    if (live % 100 === 0) bus.publish()
  }
  bus.publish()
  return bus
}

function append(bus, offset, key, value) {
  bus.append({ partition: 0, offset, timestampMs: 0, key: Buffer.from(key), value, headers: [] })
}

function report(name, bus) {
  const runs = Array.from({ length: REPETITIONS + 1 }, () => read(bus)).slice(1)
  const { median, min, max } = summarise(runs.map(({ ms }) => ms))
  const range = `${min.toFixed(1)}-${max.toFixed(1)}`
  const { writes } = runs[0]
  process.stdout.write(`| ${name} | ${median.toFixed(1)} | ${range} | ${writes} | ${bus.segments.length} |\n`)
}

function read(bus) {
  const cursor = Cursor.fromBeginning(bus)
  const before = process.cpuUsage()
  let [frames, writes] = [0, 0]
  for (let bytes = cursor.read(WRITE_BYTES_MAX); bytes !== null; bytes = cursor.read(WRITE_BYTES_MAX)) {
    frames += cursor.frames
    if (bytes.length > 0) writes++
  }
  const { user, system } = process.cpuUsage(before)
  const hot = frames - LIVE
  if (hot < 0 || hot > 9) throw new Error(`${frames} frames were read, not ${LIVE} and at most 9 hot ones`)
  return { ms: (user + system) / 1000, writes }
}

function compactAll(bus) {
  const stepsMs = []
  for (;;) {
    const startedAt = performance.now()
    if (!bus.maintain(Date.now())) break
    stepsMs.push(performance.now() - startedAt)
  }
  return stepsMs
}
