// What is drawn of a run of the bench, and that docs/ has the figures of the reference run.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const { chartsOf } = (await import(bench('report/charts.mjs'))) as {
  chartsOf: (report: object) => Chart[]
}
const { drawBars } = (await import(bench('report/bars.mjs'))) as {
  drawBars: (chart: Omit<Chart, 'file'>) => string
}

interface Chart {
  file: string
  title: string
  source: string
  panels: {
    heading: string
    bars: { label: string; text: string; figure: { median: number; min: number; max: number } | null }[]
  }[]
}

function bench(file: string): string {
  return new URL(`../../../bench/${file}`, import.meta.url).href
}

describe('the charts of a run', () => {
  const workloads = [
    { name: 'live-20', kind: 'live', measure: 'live', what: '20 records/s' },
    { name: 'live-1000', kind: 'live', measure: 'live', what: '1,000 records/s' },
    { name: 'highest', kind: 'live', measure: 'highest', what: 'the highest rate' },
    { name: 'idle', kind: 'idle', measure: 'idle', what: 'idle connections' },
  ]
  const live = (workload: string, peer: string, cpuMicrosPerDelivery: number, p99: number) => ({
    workload,
    peer,
    cpuMicrosPerDelivery,
    latencyMs: { p99 },
  })
  const report = {
    startedAt: '2026-11-24T04:53:27.781Z',
    machine: { cores: 2, cpu: 'a <fast> one', node: 'v20.20.2', commit: '12d273b66360' },
    settings: { repetitions: 3, workloads },
    repetitions: [
      live('live-20', 'ours', 20, 40),
      live('live-20', 'ours', 30, 60),
      live('live-20', 'ours', 22, 44),
      live('live-20', 'bare', 23, 39),
      live('live-1000', 'ours', 0.94, 55),
      { ...live('live-1000', 'bare', 0.5, 2_000), behind: 'a client lacked records' },
      { workload: 'live-1000', peer: 'shape', void: 'record 3 came where 2 was due' },
      { workload: 'highest', peer: 'ours', ratePerSecond: 3_000 },
      { workload: 'idle', peer: 'ours', bytesPerConnection: 1 },
    ],
  }
  const [cpu, latency] = chartsOf(report)
  const bar = (chart: Chart | undefined, heading: string, label: string) =>
    chart?.panels.find((panel) => panel.heading === heading)?.bars.find((one) => one.label === label)

  it('have a panel for each rate and the same peers in each', () => {
    for (const chart of [cpu, latency]) {
      expect(chart?.panels.map(({ heading }) => heading)).toEqual(['20 records/s', '1,000 records/s'])
      for (const { bars } of chart?.panels ?? [])
        expect(bars.map(({ label }) => label)).toEqual(['ours', 'bare', 'shape'])
    }
  })

  it('give the median with its range', () => {
    expect(bar(cpu, '20 records/s', 'ours')).toEqual({
      label: 'ours',
      text: '22.0',
      figure: { median: 22, min: 20, max: 30 },
    })
    expect(bar(latency, '20 records/s', 'ours')?.text).toBe('44')
    expect(bar(cpu, '1,000 records/s', 'ours')?.text).toBe('0.94')
  })

  it('have no bar for what does not count, but the reason', () => {
    expect(bar(cpu, '1,000 records/s', 'bare')).toEqual({ label: 'bare', text: 'fell behind', figure: null })
    expect(bar(cpu, '1,000 records/s', 'shape')?.text).toBe('failed')
    expect(bar(cpu, '20 records/s', 'shape')?.text).toBe('not measured')
  })

  it('are in docs/ as drawn of the reference run (npm run bench:plot)', () => {
    const reference = JSON.parse(readFileSync(new URL(bench('results/reference.json')), 'utf8'))
    for (const { file, ...chart } of chartsOf(reference))
      expect(readFileSync(new URL(`../docs/${file}`, bench('')), 'utf8'), file).toBe(drawBars(chart))
  })

  it('are drawn to one scale within a panel, with every word escaped', () => {
    const svg = chartsOf(report).map(drawBars).at(0) ?? ''
    const widths = [...svg.matchAll(/<rect class="(own|bar)" x="100" .*?width="([\d.]+)"/g)].map(
      ([, , width]) => Number(width),
    )
    expect(widths).toHaveLength(2)
    expect((widths[1] ?? 0) / (widths[0] ?? 1)).toBeCloseTo(23 / 22, 2)
    expect(svg).toContain('a &lt;fast&gt; one')
    expect(svg.match(/<line class="range"/g)).toHaveLength(1)
  })
})
