// Publishes records at a rate: each as soon as it is due, never before. Who falls behind publishes what is due at once,
// so that a slow server cannot lower the load that it is under.

import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { nowMicros } from './record.mjs'

/**
 * @typedef {object} Order what is to be published
 * @property {number} first number of the first record
 * @property {number} count
 * @property {number} ratePerSecond 0: as fast as it goes
 * @property {number} valueBytes
 * @property {number} keys over how many keys the records go round
 * @property {number} [deadPerLive] superseded records before each, which count neither in the rate nor in the count
 * @property {number} [largeAt] number of one record that is larger than the others
 * @property {number} [largeBytes] its size
 */

const BATCH_RECORDS_MAX = 1_000

/** What time it is, and how to let it pass; 0 ms is until the event loop has gone round once. */
const machine = { nowMicros, wait: (ms) => (ms === 0 ? nextTurn() : delay(ms)) }

/** @param {Order} order @param {(sequence: number) => void} publish @param {typeof machine} time */
export async function pace(order, publish, time = machine) {
  const startMicros = time.nowMicros()
  let done = 0
  while (done < order.count) {
    const due = dueRecords(order, time.nowMicros() - startMicros)
    const until = Math.min(due, done + BATCH_RECORDS_MAX)
    while (done < until) publish(order.first + done++)
    if (done < due) await time.wait(0)
    else if (done < order.count) await time.wait(waitMs(order, done, time.nowMicros() - startMicros))
  }
}

/** How many records are due after that time; the first one is due at once. */
export function dueRecords(order, elapsedMicros) {
  if (order.ratePerSecond === 0) return order.count
  return Math.min(order.count, Math.floor((elapsedMicros * order.ratePerSecond) / 1e6) + 1)
}

function waitMs(order, done, elapsedMicros) {
  return Math.max(1, ((done / order.ratePerSecond) * 1e6 - elapsedMicros) / 1000)
}
