// `npm run bench:bootstrap`: how long the server takes to have a million keys from a real Kafka, and what memory they take,
// beside kcat that reads the same topic in the same run. See bench/README.md.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureKcat } from './bootstrap/kcat.mjs'
import { measureServer } from './bootstrap/server.mjs'
import { createTopic, fillTopic } from './bootstrap/topic.mjs'
import { makeCredentials } from './credentials.mjs'
import { startKafka } from './kafka.mjs'
import { buildLoad } from './load.mjs'

const { values } = parseArgs({
  options: {
    partitions: { type: 'string', default: '1,12,64' },
    keys: { type: 'string', default: '1000000' },
    bytes: { type: 'string', default: '256' },
    repetitions: { type: 'string', default: '3' },
    node: { type: 'string', default: '' },
    env: { type: 'string', default: '' },
  },
})

const folder = mkdtempSync(join(tmpdir(), 'kafka-sse-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
buildLoad()
execFileSync('npm', ['run', '--silent', 'build'], { cwd: new URL('..', import.meta.url), stdio: ['ignore', 2, 2] })
const credentials = await makeCredentials(folder, 1)
const broker = await startKafka()
const keys = Number(values.keys)
for (const partitions of values.partitions.split(',').map(Number)) {
  const [empty, full] = [`empty-${partitions}`, `full-${partitions}`]
  await createTopic(broker.bootstrapServers, empty, partitions)
  await createTopic(broker.bootstrapServers, full, partitions)
  const payload = await fillTopic(broker.bootstrapServers, full, keys, Number(values.bytes))
  for (let i = 0; i < Number(values.repetitions); i++) {
    const measure = (topic) =>
      measureServer({
        bootstrapServers: broker.bootstrapServers,
        topic,
        credentials,
        nodeArguments: values.node.split(' ').filter(Boolean),
        env: Object.fromEntries(values.env.split(',').filter(Boolean).map((e) => e.split('='))),
      })
    const kcat = await measureKcat(broker.bootstrapServers, full)
    const before = await measure(empty)
    const after = await measure(full)
    console.log(
      JSON.stringify({
        partitions, payload,
        kcat,
        startToReadyMs: after.startToReadyMs,
        answerToReadyMs: after.answerToReadyMs,
        cpuS: (after.cpuMicros - before.cpuMicros) / 1e6,
        rssBefore: before.residentBytes / 2 ** 20,
        rssAfter: after.residentBytes / 2 ** 20,
        peak: after.peakBytes / 2 ** 20,
        overheadPerKey: (after.residentBytes - before.residentBytes - payload) / keys,
        retained: after.metrics.kafka_sse_bus_retained_bytes / 2 ** 20,
        allocated: after.metrics.kafka_sse_segments_allocated_bytes / 2 ** 20,
        records: after.metrics.kafka_sse_bus_retained_records,
        heap: after.metrics.nodejs_heap_size_used_bytes / 2 ** 20,
        loop: after.metrics.kafka_sse_event_loop_delay_seconds,
      }),
    )
  }
}
await broker.stop()
