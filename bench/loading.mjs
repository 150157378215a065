// `npm run bench:loading`: the latency of open streams of one topic while the server reads another topic of a million
// keys, and after that. See bench/README.md.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { isUpToDate, startServing } from './bootstrap/serving.mjs'
import { fillTopic } from './bootstrap/topic.mjs'
import { measureAlone } from './harness/alone.mjs'
import { SCOPE } from './harness/claims.mjs'
import { createCompactedTopic } from './harness/compacted-topic.mjs'
import { startLoad } from './harness/load.mjs'
import { readMetrics } from './harness/metrics.mjs'
import { endProcess, receiveMessage, startModule } from './harness/processes.mjs'
import { summarise } from './report/statistics.mjs'
import { BEHIND_MS, CONNECT_MS } from './workloads/live.mjs'
import { milliseconds } from './workloads/window.mjs'

const CLIENTS = 100
const VALUE_BYTES = 256
const RATE_PER_SECOND = 20
/** Three seconds, which is less than reading a million keys takes. */
const RECORDS = 60

const ROWS = [
  ['p50 meanwhile, ms', ({ meanwhile }) => meanwhile.p50],
  ['p50 after, ms', ({ after }) => after.p50],
  ['p99 meanwhile, ms', ({ meanwhile }) => meanwhile.p99],
  ['p99 after, ms', ({ after }) => after.p99],
  ['event loop late by, at most, ms', ({ delayMs }) => delayMs],
]

const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '1000000' },
    repetitions: { type: 'string', default: '5' },
  },
})
const [keys, repetitions] = [values.keys, values.repetitions].map(Number)

await measureAlone(CLIENTS, async (stand) => {
  const large = `large-${process.pid}`
  await createCompactedTopic(stand.bootstrapServers, large, 1)
  await fillTopic(stand.bootstrapServers, large, keys, VALUE_BYTES)
  const runs = []
  for (let repetition = 0; repetition < repetitions; repetition++)
    runs.push(await measure({ ...stand, large, live: `live-${process.pid}-${repetition}` }))
  process.stdout.write(format(runs))
})

async function measure({ bootstrapServers, credentials, folder, large, live }) {
  const producer = startModule(new URL('peers/producer.mjs', import.meta.url), [
    JSON.stringify({ topics: [live], external: bootstrapServers, lingerMs: 0 }),
  ])
  await receiveMessage(producer, 'listening') // the topic exists now
  const CONFIG_FILE = writeStreams(folder, live, large)
  const { child, log } = startServing({ bootstrapServers, credentials }, { CONFIG_FILE })
  let load = null
  try {
    const { port, adminPort } = await log.line((line) => line.msg === 'listening')
    await log.line(isUpToDate(live))
    const target = { url: `https://127.0.0.1:${port}/live`, lanes: 1 }
    load = startLoad(target, credentials, { steps: [CLIENTS], records: 0 })
    if (!(await load.happens('connected', CONNECT_MS))) throw new Error(load.failure() ?? 'not all connected')
    const meanwhile = await publish(producer, load, 1)
    if (log.has(isUpToDate(large))) throw new Error('the large topic was read before it could be measured')
    await log.line(isUpToDate(large))
    // The worst delay since the process began.
    const { kafka_sse_event_loop_delay_seconds: delaySeconds } = await readMetrics(adminPort)
    const after = await publish(producer, load, RECORDS + 1)
    return { meanwhile, after, delayMs: delaySeconds * 1000 }
  } finally {
    await load?.end()
    await endProcess(child)
    await endProcess(producer)
  }
}

/** Latencies of the records, from the stamp in each to the clients. */
async function publish(producer, load, first) {
  const order = {
    first,
    count: RECORDS,
    ratePerSecond: RATE_PER_SECOND,
    valueBytes: VALUE_BYTES,
    keys: RECORDS,
  }
  await load.more(RECORDS)
  producer.send({ publish: order })
  if (!(await load.happens('complete', (RECORDS / RATE_PER_SECOND) * 1000 + BEHIND_MS)))
    throw new Error(load.failure() ?? 'not every client has every record')
  await receiveMessage(producer, 'published')
  const { latencyMicros } = await load.more(0)
  return milliseconds(latencyMicros)
}

function writeStreams(folder, live, large) {
  const file = join(folder, 'streams.json')
  const streams = [
    { path: '/live', topic: live, scope: SCOPE },
    { path: '/large', topic: large, scope: SCOPE },
  ]
  writeFileSync(file, JSON.stringify({ streams }))
  return file
}

function format(runs) {
  const lines = ROWS.map(([name, figure]) => {
    const { median, min, max } = summarise(runs.map(figure))
    return `| ${name} | ${median.toFixed(1)} | ${min.toFixed(1)}-${max.toFixed(1)} |`
  })
  const heading = `${CLIENTS} clients at ${RATE_PER_SECOND} records/s while ${keys} keys of another topic are read, ${runs.length} runs`
  return `\n${heading}\n\n| | median | range |\n|---|---|---|\n${lines.join('\n')}\n`
}
