// The records of the bench: a number, a stamp of the machine's monotonic clock in microseconds, and padding up to the
// given size. bench/load/record.go reads them; the two must agree.

/**
 * The record of that number, and before it the superseded ones that an order asks for. These have no number, and the
 * load generator reports a server that sends one. Each has a key whose record comes later, some near, some far.
 * @param {import('./pace.mjs').Order} order
 * @param {number} sequence
 * @param {(key: string, value: string, sequence: number) => void} publish
 */
export function publishRecord(order, sequence, publish) {
  const left = order.first + order.count - sequence
  for (let dead = 0; dead < (order.deadPerLive ?? 0); dead++) {
    const successor = sequence + ((dead * DEAD_DISTANCE) % left)
    publish(keyOf(successor, order.keys, order.stride), encodeValue(0, order.valueBytes), 0)
  }
  const valueBytes = sequence === order.largeAt ? order.largeBytes : order.valueBytes
  publish(keyOf(sequence, order.keys, order.stride), encodeValue(sequence, valueBytes), sequence)
}

/** Records between two superseded values of a key, so that they are not close together. */
const DEAD_DISTANCE = 1_009

/**
 * @param {number} sequence from 1; 0: without a number
 * @param {number} valueBytes
 * @returns {string} ASCII, exactly `valueBytes` long
 */
export function encodeValue(sequence, valueBytes) {
  const head = `{"s":${sequence},"t":${nowMicros()},"p":"`
  return `${head}${filling(valueBytes - head.length - 2)}"}`
}

/**
 * Live records use 1,000 keys in turn; records of a replay have a key each. If clients select keys, a stride that has
 * no divisor in common with `keys` puts them into an order that looks random. From a record's number alone a client
 * knows its key, so that it notices a record that is missing or another's.
 * @param {number} sequence
 * @param {number} keys
 */
export function keyOf(sequence, keys, stride = 1) {
  return nameOfKey((sequence * stride) % keys)
}

/** @param {number} key from 0 */
export function nameOfKey(key) {
  return `key-${key}`
}

/** CLOCK_MONOTONIC, which every process of the machine shares. */
export function nowMicros() {
  return Number(process.hrtime.bigint() / 1000n)
}

const FILLING = 'x'.repeat(1 << 20)

function filling(length) {
  if (length < 0 || length > FILLING.length) throw new RangeError(`no value of the bench has that size`)
  return FILLING.slice(0, length)
}
