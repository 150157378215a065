// A process that writes a course of private records at a steady rate, however busy the test's own process is. Tells how
// many it wrote to each topic.

import { setTimeout as pause } from 'node:timers/promises'
import rdkafka from 'node-rdkafka'
import { pace } from '../../bench/workloads/pace.mjs'
import { courseOf, keyOf, nameOf, TOPICS, valueText } from './private-course.mjs'

const { BOOTSTRAP_SERVERS, TOPIC, RATE, SECONDS, SEED, CUSTOMERS, FROM_MS } = process.env
const FLUSH_MS = 20_000

const topics = TOPICS.map((name) => `${TOPIC}-${name}`)
const produced = topics.map(() => 0)
const records = Number(RATE) * Number(SECONDS)
const course = courseOf({ seed: Number(SEED), records, customers: Number(CUSTOMERS) })
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
// The test counts on it that no record is written before it is due.
await pause(Math.max(0, Number(FROM_MS) - Date.now()))
await pace({ first: 0, count: records, ratePerSecond: Number(RATE) }, () => produce(course.next().value))
await answerOf((callback) => producer.flush(FLUSH_MS, callback))
await answerOf((callback) => producer.disconnect(callback))
process.send({ produced }, () => process.disconnect())

function produce(record) {
  produced[record.topic]++
  const value = valueText(record)
  const headers = [{ user: nameOf(record.header) }]
  const bytes = value === null ? null : Buffer.from(value)
  producer.produce(
    topics[record.topic],
    record.partition,
    bytes,
    keyOf(record.order),
    null,
    undefined,
    headers,
  )
}

function answerOf(call) {
  return new Promise((resolve, reject) => {
    call((error) => (error ? reject(error) : resolve()))
  })
}
