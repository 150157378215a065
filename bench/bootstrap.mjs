// `npm run bench:bootstrap`: the time in which the server reads a million keys from a real Kafka, and the memory that
// they take. kcat reads the same topic in the same run. See bench/README.md.

import { parseArgs } from 'node:util'
import { measureKcat } from './bootstrap/kcat.mjs'
import { measureServer } from './bootstrap/server.mjs'
import { formatBootstrap } from './bootstrap/table.mjs'
import { fillTopic } from './bootstrap/topic.mjs'
import { measureAlone } from './harness/alone.mjs'
import { createCompactedTopic } from './harness/compacted-topic.mjs'

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

await measureAlone(1, async ({ bootstrapServers, credentials }) => {
  for (const partitions of values.partitions.split(',').map(Number)) {
    const runs = await measurePartitions(bootstrapServers, credentials, partitions)
    process.stdout.write(formatBootstrap({ partitions, keys, valueBytes, runs }))
  }
})

/** `before`: the same server on an empty topic with as many partitions. */
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
