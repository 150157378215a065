// The bench from end to end, as small as it goes: every kind of run delivers every record once and in order, for each
// peer, and does what only our server does. It says nothing of times. Needs Go, as the bench does.

import { execFile } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { canBuildGo } from '../support/programs.ts'
import { bootstrapServers } from './kafka.ts'

interface Repetition {
  workload: string
  peer: string
  void?: string
  connectsPerSecond?: number
  renewalMs?: { count: number }
  challengeLateMs?: { count: number }
  liveLatencyMs?: { count: number } | null
  ratePerSecond?: number
  toReadyMs?: { count: number } | null
}

/** What each of two runs has, at once: nearly all of the bench's time is waiting for records that come at a rate. */
const RUNS = [
  ['live-1000', 'highest', 'storm-1000', 'replay-many'],
  ['private-1000', 'board', 'private-clients', 'private-snapshot', 'replay-dead'],
]
const WORKLOADS = RUNS.flat()
const PEERS = ['ours', 'bare']
const SMOKE_MS = 170_000
const LOAD = fileURLToPath(new URL('../../bench/load', import.meta.url))

const can = bootstrapServers !== null && canBuildGo('the bench', LOAD)

describe.skipIf(!can)('the bench', () => {
  it('measures every kind of workload, and no peer loses a record', { timeout: SMOKE_MS }, async () => {
    const repetitions = (await Promise.all(RUNS.map(smoke))).flat()
    expect(repetitions.filter((one) => one.void !== undefined)).toEqual([])
    expect(repetitions.map(({ workload, peer }) => `${workload} ${peer}`).sort()).toEqual(
      WORKLOADS.flatMap((workload) => PEERS.map((peer) => `${workload} ${peer}`)).sort(),
    )
    const [storm] = repetitions.filter(({ workload, peer }) => workload === 'storm-1000' && peer === 'ours')
    expect(storm?.connectsPerSecond).toBeGreaterThan(0)
    expect(storm?.challengeLateMs?.count).toBe(20)
    expect(storm?.renewalMs?.count).toBe(20)
    const [many] = repetitions.filter(({ workload, peer }) => workload === 'replay-many' && peer === 'ours')
    expect(many?.liveLatencyMs?.count).toBeGreaterThan(0)
    const [snapshot] = repetitions.filter((one) => one.workload === 'private-snapshot' && one.peer === 'ours')
    expect(snapshot?.toReadyMs?.count).toBe(40)
  })
})

async function smoke(workloads: readonly string[]): Promise<Repetition[]> {
  const program = fileURLToPath(new URL('../../bench/run.mjs', import.meta.url))
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [program, '--smoke', '--built', '--only', [...workloads, ...PEERS].join(',')],
    { env: { ...process.env, KAFKA_BOOTSTRAP_SERVERS: bootstrapServers ?? '' }, timeout: SMOKE_MS },
  )
  const file = /^Everything that was measured: (.*)$/m.exec(stdout)?.[1] ?? ''
  const { repetitions } = JSON.parse(readFileSync(file, 'utf8')) as { repetitions: Repetition[] }
  rmSync(file)
  return repetitions
}
