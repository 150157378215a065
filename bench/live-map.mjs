// `npm run bench:live-map`: a live map of 100,000 keys in Chromium, with a table of 40 rows. Chromium's own trace says
// how many frames there were, how far apart, and how long the page's thread worked in one task. See bench/README.md.

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright-core'
import { describeMachine } from './harness/machine.mjs'
import { buildOurs } from './peers/ours/build.mjs'

const CLIENT = fileURLToPath(new URL('../client/dist/', import.meta.url))
const PAGE = fileURLToPath(new URL('live-map/page.html', import.meta.url))
const CATEGORIES = ['devtools.timeline', 'disabled-by-default-devtools.timeline', 'toplevel']
/** Updates are written at this interval. */
const WRITE_MS = 10
/** Frames are at least 8 ms apart. */
const SAME_FRAME_MS = 4

const { values } = parseArgs({
  options: {
    chromium: { type: 'string', default: process.env.CHROMIUM ?? '/usr/bin/chromium' },
    keys: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '10' },
  },
})
const [keys, seconds] = [Number(values.keys), Number(values.seconds)]
let offset = 0
let response = null

buildOurs()
process.stdout.write(`${JSON.stringify(describeMachine())}\n\n`)
const server = createServer(answer).listen(0, '127.0.0.1')
await once(server, 'listening')
const browser = await chromium.launch({
  executablePath: values.chromium,
  args: ['--headless', '--no-sandbox', '--disable-gpu'],
})
const page = await browser.newPage()
await page.goto(`http://127.0.0.1:${server.address().port}/`)
writeRow([
  'phase',
  'frames/s',
  'between frames, ms: median',
  '99 %',
  'longest',
  'longest task, CPU ms',
  'CPU',
])
writeRow(Array(7).fill('---'))
await measure(`${keys} keys load`, async () => {
  await page.evaluate(() => window.open())
  await until(() => response !== null)
  await writeSnapshot()
  await page.evaluate(() => window.map.ready)
})
for (const rate of [0, 1_000, 10_000]) {
  await measure(`${rate} updates/s for ${seconds} s`, () => writeUpdates(rate))
}
const { size, batches } = await page.evaluate(() => ({ size: window.map.size, batches: window.batches }))
process.stdout.write(`\n${size} keys, ${batches} batches\n`)
await browser.close()
server.close()
server.closeAllConnections()

async function answer({ url }, answered) {
  if (url === '/orders') {
    answered.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    response = answered
    return
  }
  const isModule = url.startsWith('/client/')
  const file = isModule ? `${CLIENT}${url.slice('/client/'.length)}` : PAGE
  const text = await readFile(file).catch(() => null)
  answered.writeHead(text === null ? 404 : 200, {
    'content-type': isModule ? 'text/javascript' : 'text/html',
  })
  answered.end(text)
}

function record(key) {
  const value = { customer: `customer ${key % 977}`, total: offset, currency: 'EUR', open: key % 2 === 0 }
  const envelope = {
    key: `order ${key}`,
    value: JSON.stringify(value),
    headers: [],
    timestamp: offset,
    partition: 0,
  }
  return `data:${JSON.stringify({ ...envelope, offset: ++offset })}\nid:${offset}\n\n`
}

async function writeSnapshot() {
  for (let from = 0; from < keys; from += 200) {
    const count = Math.min(200, keys - from)
    const text = Array.from({ length: count }, (_, at) => record(from + at)).join('')
    if (!response.write(text)) await once(response, 'drain')
  }
  response.write(':ready\n\n')
}

async function writeUpdates(rate) {
  const startMs = performance.now()
  let written = 0
  for (let nowMs = startMs; nowMs < startMs + seconds * 1_000; nowMs = performance.now()) {
    const due = Math.floor(((nowMs - startMs) / 1_000) * rate)
    // 7919 is a prime, so that updates go over all keys.
    const text = Array.from({ length: due - written }, (_, at) =>
      record(((written + at) * 7_919) % keys),
    ).join('')
    written = due
    if (text !== '') response.write(text)
    await new Promise((resolve) => setTimeout(resolve, WRITE_MS))
  }
}

async function measure(phase, run) {
  await browser.startTracing(page, { categories: CATEGORIES })
  await run()
  const { traceEvents } = JSON.parse(await browser.stopTracing())
  writeRow([phase, ...figuresOf(traceEvents)])
}

/** Of the page's main thread: the one that ran the most animation frames. */
function figuresOf(events) {
  const frames = events.filter(({ name }) => name === 'FireAnimationFrame')
  const threads = new Map()
  for (const frame of frames) threads.set(threadOf(frame), [...(threads.get(threadOf(frame)) ?? []), frame])
  const [thread, own] = [...threads].sort(([, a], [, b]) => b.length - a.length)[0]
  // Callbacks of one frame are one frame.
  const calls = own.map(({ ts }) => ts / 1_000).sort((a, b) => a - b)
  const times = calls.filter((time, at) => at === 0 || time - calls[at - 1] > SAME_FRAME_MS)
  const gaps = times
    .slice(1)
    .map((time, at) => time - times[at])
    .sort((a, b) => a - b)
  const isTask = (event) => event.name === 'RunTask' && threadOf(event) === thread && event.tdur !== undefined
  const tasks = events.filter(isTask).map(({ tdur }) => tdur / 1_000)
  const wholeMs = times.at(-1) - times[0]
  const cpuMs = tasks.reduce((sum, taskMs) => sum + taskMs, 0)
  const at = (share) => gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * share))]?.toFixed(1)
  return [
    ((gaps.length / wholeMs) * 1_000).toFixed(1),
    at(0.5),
    at(0.99),
    at(1),
    Math.max(...tasks).toFixed(1),
    `${((cpuMs / wholeMs) * 100).toFixed(0)} %`,
  ]
}

function threadOf({ pid, tid }) {
  return `${pid} ${tid}`
}

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10))
}

function writeRow(cells) {
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}
