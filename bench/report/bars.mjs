// Draws horizontal bars as an SVG, without a library. Panels are side by side, each with a scale from zero to its
// largest figure, and the numbers are beside the bars. The colours follow the reader's light or dark scheme.

const LABELS_WIDTH = 100
const PANEL_WIDTH = 250
const BARS_WIDTH = 165
const ROW_HEIGHT = 22
const BAR_HEIGHT = 14
const ROWS_TOP = 66
const FOOT_HEIGHT = 34
/** The peer that is highlighted. */
const OWN = 'ours'

const STYLE = [
  'text{font:12px system-ui,sans-serif;fill:#1f2328}',
  '.title{font-size:15px;font-weight:600}',
  '.quiet{fill:#59636e}',
  '.bar{fill:#8c959f}',
  '.own{fill:#0969da}',
  '.range{stroke:#1f2328;stroke-width:1.5}',
  '@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.quiet{fill:#9198a1}.bar{fill:#656c76}.own{fill:#4493f8}.range{stroke:#f0f6fc}}',
].join('')

/** @param {import('./charts.mjs').Chart} chart @returns {string} */
export function drawBars({ title, source, panels }) {
  const labels = panels[0]?.bars.map(({ label }) => label) ?? []
  const width = LABELS_WIDTH + PANEL_WIDTH * panels.length
  const height = ROWS_TOP + ROW_HEIGHT * labels.length + FOOT_HEIGHT
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escapeText(title)}</title>`,
    `<style>${STYLE}</style>`,
    text(0, 20, title, 'title'),
    ...labels.map((label, row) => text(0, baselineOf(row), label)),
    ...panels.flatMap((panel, i) => drawPanel(panel, LABELS_WIDTH + PANEL_WIDTH * i)),
    text(0, height - 8, source, 'quiet'),
    '</svg>\n',
  ].join('\n')
}

function drawPanel({ heading, bars }, left) {
  const largest = Math.max(...bars.map(({ figure }) => figure?.max ?? 0))
  const scale = largest > 0 ? BARS_WIDTH / largest : 0
  return [
    text(left, ROWS_TOP - 16, heading, 'quiet'),
    ...bars.flatMap((bar, row) => drawBar(bar, row, left, scale)),
  ]
}

function drawBar({ label, text: words, figure }, row, left, scale) {
  if (figure === null) return [text(left, baselineOf(row), words, 'quiet')]
  const { median, min, max } = figure
  const top = ROWS_TOP + ROW_HEIGHT * row
  const middle = top + BAR_HEIGHT / 2
  const at = (value) => round(left + value * scale)
  const drawn = [
    `<rect class="${label === OWN ? 'own' : 'bar'}" x="${left}" y="${top}" width="${round(median * scale)}" height="${BAR_HEIGHT}"/>`,
    text(at(max) + 6, baselineOf(row), words),
  ]
  if (max > min)
    drawn.push(`<line class="range" x1="${at(min)}" y1="${middle}" x2="${at(max)}" y2="${middle}"/>`)
  return drawn
}

function baselineOf(row) {
  return ROWS_TOP + ROW_HEIGHT * row + BAR_HEIGHT - 3
}

function text(x, y, words, kind = '') {
  const styled = kind === '' ? '' : ` class="${kind}"`
  return `<text${styled} x="${x}" y="${y}">${escapeText(words)}</text>`
}

function escapeText(words) {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function round(value) {
  return Math.round(value * 10) / 10
}
