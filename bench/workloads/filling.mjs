// Fills a peer with the records of a replay.

/**
 * Puts superseded records between the live ones if the peer compacts. A peer that keeps every record gets only the live
 * ones, so that it remains a lower bound.
 * @param {import('../run.mjs').Running} running @param {import('./workloads.mjs').Workload} workload
 */
export async function fill(running, { records, valueBytes, keys, stride, deadPerLive }) {
  const superseded = running.compacts ? deadPerLive : 0
  const ratePerSecond = Math.round((running.fillPerSecond ?? 0) / (1 + superseded))
  await running.publish({
    first: 1,
    count: records,
    ratePerSecond,
    valueBytes,
    keys,
    stride,
    deadPerLive: superseded,
  })
}
