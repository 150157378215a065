// The bench’s own rules: it publishes on time and exactly what was ordered, and its table hides nothing.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { eventually } from '../../support/time.ts'

interface Order {
  first: number
  count: number
  ratePerSecond: number
}

interface Repetition {
  peer: string
  [figure: string]: unknown
}

// The bench is plain JavaScript, which TypeScript does not look into.
const { dueRecords, pace } = (await import(bench('workloads/pace.mjs'))) as {
  dueRecords: (order: Order, elapsedMicros: number) => number
  pace: (order: Order, publish: (sequence: number) => void, time: ReturnType<typeof clock>) => Promise<void>
}
const { encodeValue, publishRecord } = (await import(bench('workloads/record.mjs'))) as {
  encodeValue: (sequence: number, valueBytes: number) => string
  publishRecord: (
    order: object,
    sequence: number,
    publish: (key: string, value: string, sequence: number) => void,
  ) => void
}
const { search } = (await import(bench('workloads/highest.mjs'))) as {
  search: (
    ladder: { step: (ratePerSecond: number) => Promise<{ held: boolean; caughtUp: boolean }> },
    workload: { ratePerSecond: number; refinements: number; stepsMax: number },
  ) => Promise<{ held: boolean }[]>
}
const { residentBytes, sampleUsage } = (await import(bench('harness/usage.mjs'))) as {
  residentBytes: (pid: number) => number
  sampleUsage: (pids: Record<string, number>) => { cpuMicros: Record<string, number> }
}
const { median, quantiles } = (await import(bench('report/statistics.mjs'))) as {
  median: (values: number[]) => number
  quantiles: (values: number[]) => { p50: number; p99: number; max: number }
}
const { formatTable } = (await import(bench('report/report.mjs'))) as {
  formatTable: (workload: object, repetitions: Repetition[]) => string
}
const { formatBootstrap } = (await import(bench('bootstrap/table.mjs'))) as {
  formatBootstrap: (measured: {
    partitions: number
    keys: number
    valueBytes: number
    runs: object[]
  }) => string
}
const { chooseWorkloads, whySkipped } = (await import(bench('workloads/workloads.mjs'))) as {
  chooseWorkloads: (options: { quick: boolean }) => Workload[]
  whySkipped: (peer: string, workload: Workload | undefined, earlier: Repetition[]) => string | undefined
}
interface Workload {
  name: string
  kind: string
  ratePerSecond: number
}

function bench(file: string): string {
  return new URL(`../../../bench/${file}`, import.meta.url).href
}

describe('publishing at a rate', () => {
  const order = { first: 5, count: 40, ratePerSecond: 20 }

  it('makes a record due at once and each later one after its share of a second', () => {
    expect(dueRecords(order, 0)).toBe(1)
    expect(dueRecords(order, 49_999)).toBe(1)
    expect(dueRecords(order, 50_000)).toBe(2)
    expect(dueRecords(order, 999_999)).toBe(20)
  })

  it('never makes more due than were ordered', () => {
    expect(dueRecords(order, 60e6)).toBe(40)
    expect(dueRecords({ ...order, ratePerSecond: 0 }, 0)).toBe(40)
  })

  it('publishes each record once, in order, none before it is due', async () => {
    const time = clock()
    const published: { sequence: number; atMs: number }[] = []
    await pace(order, (sequence) => published.push({ sequence, atMs: time.nowMicros() / 1000 }), time)
    expect(published.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 40 }, (_, i) => 5 + i))
    for (const { sequence, atMs } of published) expect(atMs).toBeGreaterThanOrEqual((sequence - 5) * 50)
    expect(time.nowMicros()).toBeLessThan(2e6)
  })

  it('publishes at once what became due while it was held up', async () => {
    const time = clock()
    const published: number[] = []
    await pace(
      order,
      (sequence) => {
        published.push(sequence)
        if (sequence === 5) time.pass(1_000)
      },
      time,
    )
    expect(published).toHaveLength(40)
    expect(time.nowMicros()).toBeLessThan(2e6)
  })
})

/** Time passes only while it is waited for, or on call. */
function clock() {
  let micros = 0
  const pass = (ms: number) => {
    micros += Math.max(ms, 0.001) * 1000
  }
  return { nowMicros: () => micros, wait: async (ms: number) => pass(ms), pass }
}

describe('a record', () => {
  it('has exactly the stated size, with any number', () => {
    for (const sequence of [1, 99, 123_456_789])
      expect(Buffer.byteLength(encodeValue(sequence, 256))).toBe(256)
  })

  it('is refused where its size has no room for number and stamp', () => {
    expect(() => encodeValue(1, 10)).toThrow(RangeError)
  })
})

describe('records among superseded ones', () => {
  const order = { first: 1, count: 200, valueBytes: 64, keys: 200, deadPerLive: 9 }
  const published: { key: string; sequence: number }[] = []
  for (let sequence = 1; sequence <= order.count; sequence++)
    publishRecord(order, sequence, (key, value, number) => {
      expect(JSON.parse(value).s).toBe(number)
      published.push({ key, sequence: number })
    })

  it('are nine before each that is live', () => {
    expect(published).toHaveLength(2_000)
    expect(published.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 2_000 }, (_, i) => (i % 10 === 9 ? (i + 1) / 10 : 0)),
    )
  })

  it('leave the live one the newest of its key', () => {
    const newest = new Map(published.map(({ key, sequence }) => [key, sequence]))
    expect([...newest.values()].sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1))
  })

  it('are of many keys, not of the next one', () => {
    expect(new Set(published.slice(0, 9).map(({ key }) => key)).size).toBeGreaterThan(5)
  })
})

describe('one large record', () => {
  it('stands where the order says', () => {
    const order = { first: 1, count: 3, valueBytes: 64, keys: 3, largeAt: 2, largeBytes: 2 ** 20 }
    const sizes: number[] = []
    for (const sequence of [1, 2, 3]) publishRecord(order, sequence, (_, value) => sizes.push(value.length))
    expect(sizes).toEqual([64, 2 ** 20, 64])
  })
})

describe('the search for the highest rate', () => {
  const workload = { ratePerSecond: 1_000, refinements: 3, stepsMax: 16 }
  const searchBelow = async (limit: number, catchesUp = true) => {
    const rates: number[] = []
    await search(
      {
        step: async (rate) => {
          rates.push(rate)
          return { held: rate <= limit, caughtUp: rate <= limit || catchesUp }
        },
      },
      workload,
    )
    return { rates, highest: Math.max(0, ...rates.filter((rate) => rate <= limit)) }
  }

  it.each([30, 333, 999, 1_000, 1_700, 5_000])('comes within 3 %% below %i', async (limit) => {
    const { highest } = await searchBelow(limit)
    expect(highest).toBeLessThanOrEqual(limit)
    expect(highest).toBeGreaterThan(limit * 0.97)
  })

  it('gives up where nothing is held', async () => {
    const { rates, highest } = await searchBelow(0)
    expect(highest).toBe(0)
    expect(rates.length).toBeLessThan(16)
  })

  it('ends where what is missing does not come', async () => {
    expect((await searchBelow(1_200, false)).rates).toEqual([1_000, 1_150, 1_323])
  })
})

describe('usage', () => {
  it('is of a process and of those that it started', async () => {
    const script = 'require("node:child_process").spawn("sleep", ["60"]); process.stdin.resume()'
    const parent = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'ignore', 'ignore'] })
    const parentPid = parent.pid ?? 0
    const child = await eventually(() => {
      const pid = childOf(parentPid)
      expect(pid).toBeGreaterThan(0)
      return pid
    })
    try {
      expect(residentBytes(parentPid)).toBeGreaterThan(residentBytes(child))
      expect(sampleUsage({ server: parentPid }).cpuMicros.server).toBeGreaterThan(0)
    } finally {
      process.kill(child)
      parent.kill()
    }
  })
})

function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim())
}

describe('the median', () => {
  it('is the middle value, or the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([9, 1, 5, 7])).toBe(6)
  })

  it('has the least value that so many of all are at or below beside it', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)
    expect(quantiles(hundred)).toEqual({ p50: 50, p99: 99, max: 100 })
    expect(quantiles([3])).toEqual({ p50: 3, p99: 3, max: 3 })
  })
})

describe('the table', () => {
  const workload = { name: 'replay', measure: 'replay', what: 'a replay' }
  const figures = (peer: string, requestToLastMs: number, othersShare = 0) => ({
    peer,
    requestToLastMs,
    connectToLastMs: 1,
    requestToFirstMs: 1,
    cpuMicrosPerDelivery: 1,
    residentBytes: 1,
    usage: { othersShare },
  })
  const row = (table: string, peer: string) => table.split('\n').find((line) => line.trim().startsWith(peer))

  it('gives medians with their range and the ratio to bare of the same run', () => {
    const runs = [figures('ours', 30), figures('ours', 10), figures('ours', 20), figures('bare', 40)]
    expect(row(formatTable(workload, runs), 'ours')).toMatch(/20 \(10-30\) +0\.50 /)
  })

  it('voids a peer whole where one repetition was wrong, and says why', () => {
    const runs = [figures('ours', 30), { peer: 'ours', void: 'record 3 came where 2 was due' }]
    const text = row(formatTable(workload, runs), 'ours')
    expect(text).toMatch(/ours +VOID +record 3 came where 2 was due/)
    expect(text).not.toContain('30')
  })

  it('says that a peer fell behind, and compares none with a floor that did', () => {
    const runs = [figures('ours', 30), { ...figures('bare', 40), behind: 'a client lacked records' }]
    const table = formatTable(workload, runs)
    expect(row(table, 'bare')).toContain('BEHIND: a client lacked records')
    expect(row(table, 'ours')).toMatch(/ours +30 +1 /)
  })

  it('says why a peer was not asked, and compares none with it', () => {
    const runs = [figures('ours', 30), { peer: 'bare', leftOut: 'it keeps nothing' }]
    const table = formatTable(workload, runs)
    expect(row(table, 'bare')).toMatch(/bare +- +it keeps nothing$/)
    expect(row(table, 'ours')).toMatch(/ours +30 +1 /)
  })

  it('says when something else kept the machine busy', () => {
    expect(formatTable(workload, [figures('ours', 30, 0.2)])).toContain('others took 20 % of the machine')
  })
})

describe('a rate that is too much', () => {
  const workloads = chooseWorkloads({ quick: true })
  const named = (name: string) => workloads.find((workload) => workload.name === name)
  const behind = { workload: 'live-20', peer: 'slow', behind: 'a client lacked records' }

  it('is one above another at which the peer fell behind every time', () => {
    expect(whySkipped('slow', named('live-100'), [behind, behind])).toBe('it fell behind at 20 records/s')
    expect(whySkipped('slow', named('live-1000'), [behind])).toBe('it fell behind at 20 records/s')
    expect(whySkipped('slow', named('live-20'), [{ ...behind, workload: 'live-100' }])).toBe(undefined)
  })

  it.each([
    ['kept up once', [behind, { workload: 'live-20', peer: 'slow' }]],
    ['lost something', [{ workload: 'live-20', peer: 'slow', void: 'record 3 came where 2 was due' }]],
    ['is another', [{ ...behind, peer: 'slower' }]],
    ['was not asked before', []],
  ])('is none for a peer that %s', (_peer, earlier) => {
    expect(whySkipped('slow', named('live-1000'), earlier)).toBe(undefined)
  })

  it('is no reason to leave out what has no rate', () => {
    expect(whySkipped('slow', named('idle'), [behind])).toBe(undefined)
  })
})

describe('the table of a bootstrap', () => {
  const before = { residentBytes: 100 * 2 ** 20, cpuMicros: 1e6 }
  const after = (retained: number) => ({
    answerToReadyMs: 6300,
    startToReadyMs: 6800,
    cpuMicros: 7e6,
    residentBytes: before.residentBytes + 3600,
    peakBytes: 400 * 2 ** 20,
    metrics: { kafka_sse_bus_retained_records: retained, kafka_sse_bus_retained_bytes: 3200 },
  })
  const kcat = { startToEndMs: 1000, cpuMicros: 4e5, peakBytes: 2 ** 20 }
  const table = (retained: number) =>
    formatBootstrap({
      partitions: 1,
      keys: 10,
      valueBytes: 256,
      runs: [{ payloadBytes: 2600, kcat, before, after: after(retained) }],
    })

  it('tells memory a key beyond what keys and values take', () => {
    expect(table(10)).toContain('| B a key beyond key and value | 100 | 100-100 |')
    expect(table(10)).toContain('| of these in segments | 60 | 60-60 |')
    expect(table(10)).toContain("| server's CPU, s | 6.0 | 6.0-6.0 |")
  })

  it('is none where records are missing', () => {
    expect(() => table(9)).toThrow('9 records are retained, not 10')
  })
})
