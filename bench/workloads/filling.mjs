// Fills a peer with what is asked for later.

/**
 * With superseded records among the live ones where the peer tells these from those; whoever keeps everything gets only
 * what is live, so that a floor stays one.
 * @param {import('../run.mjs').Running} running @param {import('./workloads.mjs').Workload} workload
 */
export async function fill(running, { records, valueBytes, keys, deadPerLive }) {
  const superseded = running.compacts ? deadPerLive : 0
  const ratePerSecond = Math.round((running.fillPerSecond ?? 0) / (1 + superseded))
  await running.publish({
    first: 1,
    count: records,
    ratePerSecond,
    valueBytes,
    keys,
    deadPerLive: superseded,
  })
}
