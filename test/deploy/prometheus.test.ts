// The alerts and the dashboard of deploy/, at a real Prometheus that scrapes a server with streams.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Agent, fetch as fetchBy } from 'undici'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parse } from 'yaml'
import { mintDemoToken } from '../../src/demo/token.ts'
import { CommandScene } from '../support/command-process.ts'
import { freePort } from '../support/free-port.ts'
import { hasPrograms } from '../support/programs.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PROMETHEUS = join(ROOT, 'deploy/prometheus')

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly annotations: { readonly summary: string; readonly runbook_url: string }
}

const rules: Rule[] = parse(read('deploy/prometheus/alerts.yaml')).groups.flatMap(
  ({ rules }: { rules: Rule[] }) => rules,
)

/** Grafana's text for the data source that is chosen in the dashboard. */
const CHOSEN = ['$', '{datasource}'].join('')

interface Panel {
  readonly title: string
  readonly description?: string
  readonly fieldConfig?: unknown
  readonly datasource?: { readonly uid: string }
  readonly targets?: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[]
}

const panels: Panel[] = JSON.parse(read('deploy/grafana/dashboard.json')).panels
const queries = panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }): [string, string] => [title, expr]),
)

function read(path: string): string {
  return readFileSync(resolve(ROOT, path), 'utf8')
}

const canCheck = hasPrograms('alerts, by promtool', 'promtool')
const canScrape = hasPrograms('the dashboard and the alerts, at a real Prometheus', 'prometheus')

describe('an alert', () => {
  const headings = read('docs/troubles.md').matchAll(/^#+ (.+)$/gm)
  const anchors = [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/ /g, '-')
      .replace(/[^\w-]/g, ''),
  )

  test.each(rules.map((rule): [string, Rule] => [rule.alert, rule]))('%s leads to what to do', (_, rule) => {
    const [page, anchor] = rule.annotations.runbook_url.split('#')
    expect(page).toBe('https://github.com/fastify-kafka-sse/fastify-kafka-sse/blob/main/docs/troubles.md')
    expect(anchors).toContain(anchor)
  })

  test.skipIf(!canCheck)('is well-formed, as promtool sees it', () => {
    const output = promtool('check', 'rules', 'alerts.yaml')
    expect(output).toContain(`${rules.length} rules found`)
  })

  test.skipIf(!canCheck)('fires at figures of its own, and not at others', () => {
    const tests: { alertname: string; exp_alerts?: unknown[] }[] = parse(
      read('deploy/prometheus/alerts.test.yaml'),
    ).tests.flatMap(({ alert_rule_test }: { alert_rule_test: unknown }) => alert_rule_test)
    const fired = tests
      .filter(({ exp_alerts = [] }) => exp_alerts.length > 0)
      .map(({ alertname }) => alertname)
    expect(fired.sort()).toEqual(rules.map(({ alert }) => alert).sort())
    expect(promtool('test', 'rules', 'alerts.test.yaml')).toContain('SUCCESS')
  })
})

function promtool(...args: string[]): string {
  return execFileSync('promtool', args, { cwd: PROMETHEUS, encoding: 'utf8' })
}

describe('the dashboard', () => {
  test('names no data source of somebody’s', () => {
    const sources = panels.flatMap(({ datasource, targets = [] }) => [
      datasource,
      ...targets.map((each) => each.datasource),
    ])
    expect(new Set(sources.flatMap((source) => source?.uid ?? []))).toEqual(new Set([CHOSEN]))
  })

  test('has rows in the order of the runbook, and no query twice', () => {
    expect(panels.filter(({ targets }) => targets === undefined).map(({ title }) => title)).toEqual([
      'Are the servers there?',
      'Do records come?',
      'Do they go out?',
      'Do clients get in, and stay?',
      'Do replicas hear of each other? With a control topic',
      'Is there room?',
    ])
    expect(queries.length).toBeGreaterThan(40)
    expect(new Set(queries.map(([, expr]) => expr)).size).toBe(queries.length)
  })

  test('has a threshold in red where it says so: Grafana’s own is 80', () => {
    const red = panels.filter(({ description = '' }) => description.includes('Red'))
    expect(red.map(({ title }) => title)).toEqual(['Ready', 'Certificates end in'])
    for (const { fieldConfig } of red) expect(JSON.stringify(fieldConfig)).toContain('"color":"red"')
  })
})

describe.skipIf(!canScrape)('at a real Prometheus', () => {
  const scene = CommandScene.open()
  const streams = new AbortController()
  let prometheus: ChildProcess
  let api = ''

  beforeAll(async () => {
    const adminPort = await startServer(scene, streams.signal)
    const port = await freePort()
    const target = {
      job_name: 'kafka-sse',
      scrape_interval: '1s',
      static_configs: [{ targets: [`127.0.0.1:${adminPort}`] }],
    }
    const settings = { rule_files: [join(PROMETHEUS, 'alerts.yaml')], global: { evaluation_interval: '1s' } }
    // JSON is YAML, too.
    scene.file('prometheus.yml', JSON.stringify({ ...settings, scrape_configs: [target] }))
    const places = [
      '--config.file=prometheus.yml',
      '--storage.tsdb.path=data',
      `--web.listen-address=127.0.0.1:${port}`,
    ]
    prometheus = spawn('prometheus', places, { cwd: scene.folder, stdio: 'ignore' })
    api = `http://127.0.0.1:${port}/api/v1`
    // A rate needs two scrapes.
    await vi.waitUntil(async () => (await seriesOf('count_over_time(kafka_sse_ready[1m]) > 5')).length > 0, {
      timeout: 30_000,
      interval: 250,
    })
  })

  afterAll(async () => {
    streams.abort()
    prometheus?.kill('SIGKILL')
    if (prometheus?.exitCode === null) await once(prometheus, 'close')
    await scene.close()
  })

  async function seriesOf(query: string): Promise<unknown[]> {
    try {
      const response = await fetch(`${api}/query?query=${encodeURIComponent(query)}`)
      if (response.status === 503) return [] // it listens, and still starts
      const { data, error } = (await response.json()) as { data?: { result: unknown[] }; error?: string }
      if (data === undefined) throw new Error(`${query}: ${error}`)
      return data.result
    } catch (error) {
      if (error instanceof TypeError) return [] // it does not listen yet
      throw error
    }
  }

  test.each(queries)('%s: %s has an answer', async (_, expr) => {
    const query = expr
      .replaceAll('$__rate_interval', '30s')
      .replaceAll('"$job"', '"kafka-sse"')
      .replaceAll('"$instance"', '".*"')
    expect(query).not.toContain('$')
    expect((await seriesOf(query)).length).toBeGreaterThan(0)
  })

  test.each([
    'kafka_sse_delivery_seconds_count',
    'kafka_sse_first_record_seconds_count',
    'kafka_sse_replay_seconds_count',
    'kafka_sse_renewal_seconds_count',
    'kafka_sse_token_refusals_total{check="missing"}',
    'kafka_sse_gaps_total{reason="undecodable"}',
    'kafka_sse_control_records_total{op="renew"}',
  ])('%s has counted what the clients did, of all workers', async (metric) => {
    await vi.waitUntil(async () => (await seriesOf(`${metric} > 0`)).length === 1, {
      timeout: 5_000,
      interval: 250,
    })
  })

  test('every alert is evaluated without an error, of metrics that there are, and none but by chance', async () => {
    const { data } = await (await fetch(`${api}/rules`)).json()
    const evaluated: { name: string; health: string; state: string }[] = data.groups[0].rules
    expect(evaluated.map(({ name, health }) => [name, health])).toEqual(
      rules.map(({ alert }) => [alert, 'ok']),
    )
    expect(evaluated.filter(({ state }) => state === 'firing')).toEqual([])
    const { data: names } = await (await fetch(`${api}/label/__name__/values`)).json()
    const named = rules.flatMap(({ expr }) => expr.match(/kafka_sse_\w+/g) ?? [])
    expect(named.filter((name) => !names.includes(name))).toEqual([])
  })
})

/** A server with workers and a control topic. Its clients get records, renew, begin again and are refused. */
async function startServer(scene: CommandScene, signal: AbortSignal): Promise<number> {
  const broker = scene.start(['broker', '--topic', 'events', '--topic', 'control'])
  await vi.waitUntil(() => broker.stdout.includes('127.0.0.1'), { timeout: 30_000 })
  const server = scene.start(['demo'], {
    ...{ PORT: '0', ADMIN_PORT: '0', LOG_LEVEL: 'info', WORKERS: '2' },
    ...{ KAFKA_CONTROL_TOPIC: 'control', SECRET_KEY: 'A'.repeat(43) },
  })
  const { port, adminPort } = await server.listening()
  const url = `https://localhost:${port}/events`
  const dispatcher = new Agent({ connect: { ca: read(join(scene.folder, 'test-ca.crt')) } })
  const token = (expiresInSeconds: number) =>
    mintDemoToken({ folder: scene.folder, expiresInSeconds, subject: 'alice' })
  const open = async (headers: Record<string, string> = {}, seconds = 300) => {
    const authorization = `Bearer ${await token(seconds)}`
    return fetchBy(url, { headers: { authorization, ...headers }, signal, dispatcher })
  }
  await vi.waitUntil(async () => (await open()).ok, { timeout: 30_000 })
  await open({ 'last-event-id': 'not an id' })
  await fetchBy(url, { dispatcher })
  await fetchBy(url, { headers: { authorization: 'Bearer none' }, dispatcher })
  await open({}, 8)
  const renewed = await fetchBy(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await token(300)}`,
      'content-type': 'application/x-challenge-response',
    },
    dispatcher,
  })
  expect(renewed.status).toBe(204)
  expect((await scene.run(['produce', '--key', '1', 'one'])).code).toBe(0)
  return adminPort
}
