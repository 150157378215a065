// The process that writes, at a steady rate whatever the test's own process is busy with. A record says its partition and its
// number there, which is its offset; a third have no key, the others one that nobody else has. Tells how many there are.

import rdkafka from 'node-rdkafka'
import { pace } from '../../bench/pace.mjs'
import { randomOf } from './pattern.mjs'

const { BOOTSTRAP_SERVERS, TOPIC, PARTITIONS, RATE, SECONDS, SEED } = process.env
const FLUSH_MS = 20_000

const random = randomOf(Number(SEED))
const produced = new Array(Number(PARTITIONS)).fill(0)
const producer = new rdkafka.Producer(
  // Idempotent: what is sent again after a time-out is neither twice nor out of order in Kafka itself.
  { 'metadata.broker.list': BOOTSTRAP_SERVERS, 'enable.idempotence': true, 'linger.ms': 5, dr_cb: true },
  {},
)
process.once('disconnect', () => process.exit()) // the test is gone

producer.on('delivery-report', (error) => {
  if (error) throw error
})
await answerOf((callback) => producer.connect({ allTopics: false, timeout: FLUSH_MS }, callback))
producer.setPollInterval(20)
await pace({ first: 0, count: Number(RATE) * Number(SECONDS), ratePerSecond: Number(RATE) }, produce)
await answerOf((callback) => producer.flush(FLUSH_MS, callback))
await answerOf((callback) => producer.disconnect(callback))
process.send({ produced }, () => process.disconnect())

function produce(sequence) {
  const partition = Math.floor(random() * produced.length)
  const text = `${partition}:${produced[partition]++}`
  producer.produce(TOPIC, partition, Buffer.from(text), sequence % 3 === 0 ? null : text)
}

function answerOf(call) {
  return new Promise((resolve, reject) => {
    call((error) => (error ? reject(error) : resolve()))
  })
}
