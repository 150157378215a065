// What /metrics says: parsed here by a few lines that are not prom-client's, and compared with docs/observing.md.

import { spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { LABEL_VALUES_MAX } from '../../../plugins/admin/metric.ts'
import { allMetrics, createRegistry, type MetricsSources } from '../../../plugins/admin/metrics.ts'
import { figuresOfProcess } from '../../../plugins/admin/process-figures.ts'
import { EventLoopDelay } from '../../../src/admin/event-loop-delay.ts'
import { createControlFigures } from '../../../src/control/control-figures.ts'
import { makeCertificates } from '../../../src/demo/certificates.ts'
import { observe } from '../../../src/histograms/histogram.ts'
import { DELIVERY_BOUNDS } from '../../../src/histograms/stream-times.ts'
import { createConnectionFigures } from '../../../src/http/connection-limits.ts'
import { ServedCertificate } from '../../../src/http/served-certificate.ts'
import { SegmentPool } from '../../../src/segments/segment-pool.ts'
import { createCounters } from '../../../src/stream/counters.ts'
import { REFUSED_CHECKS } from '../../../src/token/refused-check.ts'
import { AdminParts } from '../../support/admin-parts.ts'
import { keepSecret } from '../../support/printed.ts'
import { hasPrograms } from '../../support/programs.ts'
import { eventually } from '../../support/time.ts'
import { TopicInMemory } from '../../support/topic-in-memory.ts'

const canCheck = hasPrograms('metrics as promtool wants them', 'promtool')

/** Two workers, one of which is an hour late. */
const workerPool = {
  workers: 2,
  deaths: 1,
  connections: { ...createConnectionFigures(), open: 7 },
  heapUsedBytes: 2 ** 40,
  delay: () => ({ p50: 0, p99: 1, max: 3600 }),
}

const START_MS = Date.UTC(2030, 0, 1)
const served = { endMs: Date.UTC(2030, 0, 1) }

let parts: AdminParts
let delay: EventLoopDelay
let sources: MetricsSources

beforeEach(() => {
  parts = new AdminParts()
  delay = new EventLoopDelay()
  const { streams, topics, authenticator } = parts
  const control = { figures: createControlFigures(), state: () => ({ trouble: null, blindInMs: 25_500 }) }
  const wholeProcess = figuresOfProcess(delay, { connections: createConnectionFigures(), workerPool, served })
  sources = { streams, topics, authenticator, control, wholeProcess }
})

afterEach(() => delay.close())

/** Values by name and labels, as they stand in the text. */
async function scrape(): Promise<Map<string, number>> {
  const text = await createRegistry(sources).metrics()
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  )
}

describe('the metrics', () => {
  it('are the figures', async () => {
    Object.assign(parts.figures, {
      streamsOpen: 2,
      streamsOpened: 5,
      recordsDelivered: 7,
      bytesDelivered: 700,
    })
    Object.assign(parts.figures, { writes: 6, challenges: 4, renewals: 3 })
    parts.figures.streamsEnded.expired = 3
    parts.figures.gaps['too-old'] = 1
    parts.figures.refusals.FKS_TOKEN_MISSING = 9
    const values = await scrape()
    expect(values.get('kafka_sse_streams_open')).toBe(2)
    expect(values.get('kafka_sse_streams_opened_total')).toBe(5)
    expect(values.get('kafka_sse_streams_ended_total{reason="expired"}')).toBe(3)
    expect(values.get('kafka_sse_streams_ended_total{reason="client"}')).toBe(0)
    expect(values.get('kafka_sse_delivered_records_total')).toBe(7)
    expect(values.get('kafka_sse_delivered_bytes_total')).toBe(700)
    expect(values.get('kafka_sse_writes_total')).toBe(6)
    expect(values.get('kafka_sse_challenges_total')).toBe(4)
    expect(values.get('kafka_sse_renewals_total')).toBe(3)
    expect(values.get('kafka_sse_gaps_total{reason="too-old"}')).toBe(1)
    expect(values.get('kafka_sse_refusals_total{code="FKS_TOKEN_MISSING"}')).toBe(9)
    expect(values.get('kafka_sse_control_blind_in_seconds')).toBe(25.5)
    expect(values.get('kafka_sse_control_passed_over_total{reason="mac"}')).toBe(0)
  })

  it('have every reason of a gap from the start, since Prometheus sees no increase of a series that was not there', async () => {
    const names = [...(await scrape()).keys()].filter((name) => name.startsWith('kafka_sse_gaps_total'))
    const protocol = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')
    const section = protocol.slice(protocol.indexOf('\n## Gaps\n')).split('\n## ')[1] ?? ''
    const reasons = [...section.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, reason]) => reason)
    expect(names.sort()).toEqual(reasons.sort().map((reason) => `kafka_sse_gaps_total{reason="${reason}"}`))
    expect(names).toHaveLength(6)
  })

  it('have every code and check of a refusal from the start, for the same reason', async () => {
    const names = [...(await scrape()).keys()]
    const labelsOf = (metric: string, label: string) =>
      names
        .filter((name) => name.startsWith(`${metric}{`))
        .map((name) => name.slice(metric.length + label.length + 3, -2))
    const protocol = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')
    const answers = [...protocol.matchAll(/^\| `(FKS_[A-Z_]+)` \| \d{3} \|/gm)].map(([, code = '']) => code)
    const elsewhere = ['FKS_HOST_UNKNOWN', 'FKS_NOT_FOUND']
    const counted = answers.filter((code) => !elsewhere.includes(code))
    expect(counted.length).toBeGreaterThan(20)
    expect(labelsOf('kafka_sse_refusals_total', 'code').sort()).toEqual(
      [...counted, 'FKS_REQUEST_ABORTED', 'other'].sort(),
    )
    expect(labelsOf('kafka_sse_token_refusals_total', 'check').sort()).toEqual([...REFUSED_CHECKS].sort())
    // So that a name of our own is never summed under `other`.
    expect(Math.max(counted.length + 2, REFUSED_CHECKS.length)).toBeLessThan(LABEL_VALUES_MAX - 5)
  })

  it('do not add up over scrapes', async () => {
    parts.figures.streamsOpened = 5
    const registry = createRegistry(sources)
    await registry.metrics()
    expect(await registry.metrics()).toContain('\nkafka_sse_streams_opened_total 5\n')
  })

  it('tell of each bus', async () => {
    const topic = new TopicInMemory()
    topic.produce('one', 'a')
    topic.produce('two', 'b')
    parts.opened.splice(0, 1, topic)
    const values = await scrape()
    const labels = '{topic="events",encoding="text",keeps="latest"}'
    expect(values.get(`kafka_sse_bus_records_total${labels}`)).toBe(2)
    expect(values.get(`kafka_sse_bus_retained_records${labels}`)).toBe(2)
    expect(values.get(`kafka_sse_bus_retained_bytes${labels}`)).toBe(topic.bus.retainedBytes)
    expect(values.get(`kafka_sse_bus_retained_bytes_max${labels}`)).toBe(2 ** 30)
    expect(values.get(`kafka_sse_bus_retained_records_max${labels}`)).toBe(1e7)
    expect(values.get(`kafka_sse_bus_needed_ratio${labels}`)).toBe(topic.bus.neededShare)
    expect(values.get(`kafka_sse_bus_caught_up${labels}`)).toBe(1)
    expect(values.get(`kafka_sse_bus_full${labels}`)).toBe(0)
    expect(values.get(`kafka_sse_bus_too_large_records_total${labels}`)).toBe(0)
  })

  it('count all topics by path together, and never less than before', async () => {
    expect((await scrape()).get('kafka_sse_topics_open')).toBe(0)
    const labels = '{topic="(by path)",encoding="any",keeps="any"}'
    expect([...(await scrape()).keys()].filter((name) => name.endsWith(labels))).toEqual([])
    const topics = Array.from({ length: 60 }, (_, n) => new TopicInMemory(1, {}, `t${n}`))
    for (const topic of topics) topic.produce('one', 'a')
    parts.byPath.open.push(...topics)
    Object.assign(parts.byPath, { opened: 61, closedCounts: { recordsAppended: 5, recordsTooLarge: 2 } })
    parts.byPath.closed.idle = 1
    const values = await scrape()
    expect(values.get(`kafka_sse_bus_records_total${labels}`)).toBe(65)
    expect(values.get(`kafka_sse_bus_too_large_records_total${labels}`)).toBe(2)
    expect(values.get(`kafka_sse_bus_retained_records${labels}`)).toBe(60)
    const bytes = topics.reduce((sum, { bus }) => sum + bus.retainedBytes, 0)
    expect(values.get(`kafka_sse_bus_retained_bytes${labels}`)).toBe(bytes)
    expect(values.get(`kafka_sse_bus_retained_bytes_max${labels}`)).toBe(2 ** 31)
    expect(values.get(`kafka_sse_bus_caught_up${labels}`)).toBe(1)
    expect(values.get(`kafka_sse_bus_full${labels}`)).toBe(0)
    expect(values.get('kafka_sse_topics_open')).toBe(60)
    expect(values.get('kafka_sse_topics_opened_total')).toBe(61)
    expect(values.get('kafka_sse_topics_closed_total{reason="idle"}')).toBe(1)
    expect([...values.keys()].filter((name) => name.includes('t59'))).toEqual([])
  })

  it('count the memory of a pool although no topic is open', async () => {
    parts.opened.length = 0
    parts.byPath.pool.allocatedBytes = 77
    expect((await scrape()).get('kafka_sse_segments_allocated_bytes')).toBe(77)
  })

  it('count a pool of segments once, however many buses share it', async () => {
    const pool = new SegmentPool()
    const topics = [new TopicInMemory(1, { pool }), new TopicInMemory(1, { pool }), new TopicInMemory()]
    for (const topic of topics) topic.produce('x', 'key')
    parts.opened.splice(0, 1, ...topics)
    const apart = topics[2]?.bus.allocatedBytes ?? 0
    expect((await scrape()).get('kafka_sse_segments_allocated_bytes')).toBe(pool.allocatedBytes + apart)
  })

  it('tell how far each partition is read, and how far Kafka is ahead', async () => {
    const topic = new TopicInMemory(2)
    topic.produce('one', 'a', 0)
    topic.bus.noteEnd(0, 5, { nowMs: 0, epochMs: 0 })
    parts.opened.splice(0, 1, topic)
    const labels = 'topic="events",encoding="text",keeps="latest"'
    const values = await scrape()
    expect(values.get(`kafka_sse_partition_position{${labels},partition="0"}`)).toBe(1)
    expect(values.get(`kafka_sse_partition_lag_records{${labels},partition="0"}`)).toBe(4)
    expect(values.get(`kafka_sse_bus_lag_records{${labels}}`)).toBe(4)
    // Kafka has not told the end of the other one.
    expect(values.has(`kafka_sse_partition_lag_records{${labels},partition="1"}`)).toBe(false)
    topic.bus.recreate()
    expect((await scrape()).get(`kafka_sse_bus_lag_records{${labels}}`)).toBe(0)
  })

  it('show as many partitions as they may, of all topics together, and the sum of all', async () => {
    const topics = [new TopicInMemory(2, {}, 'one'), new TopicInMemory(5, {}, 'two')]
    for (const { bus } of topics)
      for (const partition of bus.position().keys()) bus.noteEnd(partition, 10, { nowMs: 0, epochMs: 0 })
    parts.opened.splice(0, 1, ...topics)
    const values = await scrape()
    const shown = [...values.keys()].filter((name) => name.startsWith('kafka_sse_partition_lag_records'))
    expect(shown.map((name) => /topic="(\w+)".*partition="(\d)"/.exec(name)?.slice(1).join(' '))).toEqual([
      'one 0',
      'one 1',
      'two 0',
    ])
    expect(values.get('kafka_sse_bus_lag_records{topic="two",encoding="text",keeps="latest"}')).toBe(50)
  })

  it('have histograms, whose buckets count what is smaller, too', async () => {
    const { delivery } = parts.figures.times
    for (const seconds of [0.0005, 0.02, 0.02, 99]) observe(delivery, DELIVERY_BOUNDS, seconds)
    const values = await scrape()
    const bucket = (le: string) => values.get(`kafka_sse_delivery_seconds_bucket{le="${le}"}`)
    expect(['0.001', '0.01', '0.025', '60', '+Inf'].map(bucket)).toEqual([1, 1, 3, 3, 4])
    expect(values.get('kafka_sse_delivery_seconds_count')).toBe(4)
    expect(values.get('kafka_sse_delivery_seconds_sum')).toBeCloseTo(99.0405)
  })

  it('tell what runs, and which codecs Kafka may use', async () => {
    const [row = ''] = [...(await scrape()).keys()].filter((name) => name.startsWith('kafka_sse_build_info'))
    expect(row).toContain(`node="${process.versions.node}",librdkafka="2.12.0",codecs="gzip,zstd"`)
    expect(row).toMatch(/version="\d+\.\d+\.\d+"/)
  })

  it('count fetches of keys, unless the host authenticates', async () => {
    const values = await scrape()
    expect(values.get('kafka_sse_key_fetches_total{outcome="read"}')).toBe(4)
    expect(values.get('kafka_sse_key_fetches_total{outcome="failed"}')).toBe(1)
    sources = { ...sources, authenticator: { keysReady: () => null } }
    expect((await scrape()).has('kafka_sse_key_fetches_total{outcome="read"}')).toBe(false)
  })

  it.skipIf(!canCheck)('are as promtool wants them', async () => {
    const input = await createRegistry(sources).metrics()
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input,
      encoding: 'utf8',
    })
    expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: '' })
  })

  it('tell of readiness and draining', async () => {
    const before = await scrape()
    expect([before.get('kafka_sse_ready'), before.get('kafka_sse_draining')]).toEqual([1, 0])
    parts.streams.isDraining = true
    const values = await scrape()
    expect([values.get('kafka_sse_ready'), values.get('kafka_sse_draining')]).toEqual([0, 1])
  })

  it('have connections if these are counted', async () => {
    const connections = createConnectionFigures()
    connections.open = 4
    connections.closed.idle = 2
    sources = { ...sources, wholeProcess: figuresOfProcess(delay, { connections }) }
    const values = await scrape()
    expect(values.get('kafka_sse_connections_open')).toBe(4)
    expect(values.get('kafka_sse_connections_closed_total{reason="idle"}')).toBe(2)
    sources = { ...sources, wholeProcess: figuresOfProcess(delay, {}) }
    expect((await scrape()).has('kafka_sse_connections_open')).toBe(false)
  })

  it('are those of all threads, where there are workers', async () => {
    const alone = await scrape()
    expect(alone.get('kafka_sse_workers')).toBe(2)
    expect(alone.get('kafka_sse_worker_deaths_total')).toBe(1)
    expect(alone.get('kafka_sse_connections_open')).toBe(7)
    expect(alone.get('kafka_sse_event_loop_delay_seconds{statistic="max"}')).toBe(3600)
    expect(alone.get('nodejs_heap_size_used_bytes')).toBeGreaterThan(2 ** 40)
    sources = { ...sources, wholeProcess: figuresOfProcess(delay, {}) }
    expect((await scrape()).has('kafka_sse_workers')).toBe(false)
  })

  it('tell when the certificate ends, or the first of its chain, and nothing without TLS', async () => {
    const served = new ServedCertificate()
    sources = { ...sources, wholeProcess: figuresOfProcess(delay, { served }) }
    expect((await scrape()).has('kafka_sse_certificate_end_seconds')).toBe(false)
    const leaf = await makeCertificates(['a.example'], START_MS)
    const older = await makeCertificates(['b.example'], START_MS - 3_600_000)
    const key = Buffer.from(keepSecret(leaf.keyPem))
    keepSecret(older.keyPem)
    const chain = `${leaf.certificatePem}\n${older.certificatePem}`
    served.use({ cert: Buffer.from(chain), key })
    const end = Date.parse(new X509Certificate(older.certificatePem).validTo) / 1000
    expect((await scrape()).get('kafka_sse_certificate_end_seconds')).toBe(end)
  })

  it('tell one start of the process, also when the wall clock is set', async () => {
    const before = await scrape()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 })
    onTestFinished(() => void vi.useRealTimers())
    const start = 'process_start_time_seconds'
    expect((await scrape()).get(start)).toBe(before.get(start))
  })

  it('tell of the process', async () => {
    const values = await scrape()
    expect(values.get('process_resident_memory_bytes')).toBeGreaterThan(1e7)
    expect(values.get('process_cpu_seconds_total')).toBeGreaterThan(0)
    expect(values.get('nodejs_heap_size_used_bytes')).toBeGreaterThan(1e6)
    // prom-client rounds it to the nearest second.
    expect(values.get('process_start_time_seconds')).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000))
    for (const statistic of ['p50', 'p99', 'max'])
      expect(
        values.get(`kafka_sse_event_loop_delay_seconds{statistic="${statistic}"}`),
      ).toBeGreaterThanOrEqual(0)
  })

  it('show a bounded number of values of a label, and the rest as one', async () => {
    for (let code = 0; code < LABEL_VALUES_MAX + 10; code++) parts.figures.gaps[`reason-${code}`] = 2
    const known = Object.keys(createCounters().gaps).length
    const values = await scrape()
    const gaps = [...values.keys()].filter((name) => name.startsWith('kafka_sse_gaps_total'))
    expect(gaps).toHaveLength(LABEL_VALUES_MAX + 1)
    expect(values.get('kafka_sse_gaps_total{reason="other"}')).toBe(2 * (known + 10))
  })

  it('cannot be forged by the name of a topic', async () => {
    const topic = Object.assign(new TopicInMemory(), { name: 'a"} 1\nforged 1' })
    parts.opened.splice(0, 1, topic)
    expect(await createRegistry(sources).metrics()).not.toMatch(/^forged/m)
  })

  it('are those that docs/observing.md lists, with the same types, labels and words', () => {
    const documented = tableOf(readFileSync(new URL('../../../docs/observing.md', import.meta.url), 'utf8'))
    const there = allMetrics(sources).map(({ name, type, labels, help }) => ({ name, type, labels, help }))
    expect(documented).toEqual(there)
  })

  it('have names that end with their unit', () => {
    for (const { name, type } of allMetrics(sources)) {
      expect(name).toMatch(/^(kafka_sse|process|nodejs)_[a-z_]+$/)
      expect(name.endsWith('_total')).toBe(type === 'counter')
    }
  })
})

describe('the event loop delay', () => {
  const WINDOW_MS = 10_000
  let nowMs: number

  beforeEach(() => {
    nowMs = 0
    delay.close()
    delay = new EventLoopDelay(() => nowMs)
  })

  async function block(): Promise<void> {
    // Again until the histogram's timer was running before: only then does it know when it was due.
    await eventually(() => {
      const untilMs = performance.now() + 200
      while (performance.now() < untilMs);
      expect(delay.read().max).toBeGreaterThan(0.1)
    })
  }

  it('shows that something held the loop up, and forgets it after a window', async () => {
    await block()
    nowMs = WINDOW_MS
    expect(delay.read().max).toBeGreaterThan(0.1)
    nowMs = 2 * WINDOW_MS
    expect(delay.read()).toEqual({ p50: 0, p99: 0, max: 0 })
  })

  it('is the same for all who read it within one window', () => {
    nowMs = WINDOW_MS
    const first = delay.read()
    nowMs = 2 * WINDOW_MS - 1
    expect(delay.read()).toBe(first)
    nowMs = 2 * WINDOW_MS
    expect(delay.read()).not.toBe(first)
  })
})

function tableOf(page: string): unknown[] {
  const rows = page.split('\n').filter((line) => /^\| `(kafka_sse|process|nodejs)_/.test(line))
  return rows.map((row) => {
    const [name, type, labels, help] = row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
    return {
      name: name?.replaceAll('`', ''),
      type,
      labels: [...(labels ?? '').matchAll(/`(\w+)`/g)].map(([, label]) => label),
      help,
    }
  })
}
