// The status page: what the process does, and did in the last ten minutes. An event comes each second; the first one of
// a connection has the whole history, the others its newest sample.

import { Charts } from './console/charts.js'
import { showOutcomes } from './console/outcomes.js'
import { showProcess } from './console/process.js'
import { showReadiness } from './console/readiness.js'
import { showPaths, showSlow } from './console/streams.js'
import { showTopics } from './console/topics.js'
import { element } from './shared/dom.js'

/** Wait after a refusal, after which an EventSource does not reconnect by itself. */
const RETRY_MS = 5_000

const charts = new Charts(element('charts'))
/** Rates are over so many events. */
const RATE_EVENTS = 5
/** The last events of this connection, the oldest first. */
let before = []

connect()

function connect() {
  const source = new EventSource('status/events')
  source.onmessage = ({ data }) => show(JSON.parse(data))
  source.onerror = () => {
    showReadiness(null, [])
    before = []
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, RETRY_MS)
  }
}

function show(status) {
  const previous = before[0] ?? null
  showReadiness(status.notReady, status.topics)
  showProcess(status, previous)
  charts.show(status)
  showTopics(status, previous)
  showPaths(status.streams)
  showSlow(status.streams)
  showOutcomes(status)
  before = [...before, status].slice(-RATE_EVENTS)
}
