// What an event id promises, over random records, compactions, losses, servers that read in different orders, and clients
// that move between them: test/model has the parts.

import fc from 'fast-check'
import { describe, it } from 'vitest'
import { SegmentPool } from '../../src/segment-pool.ts'
import type { Keeps } from '../../src/topic.ts'
import { BUS_OPTIONS } from '../bus-options.ts'
import { Client } from '../model/client.ts'
import { Log } from '../model/log.ts'
import { type Choose, Server } from '../model/server.ts'

const SEGMENT_BYTES = 4096
const DELETE_RETENTION_MS = 50
/** Shared by all cases: segments that are dropped would pile up. */
const pool = new SegmentPool(SEGMENT_BYTES)
const SIZES = [0, 5, 60, 700, 2_000, 9_000]
const KEYS = 6

interface Setting {
  readonly keeps: Keeps
  readonly partitions: number
  readonly retainedSegments: number
  readonly retainedRecordsMax: number
  readonly retainedMsMax: number | null
  /** Whether Kafka itself compacts and deletes. */
  readonly isCleaned: boolean
  /** Whether the streams are in another thread than the bus. */
  readonly isMirrored: boolean
}

/** What happens next, with numbers whose meaning depends on it. */
type Step = readonly [kind: number, a: number, b: number, c: number]

class Case {
  private readonly logs: Log[]
  private readonly servers: Server[]
  private readonly clients: Client[]
  private readonly setting: Setting
  private readonly choose: Choose
  private nowMs = 1_000

  constructor(setting: Setting, seed: number) {
    this.setting = setting
    this.choose = chooseBy(seed)
    this.logs = Array.from({ length: setting.partitions }, (_, partition) => new Log(partition))
    this.servers = [0, 1].map(() => this.startServer())
    this.clients = [0, 1, 2].map(() => new Client(this.logs, setting.keeps))
  }

  async take([kind, a, b, c]: Step): Promise<void> {
    if (kind < 30) this.write(a, b, c)
    else if (kind < 45) this.servers[a % 2]?.read(1 + (b % 20))
    else if (kind < 70) await this.read(a, b, c)
    else if (kind < 78) this.clients[a % 3]?.disconnect()
    else if (kind < 86) this.tidy(a, b)
    else if (kind < 92) this.nowMs += b
    else if (kind < 95) this.restart(a)
    else if (this.setting.isCleaned) this.clean(a, b)
  }

  /** Everybody comes to the tail of a server, and has everything. */
  async finish(): Promise<void> {
    for (const [at, client] of this.clients.entries()) {
      const server = this.servers[at % 2]
      server?.read(Number.POSITIVE_INFINITY)
      server?.report()
      client.disconnect()
      for (let tries = 0; tries < 3 && !client.isOpen && server !== undefined; tries++) {
        if (!(await this.connect(client, server, 0))) break
        while (client.read(100_000, false));
      }
    }
  }

  close(): void {
    for (const server of this.servers) server.close()
  }

  private startServer(): Server {
    const { keeps, retainedSegments, retainedRecordsMax, retainedMsMax, isMirrored } = this.setting
    const bounds = { retainedBytesMax: retainedSegments * SEGMENT_BYTES, retainedRecordsMax, retainedMsMax }
    const times = {
      deleteRetentionMs: DELETE_RETENTION_MS,
      nowMs: () => this.nowMs,
      epochMs: () => this.nowMs,
    }
    return new Server(
      this.logs,
      { ...BUS_OPTIONS, keeps, pool, isMirrored, ...bounds, ...times },
      this.choose,
    )
  }

  private write(at: number, key: number, size: number): void {
    const partition = at % this.logs.length
    const log = this.logs[partition]
    for (let count = 0; count <= size % 3; count++) {
      const kind = (key + count * 7) % 40
      if (kind === 39) log?.writeControl()
      else if (kind === 38) log?.write(null, null, this.nowMs)
      else if (kind >= 34) log?.write(null, SIZES[size % SIZES.length] ?? 0, this.nowMs)
      else
        log?.write(
          `${partition} ${kind % KEYS}`,
          kind < 8 ? null : (SIZES[size % SIZES.length] ?? 0),
          this.nowMs,
        )
    }
  }

  private async read(at: number, reads: number, c: number): Promise<void> {
    const client = this.clients[at % 3]
    const server = this.servers[c % 2]
    if (client === undefined || server === undefined) return
    if (!client.isOpen && !(await this.connect(client, server, c))) return
    const bytesMax = [1, 100, 3_000, 100_000][c % 4] ?? 1
    for (let count = 0; count < reads % 6; count++)
      if (!client.read(bytesMax, c % 5 === 0 && count + 1 === reads % 6)) break
  }

  private connect(client: Client, server: Server, c: number): Promise<boolean> {
    const from = c % 7 === 6 ? 'latest' : 'earliest'
    const sinceMs = c % 7 === 5 ? this.nowMs - (c % 90) : null
    const forms = [client.id, client.id, client.id.replace(/=+$/, ''), `${client.id}/etag`]
    return client.connect(server, { from, sinceMs }, forms[c % 4])
  }

  private tidy(a: number, steps: number): void {
    const server = this.servers[a % 2]
    server?.look()
    for (let step = 0; step < steps; step++) if (!server?.bus.maintain(this.nowMs, this.nowMs)) break
    if (a % 3 === 0) server?.report()
  }

  private restart(at: number): void {
    this.servers[at % 2]?.close()
    this.servers[at % 2] = this.startServer()
  }

  private clean(a: number, b: number): void {
    const partition = a % this.logs.length
    const log = this.logs[partition]
    const readTo = Math.min(...this.servers.map(({ bus }) => bus.position().get(partition) ?? 0))
    if (b % 3 === 0) log?.deleteBefore(Math.floor((log.end * (b % 50)) / 60))
    else if (this.setting.keeps === 'latest')
      log?.compact(() => this.choose(3) > 0, this.nowMs - DELETE_RETENTION_MS, readTo)
  }
}

/** A linear congruential generator (Knuth's MMIX numbers, the upper bits): the same case from the same seed. */
function chooseBy(seed: number): Choose {
  let state = BigInt(seed)
  return (bound) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & (2n ** 64n - 1n)
    return bound === 0 ? 0 : Number((state >> 33n) % BigInt(bound))
  }
}

const step: fc.Arbitrary<Step> = fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99), fc.nat(99))

function setting(of: Partial<Setting>): fc.Arbitrary<Setting> {
  return fc
    .record({
      keeps: fc.constant<Keeps>('latest'),
      partitions: fc.integer({ min: 1, max: 4 }),
      retainedSegments: fc.constant(10_000),
      retainedRecordsMax: fc.constant(100_000),
      retainedMsMax: fc.constant<number | null>(null),
      isCleaned: fc.constant(false),
      isMirrored: fc.boolean(),
    })
    .map((made) => ({ ...made, ...of }))
}

async function expectPromiseKept(settings: fc.Arbitrary<Setting>, numRuns: number): Promise<void> {
  const seed = Date.now() & 0x7fffffff
  console.log(`${numRuns} cases, seed ${seed}`)
  const steps = fc.array(step, { minLength: 5, maxLength: 120, size: 'max' })
  await fc.assert(
    fc.asyncProperty(settings, fc.nat(), steps, async (chosen, caseSeed, taken) => {
      const run = new Case(chosen, caseSeed)
      try {
        for (const each of taken) await run.take(each)
        await run.finish()
      } finally {
        run.close()
      }
    }),
    { numRuns, seed },
  )
}

describe('a client that comes back with its id, to any server', { timeout: 120_000 }, () => {
  it('has the newest of every key, each record at most once and in order, and is told every gap', async () => {
    await expectPromiseKept(setting({ isCleaned: true }), 4_000)
  })

  it('has every record once where each counts', async () => {
    await expectPromiseKept(setting({ keeps: 'all', isCleaned: true }), 3_000)
  })

  it('is told what a full bus had no room for', async () => {
    await expectPromiseKept(
      fc.oneof(
        setting({ keeps: 'all', retainedSegments: 5, isCleaned: true }),
        setting({ keeps: 'all', retainedRecordsMax: 20 }),
        setting({ keeps: 'all', retainedMsMax: 100 }),
        setting({ retainedSegments: 6, isCleaned: true }),
        setting({ retainedRecordsMax: 20 }),
        setting({ retainedMsMax: 100 }),
      ),
      3_000,
    )
  })
})
