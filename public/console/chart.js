// One chart of the last ten minutes: a line for each of its series. The pointer or the arrow keys read a moment of it.

import { make, makeSvg } from '../shared/dom.js'
import { ago, clockTime } from './words.js'

export const SPAN_MS = 600_000
/** Units of the drawing; the page stretches it. */
const WIDTH = 600
const HEIGHT = 120
/** Room for the width of a line at the top. */
const TOP = 4
const NO_SAMPLE = 'no sample yet'
/** A longer time without a sample is a gap in the line. */
const GAP_MS = 15_000
/** Samples that a key moves by: two seconds and a minute. */
const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -30, PageDown: 30, Home: -1e9, End: 1e9 }

export class Chart {
  root
  #series
  #format
  #figure = make('p', { class: 'figure' }, NO_SAMPLE)
  /** The moment that is read, in words. */
  #when = make('span', { class: 'when' })
  #svg = makeSvg('svg', {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: 'none',
    'aria-hidden': 'true',
  })
  #top = make('span', { class: 'top' })
  #plot
  #history = { atMs: [] }
  /** Moment of the sample that is read, in epoch ms; null: the newest. */
  #readMs = null

  /** `series`: `{ name, column }`, the main one first. `format` puts a value into words. */
  constructor({ title, series, format }) {
    this.#series = series
    this.#format = format
    this.#plot = make(
      'div',
      { class: 'plot', role: 'slider', tabindex: '0', 'aria-label': `${title}, the last ten minutes` },
      this.#svg,
      this.#top,
    )
    this.#plot.addEventListener('pointermove', (event) => this.#point(event))
    this.#plot.addEventListener('pointerleave', () => this.#read(null))
    this.#plot.addEventListener('blur', () => this.#read(null))
    this.#plot.addEventListener('keydown', (event) => this.#move(event))
    const axis = make(
      'p',
      { class: 'axis', 'aria-hidden': 'true' },
      ...['10 min ago', '5 min', 'now'].map((words) => make('span', {}, words)),
    )
    const heading = make('div', { class: 'line' }, make('h2', {}, title), this.#when)
    this.#tell()
    this.root = make('div', { class: 'card chart' }, heading, this.#figure, this.#plot, axis)
  }

  /** `history` has a list for each column, the oldest sample first. */
  draw(history) {
    this.#history = history
    const top = niceTop(Math.max(0, ...this.#series.flatMap(({ column }) => history[column])))
    this.#top.textContent = this.#format(top)
    this.#svg.replaceChildren(
      ...[0.5, 1].map((share) => gridLine(HEIGHT - (HEIGHT - TOP) * share)),
      ...this.#series.toReversed().flatMap(({ column }, at) => {
        const name = at === this.#series.length - 1 ? 'main' : 'other'
        return line(history, column, top, name)
      }),
    )
    this.#tell()
  }

  #point({ clientX }) {
    const { left, width } = this.#plot.getBoundingClientRect()
    const atMs = this.#endMs() - SPAN_MS * (1 - (clientX - left) / width)
    const distances = this.#history.atMs.map((each) => Math.abs(each - atMs))
    const nearest = distances.indexOf(Math.min(...distances))
    this.#read(this.#history.atMs[nearest] ?? null)
  }

  #move(event) {
    const last = this.#history.atMs.length - 1
    if (event.key === 'Escape') this.#read(null)
    if (!(event.key in STEPS) || last < 0) return
    const to = Math.max(0, this.#readIndex() + STEPS[event.key])
    // The newest one is read as it comes.
    this.#read(to >= last ? null : this.#history.atMs[to])
    event.preventDefault()
  }

  #read(atMs) {
    this.#readMs = atMs
    this.#tell()
  }

  /** Of the sample that is read; the oldest one if that has left. */
  #readIndex() {
    const { atMs } = this.#history
    return this.#readMs === null ? atMs.length - 1 : Math.max(0, atMs.indexOf(this.#readMs))
  }

  /** The moment that is read, as a line in the chart and in words. */
  #tell() {
    const { atMs } = this.#history
    const last = atMs.length - 1
    const at = this.#readIndex()
    this.#svg.querySelector('.cursor')?.remove()
    if (at < 0) return this.#describe(0, 0, NO_SAMPLE)
    const values = this.#series.map(({ name, column }) => ({ name, words: this.#words(column, at) }))
    const when = this.#readMs === null ? 'now' : `${clockTime(atMs[at])}, ${ago(atMs[at], atMs[last])}`
    this.#figure.replaceChildren(
      ...values.flatMap(({ name, words }, series) => [
        make('strong', { class: series === 0 ? 'main' : 'other' }, words),
        ' ',
        make('span', { class: 'quiet' }, name, ' '),
      ]),
    )
    this.#when.textContent = when
    const text = values.map(({ name, words }) => `${words} ${name}`).join(', ')
    this.#describe(at, last, `${when}: ${text}`)
    if (this.#readMs === null) return
    const x = xOf(atMs[at], this.#endMs())
    this.#svg.append(makeSvg('line', { class: 'cursor', x1: x, x2: x, y1: 0, y2: HEIGHT }))
  }

  /** For screen readers. */
  #describe(at, last, text) {
    const attributes = { 'aria-valuemin': 0, 'aria-valuemax': last, 'aria-valuenow': at }
    for (const [name, value] of Object.entries({ ...attributes, 'aria-valuetext': text }))
      this.#plot.setAttribute(name, value)
  }

  #words(column, at) {
    const value = this.#history[column][at]
    return value === null ? '–' : this.#format(value)
  }

  #endMs() {
    return this.#history.atMs.at(-1) ?? 0
  }
}

function gridLine(y) {
  return makeSvg('line', { class: 'grid', x1: 0, x2: WIDTH, y1: y, y2: y })
}

/** The line, and below the main one its area. */
function line(history, column, top, name) {
  const { atMs, [column]: values } = history
  const endMs = atMs.at(-1) ?? 0
  const stretches = []
  let before = Number.NEGATIVE_INFINITY
  for (const [at, value] of values.entries()) {
    if (value === null) continue
    if (atMs[at] - before > GAP_MS) stretches.push([])
    before = atMs[at]
    stretches.at(-1).push([xOf(atMs[at], endMs), HEIGHT - (value / top) * (HEIGHT - TOP)])
  }
  const text = (points) => points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join('L')
  const d = stretches.map((points) => `M${text(points)}`).join('')
  const drawn = makeSvg('path', { class: name, d })
  if (name !== 'main') return [drawn]
  const area = stretches.map((points) => {
    const [[from] = [0], [to] = [0]] = [points[0], points.at(-1)]
    return `M${from.toFixed(1)},${HEIGHT}L${text(points)}L${to.toFixed(1)},${HEIGHT}Z`
  })
  return [makeSvg('path', { class: 'area', d: area.join('') }), drawn]
}

function xOf(atMs, endMs) {
  return WIDTH * (1 - (endMs - atMs) / SPAN_MS)
}

/** The next of 1, 2, 5 and their multiples of ten. */
function niceTop(value) {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return power * ([1, 2, 5].find((step) => value <= step * power) ?? 10)
}
