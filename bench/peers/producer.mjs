// Produces the records, and runs librdkafka's embedded broker unless a real one is given. A record is stamped when it
// is handed to the producer, so a latency includes all of Kafka. The broker's time to acknowledge is reported
// separately.

import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import kafka from 'node-rdkafka'
import { createCompactedTopic } from '../harness/compacted-topic.mjs'
import { quantiles } from '../report/statistics.mjs'
import { pace } from '../workloads/pace.mjs'
import { nowMicros, publishRecord } from '../workloads/record.mjs'

const PARTITION = 0
const ACKNOWLEDGED_MS = 30_000
const POLL_MS = 2
/** A record of 1 MiB and its envelope. */
const MESSAGE_BYTES_MAX = 2 << 20
const QUEUE_RECORDS_MAX = 1_000_000

const { topics, external, lingerMs } = JSON.parse(process.argv[2])
const [topic] = topics // The others stay as they are: empty.
const broker = external
  ? { 'bootstrap.servers': external }
  : { 'test.mock.num.brokers': 1, 'bootstrap.servers': 'mock' }

// One partition, so that the topic has the order of the records.
if (external)
  for (const name of topics)
    await createCompactedTopic(external, name, 1, { 'max.message.bytes': String(MESSAGE_BYTES_MAX) })
const producer = new kafka.Producer({
  ...broker,
  dr_cb: true,
  'linger.ms': lingerMs,
  'message.max.bytes': MESSAGE_BYTES_MAX,
  'queue.buffering.max.messages': QUEUE_RECORDS_MAX,
})
let acknowledgementsMs = []
let outstanding = 0

producer.on('event.error', (error) => process.stderr.write(`${error.message}\n`))
producer.on('delivery-report', (error, report) => {
  if (error) throw error
  outstanding--
  acknowledgementsMs.push((nowMicros() - report.opaque) / 1000)
})
producer.connect()
await once(producer, 'ready')
producer.setPollInterval(POLL_MS)

process.on('message', async ({ publish: order }) => {
  await pace(order, (sequence) => publishRecord(order, sequence, produce))
  await allAcknowledged()
  process.send({ published: quantiles(acknowledgementsMs) })
  acknowledgementsMs = []
})
process.on('disconnect', () => process.exit(0))
process.send({ listening: { bootstrapServers: external ?? (await brokerAddress()) } })

function produce(key, value) {
  outstanding++
  producer.produce(topic, PARTITION, Buffer.from(value, 'latin1'), key, null, nowMicros())
}

async function allAcknowledged() {
  const until = Date.now() + ACKNOWLEDGED_MS
  while (outstanding > 0) {
    if (Date.now() > until) throw new Error(`${outstanding} records were not acknowledged`)
    await delay(POLL_MS)
  }
}

function brokerAddress() {
  return new Promise((resolve, reject) => {
    producer.getMetadata({ topic, timeout: 10_000 }, (error, metadata) => {
      if (error) reject(error)
      else resolve(metadata.brokers.map(({ host, port }) => `${host}:${port}`).join(','))
    })
  })
}
