// Publishes records at a rate, each as soon as it is due, and never before. If it is behind, it publishes at once
// what is due, so that a slow server cannot lower its own load.

import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { nowMicros } from './record.mjs'

/**
 * @typedef {object} Order what is to be published
 * @property {number} first number of the first record
 * @property {number} count
 * @property {number} ratePerSecond 0: without a limit
 * @property {number} valueBytes
 * @property {number} keys number of keys that the records use in turn
 * @property {number} [stride] the order in which they do (record.mjs)
 * @property {number} [deadPerLive] superseded records before each, not counted in rate and count
 * @property {number} [largeAt] number of one record that is larger than the others
 * @property {number} [largeBytes] its size
 */

const BATCH_RECORDS_MAX = 1_000

/** Reads the time, and waits; 0 ms waits for one turn of the event loop. */
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

/** How many records are due after that time. The first one is due at once. */
export function dueRecords(order, elapsedMicros) {
  if (order.ratePerSecond === 0) return order.count
  return Math.min(order.count, Math.floor((elapsedMicros * order.ratePerSecond) / 1e6) + 1)
}

function waitMs(order, done, elapsedMicros) {
  return Math.max(1, ((done / order.ratePerSecond) * 1e6 - elapsedMicros) / 1000)
}
