// The four charts, and the history that they show: what came with the first event, and each newer sample.

import { number, rate } from '../shared/numbers.js'
import { Chart, SPAN_MS } from './chart.js'
import { ms } from './words.js'

const CHARTS = [
  {
    title: 'Open streams',
    series: [{ name: 'open', column: 'streams' }],
    format: (value) => number(Math.round(value)),
  },
  {
    title: 'Deliveries',
    series: [{ name: 'records a second', column: 'recordsPerSecond' }],
    format: rate,
  },
  {
    title: 'Latency',
    series: [
      { name: 'median', column: 'latencyP50Ms' },
      { name: 'p99', column: 'latencyP99Ms' },
    ],
    format: ms,
  },
  { title: 'Event loop delay', series: [{ name: 'p99', column: 'loopDelayP99Ms' }], format: ms },
]

export class Charts {
  #charts = CHARTS.map((options) => new Chart(options))
  /** A list for each column. Samples older than ten minutes leave. */
  #history = null

  constructor(root) {
    root.append(...this.#charts.map((chart) => chart.root))
  }

  show({ history, sample }) {
    if (history) this.#history = history
    else if (!this.#add(sample)) return
    for (const chart of this.#charts) chart.draw(this.#history)
  }

  /** Whether it is new. */
  #add(sample) {
    const columns = this.#history
    if (columns === null || sample === null || sample.atMs === columns.atMs.at(-1)) return false
    for (const [name, values] of Object.entries(columns)) values.push(sample[name])
    while (columns.atMs[0] < sample.atMs - SPAN_MS)
      for (const values of Object.values(columns)) values.shift()
    return true
  }
}
