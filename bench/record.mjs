// The records of the bench: a number, a stamp of the machine's monotonic clock in microseconds, and filling up to the
// stated size. bench/load/record.go reads them; the two must agree.

/** @param {number} sequence from 1 @param {number} valueBytes @returns {string} ASCII, exactly `valueBytes` long */
export function encodeValue(sequence, valueBytes) {
  const head = `{"s":${sequence},"t":${nowMicros()},"p":"`
  return `${head}${filling(valueBytes - head.length - 2)}"}`
}

/** Live records go round 1,000 keys; a replay's have one each. @param {number} sequence @param {number} keys */
export function keyOf(sequence, keys) {
  return `key-${sequence % keys}`
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
