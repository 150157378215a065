// The charts of a run: a chart for each figure, with a panel for each rate and a bar for each peer. Instead of a figure
// that does not count in the table, a chart gives the reason.

import { isSound } from './report.mjs'
import { summarise } from './statistics.mjs'

/**
 * @typedef {object} Chart
 * @property {string} title
 * @property {string} source what was measured, when and on what
 * @property {Panel[]} panels
 *
 * @typedef {object} Panel
 * @property {string} heading
 * @property {Bar[]} bars with the same peers in the same order in every panel
 *
 * @typedef {object} Bar
 * @property {string} label
 * @property {string} text
 * @property {{ median: number, min: number, max: number } | null} figure null: only the text
 */

const FIGURES = [
  {
    file: 'bench-cpu.svg',
    title: "Server's CPU for each delivery, µs",
    read: (repetition) => repetition.cpuMicrosPerDelivery,
    digits: 1,
  },
  {
    file: 'bench-p99.svg',
    title: 'Latency, 99th percentile, ms',
    read: (repetition) => repetition.latencyMs.p99,
    digits: 0,
  },
]

/** @param {object} report a file of bench/results @returns {(Chart & { file: string })[]} */
export function chartsOf(report) {
  const workloads = report.settings.workloads.filter(({ measure }) => measure === 'live')
  const live = report.repetitions.filter(({ workload }) => workloads.some(({ name }) => name === workload))
  const peers = [...new Set(live.map(({ peer }) => peer))]
  return FIGURES.map((figure) => ({
    file: figure.file,
    title: figure.title,
    source: sourceOf(report),
    panels: workloads.map(({ name, what }) => ({
      heading: what,
      bars: peers.map((peer) =>
        barOf(
          peer,
          live.filter((one) => one.workload === name && one.peer === peer),
          figure,
        ),
      ),
    })),
  }))
}

function barOf(label, own, { read, digits }) {
  if (own.length === 0) return { label, text: 'not measured', figure: null }
  const unsound = own.find((repetition) => !isSound(repetition))
  if (unsound !== undefined) return { label, text: reasonOf(unsound), figure: null }
  const figure = summarise(own.map(read))
  return { label, text: figure.median.toFixed(figure.median < 10 ? digits + 1 : digits), figure }
}

function reasonOf({ void: wrong, behind }) {
  if (wrong !== undefined) return 'failed'
  return behind !== undefined ? 'fell behind' : 'not asked for'
}

function sourceOf({ startedAt, machine, settings }) {
  const { cores, cpu, node, commit } = machine
  const medians = settings.repetitions > 1 ? `median and range of ${settings.repetitions}` : 'one repetition'
  return `${medians}; ${cores} cores of ${cpu}, Node ${node.replace('v', '')}; commit ${commit}, ${startedAt.slice(0, 10)}`
}
