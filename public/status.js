// The status page: shows the figures of the process, one event a second, with rates between the last two events.

/** Wait after a refusal, after which an EventSource does not reconnect by itself. */
const RETRY_MS = 5000

/** The previous event, for rates. */
let previous = null

connect()

function connect() {
  const source = new EventSource('status/events')
  source.onmessage = ({ data }) => show(JSON.parse(data))
  source.onerror = () => {
    say('No connection to the server', 'trouble', [])
    previous = null
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, RETRY_MS)
  }
}

function show(status) {
  const { notReady, streams, delivered, challenges, renewals, topics, topicsByPath } = status
  if (notReady.length === 0) say('Ready', 'ready', [])
  else say('Not ready', 'trouble', notReady)
  fill('streams', [
    ['open', number(streams.open)],
    ['opened', number(streams.opened)],
    ['ended', ended(streams.ended)],
    ['records delivered', `${number(delivered.records)} (${rate(status, (each) => each.delivered.records)})`],
    [
      'bytes delivered',
      `${bytes(delivered.bytes)} (${bytes(perSecond(status, (each) => each.delivered.bytes))}/s)`,
    ],
    ['challenges', number(challenges)],
    ['renewals', number(renewals)],
  ])
  const rows = [...topics.map(topicRow), ...byPathRows(topicsByPath)]
  fill('topics', rows, ['topic', 'records read', 'retained', 'in memory', 'position'])
  fill('process', processRows(status))
  previous = status
}

function topicRow(topic) {
  return [
    `${topic.name} (${topic.encoding}${topic.isCaughtUp ? '' : ', still being read'})`,
    number(topic.recordsAppended),
    number(topic.retainedRecords),
    `${bytes(topic.retainedBytes)} of ${bytes(topic.retainedBytesMax)}`,
    topic.position,
  ]
}

/** One row for all topics that clients name in a path, if any is open. */
function byPathRows({ open, retainedBytes, bytesMax }) {
  if (open === 0) return []
  return [[`all ${number(open)} by path`, '', '', `${bytes(retainedBytes)} of ${bytes(bytesMax)}`, '']]
}

function processRows(status) {
  const { p50, p99, max } = status.eventLoopDelaySeconds
  return [
    ['up', `${number(status.uptimeSeconds)} s`],
    ['CPU', `${(perSecond(status, (each) => each.cpuSeconds) * 100).toFixed(0)} % of a core`],
    ['memory', bytes(status.residentBytes)],
    ['event loop delay', `${ms(p50)} median, ${ms(p99)} p99, ${ms(max)} worst`],
  ]
}

function ended(reasons) {
  const counted = Object.entries(reasons).filter(([, count]) => count > 0)
  return counted.map(([reason, count]) => `${number(count)} ${reason}`).join(', ') || '0'
}

function say(text, kind, reasons) {
  const readiness = document.getElementById('readiness')
  readiness.textContent = text
  readiness.className = kind
  document.getElementById('reasons').replaceChildren(...reasons.map((reason) => cell('li', reason)))
}

/** Fills a table with rows of texts. Names of topics are shown as text, never as HTML. */
function fill(id, rows, headings = []) {
  const head = document.createElement('thead')
  head.append(row('th', headings))
  const body = document.createElement('tbody')
  body.append(...rows.map((texts) => row('td', texts)))
  document.getElementById(id).replaceChildren(...(headings.length > 0 ? [head] : []), body)
}

function row(kind, texts) {
  const made = document.createElement('tr')
  made.append(...texts.map((text) => cell(kind, text)))
  return made
}

function cell(kind, text) {
  const made = document.createElement(kind)
  made.textContent = text
  return made
}

function perSecond(status, read) {
  if (previous === null || status.atMs <= previous.atMs) return 0
  return ((read(status) - read(previous)) / (status.atMs - previous.atMs)) * 1000
}

function rate(status, read) {
  return `${number(Math.round(perSecond(status, read)))}/s`
}

function number(value) {
  return value.toLocaleString('en')
}

function ms(seconds) {
  return `${(seconds * 1000).toFixed(1)} ms`
}

function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const step = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, value)) / 10))
  return `${(value / 1024 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step]}`
}
