// A measured window with live records: publishes at a rate, waits for the clients, and measures the CPU meanwhile.

import { compareUsage, sampleUsage } from '../harness/usage.mjs'

/**
 * Publishes and waits until every client has all of it, or is behind.
 * @param {object} setting
 * @param {import('../run.mjs').Running} setting.running
 * @param {import('../harness/load.mjs').Load} setting.load
 * @param {Record<string, number>} setting.pids
 * @param {import('./pace.mjs').Order} setting.order
 * @param {string} setting.awaited event of the load generator when all have arrived
 * @param {number} setting.behindMs a client that lacks a record this long after the last one was due is behind
 * @returns {Promise<{ held: boolean, usage: ReturnType<typeof compareUsage> }>}
 */
export async function publishAndWait({ running, load, pids, order, awaited, behindMs }) {
  const before = sampleUsage(pids)
  let broken = null
  const published = running.publish(order).catch((error) => {
    broken = error
  })
  const held = await load.happens(awaited, (order.count / order.ratePerSecond) * 1000 + behindMs)
  if (held) await published
  if (broken !== null) throw broken
  return { held, usage: compareUsage(before, sampleUsage(pids)) }
}

/** @param {{ p50: number, p90: number, p99: number, max: number }} micros */
export function milliseconds({ count, p50, p90, p99, max }) {
  return count === 0 ? null : { count, p50: p50 / 1000, p90: p90 / 1000, p99: p99 / 1000, max: max / 1000 }
}
