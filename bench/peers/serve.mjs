// The server's side of in-process.mjs: says where it listens, publishes what it is told to, and ends with the harness.

import { pace } from '../workloads/pace.mjs'
import { publishRecord } from '../workloads/record.mjs'

/** From the harness: `kind` of workload, whether a client `selects` keys, and the paths of the credentials. */
export const setup = JSON.parse(process.argv[2] ?? '{}')

/** @param {number} port @param {(key: string, value: string, sequence: number) => void} onRecord */
export function serveHarness(port, onRecord) {
  process.on('message', async ({ publish: order }) => {
    await pace(order, (sequence) => publishRecord(order, sequence, onRecord))
    process.send({ published: order.count })
  })
  // process.exit also writes the CPU profile, if one is taken.
  for (const end of ['disconnect', 'SIGTERM']) process.on(end, () => process.exit(0))
  process.send({ listening: port })
}
