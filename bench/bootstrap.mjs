// `npm run bench:bootstrap`: how long the server takes to have a million keys from a real Kafka, and what memory they take,
// beside kcat that reads the same topic in the same run. See bench/README.md.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureKcat } from './bootstrap/kcat.mjs'
import { measureServer } from './bootstrap/server.mjs'
import { formatBootstrap } from './bootstrap/table.mjs'
import { fillTopic } from './bootstrap/topic.mjs'
import { createCompactedTopic } from './compacted-topic.mjs'
import { makeCredentials } from './credentials.mjs'
import { startKafka } from './kafka.mjs'
import { buildLoad } from './load.mjs'
import { describeMachine } from './machine.mjs'

const { values } = parseArgs({
  options: {
    partitions: { type: 'string', default: '1,12,64' },
    keys: { type: 'string', default: '1000000' },
    bytes: { type: 'string', default: '256' },
    repetitions: { type: 'string', default: '3' },
    /** Further arguments of the server's Node, and variables of its environment as NAME=VALUE, separated by commas. */
    node: { type: 'string', default: '' },
    env: { type: 'string', default: '' },
  },
})

const [keys, valueBytes, repetitions] = [values.keys, values.bytes, values.repetitions].map(Number)
const furtherArguments = values.node.split(' ').filter(Boolean)
const env = Object.fromEntries(
  values.env
    .split(',')
    .filter(Boolean)
    .map((setting) => setting.split('=')),
)

await main()

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-sse-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const root = new URL('..', import.meta.url)
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 2, 2] })
  buildLoad() // makes the certificate, too
  const credentials = await makeCredentials(folder, 1)
  const kafka = await startKafka()
  if (kafka.bootstrapServers === null)
    throw new Error('a real Kafka is needed: Java 17 and Maven, or its address')
  try {
    process.stdout.write(`${JSON.stringify(describeMachine())}\n`)
    for (const partitions of values.partitions.split(',').map(Number)) {
      const runs = await measurePartitions(kafka.bootstrapServers, credentials, partitions)
      process.stdout.write(formatBootstrap({ partitions, keys, valueBytes, runs }))
    }
  } finally {
    await kafka.stop()
  }
}

/** Before is the same server on an empty topic with as many partitions. */
async function measurePartitions(bootstrapServers, credentials, partitions) {
  const [empty, full] = [`empty-${process.pid}-${partitions}`, `full-${process.pid}-${partitions}`]
  await createCompactedTopic(bootstrapServers, empty, partitions)
  await createCompactedTopic(bootstrapServers, full, partitions)
  const payloadBytes = await fillTopic(bootstrapServers, full, keys, valueBytes)
  const runs = []
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const measure = (topic) => measureServer({ bootstrapServers, topic, credentials, furtherArguments, env })
    const kcat = await measureKcat(bootstrapServers, full)
    const before = await measure(empty)
    const after = await measure(full)
    const run = { payloadBytes, kcat, before, after }
    process.stderr.write(`${JSON.stringify(run)}\n`)
    runs.push(run)
  }
  return runs
}
