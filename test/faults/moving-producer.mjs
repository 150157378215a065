// A process that writes at a steady rate or in bursts, however busy the test's own process is. A record's value is its
// partition and its number there, which is its offset. A third have no key, the others a key of their own. Tells how
// many there are.

import { setTimeout as pause } from 'node:timers/promises'
import rdkafka from 'node-rdkafka'
import { pace } from '../../bench/workloads/pace.mjs'
import { randomOf } from '../support/random.mjs'

const { BOOTSTRAP_SERVERS, TOPIC, PARTITIONS, RATE, SECONDS, SEED, NAMELESS_PARTITIONS = '0' } = process.env
const FLUSH_MS = 20_000
/** Shorter than a fetch waits for more: such a partition is never seen at its end. */
const NAMELESS_EVERY_MS = { min: 20, max: 95 }
const BURST_EVERY_MS = { min: 100, max: 800 }
const BURST_RECORDS_MAX = 5

const random = randomOf(Number(SEED))
const produced = new Array(Number(PARTITIONS)).fill(0)
/** The last ones: their records have neither key nor value, so that a position moves without an event. */
const nameless = Number(NAMELESS_PARTITIONS)
const endsAtMs = performance.now() + Number(SECONDS) * 1000
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
await (nameless === 0 ? produceSteadily() : produceInBursts())
await answerOf((callback) => producer.flush(FLUSH_MS, callback))
await answerOf((callback) => producer.disconnect(callback))
process.send({ produced }, () => process.disconnect())

function produceSteadily() {
  const order = { first: 0, count: Number(RATE) * Number(SECONDS), ratePerSecond: Number(RATE) }
  return pace(order, (sequence) => produce(Math.floor(random() * produced.length), sequence))
}

function produceInBursts() {
  const named = produced.length - nameless
  return Promise.all(
    produced.map((_, partition) => (partition < named ? burst(partition) : murmur(partition))),
  )
}

async function burst(partition) {
  while (await isOnAfter(BURST_EVERY_MS)) {
    const records = 1 + Math.floor(random() * BURST_RECORDS_MAX)
    for (let n = 0; n < records; n++) produce(partition, produced[partition])
  }
}

async function murmur(partition) {
  while (await isOnAfter(NAMELESS_EVERY_MS)) {
    produced[partition]++
    producer.produce(TOPIC, partition, null, null)
  }
}

async function isOnAfter({ min, max }) {
  await pause(min + random() * (max - min))
  return performance.now() < endsAtMs
}

function produce(partition, sequence) {
  const text = `${partition}:${produced[partition]++}`
  producer.produce(TOPIC, partition, Buffer.from(text), sequence % 3 === 0 ? null : text)
}

function answerOf(call) {
  return new Promise((resolve, reject) => {
    call((error) => (error ? reject(error) : resolve()))
  })
}
