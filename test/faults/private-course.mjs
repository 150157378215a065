// The records that a test of private streams writes, each of a customer. The same seed gives the same records, so that
// the process that writes them and the one that checks what came need not tell each other. An order, which is a key,
// moves between customers, ends by a tombstone and begins again.

import { randomOf } from '../support/random.mjs'

/** What each topic is for: `inbox` keeps every record, the others the newest of each key. Kafka cleans `cleaned`. */
export const TOPICS = ['inbox', 'orders', 'cleaned']
export const PARTITIONS = 6
export const NO_CUSTOMER = -1
const TOMBSTONE_SHARE = 0.12
const MOVE_SHARE = 0.35
/** More than the streams by key select: the others are of no stream of that kind. */
export const ORDERS_PER_CUSTOMER = 2

/**
 * Yields each record: `topic`, `partition`, `offset`, `order`, `customer` (NO_CUSTOMER of a tombstone) and `header`,
 * the customer that its header names. A tombstone's header may name a customer who never had the order.
 */
export function* courseOf({ seed, records, customers }) {
  const random = randomOf(seed)
  const anyOf = (count) => Math.floor(random() * count)
  const owners = TOPICS.map(() => new Int32Array(customers * ORDERS_PER_CUSTOMER).fill(NO_CUSTOMER))
  const ends = TOPICS.map(() => new Array(PARTITIONS).fill(0))
  for (let number = 0; number < records; number++) {
    const topic = anyOf(TOPICS.length)
    const order = anyOf(customers * ORDERS_PER_CUSTOMER)
    const partition = order % PARTITIONS
    const owner = owners[topic][order]
    const isDeleted = random() < TOMBSTONE_SHARE
    const isMoved = owner === NO_CUSTOMER || random() < MOVE_SHARE
    const next = isMoved ? anyOf(customers) : owner
    const customer = isDeleted ? NO_CUSTOMER : next
    owners[topic][order] = customer
    const offset = ends[topic][partition]++
    yield { topic, partition, offset, order, customer, header: next }
  }
}

export function keyOf(order) {
  return `o${order}`
}

export function nameOf(customer) {
  return `c${customer}`
}

/** The value of a record; null of a tombstone. */
export function valueText({ partition, offset, order, customer }) {
  if (customer === NO_CUSTOMER) return null
  return `{"user":"${nameOf(customer)}","order":"${keyOf(order)}","at":"${partition}:${offset}"}`
}
