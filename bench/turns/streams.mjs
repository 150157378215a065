// The longest turn of a thread that has many streams to begin, to end or to wake at once, on sinks that cost nothing.
// node bench/turns/streams.mjs [DIST] [NAME]: every scenario (or one), each in a process of its own, against a build.

import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { watchTurns } from './turn-watch.mjs'

const FILE = fileURLToPath(import.meta.url)
const SETTINGS = {
  challengeMs: 10_000,
  heartbeatMs: 9_000,
  stalledMs: 30_000,
  ageMaxMs: null,
  turnMs: 0.3,
  renewBy: 'session',
  streamsMax: 1e6,
  streamsPerSubjectMax: 1e6,
  streamsPerAddressMax: 1e6,
}
const PATH = { route: '/', params: '[]' }
/** Has no divisor in common with the number of streams. */
const STRIDE = 7_919
/** The streams' keys are spread over all keys. */
const OWN_EVERY = 100
const OPENING_MS = 10_000
/** Records, so that the turn in which they are appended is a short one. */
const FILLED_AT_ONCE = 100
/** A stream's `retry:` and its record of 100 B. */
const READY_BYTES = 100
const FROM_EARLIEST = { id: null, sinceMs: null, from: 'earliest' }

/** Each returns figures besides the longest turn, which is measured from its call of `watch`. */
const actions = {
  'begin as the bus catches up: 64 partitions, 10,000 ids': (dist) => beginAtOnce(dist, 64, 10_000),
  'begin as the bus catches up: 512 partitions, 5,000 ids': (dist) => beginAtOnce(dist, 512, 5_000),
  'begin as the bus catches up: 100,000 from the beginning': (dist) => beginAtOnce(dist, 1, 100_000),
  'one answer of Kafka for 10,000 ids': (dist) => answerAtOnce(dist, 10_000),
  'one answer of Kafka for 100,000 ids': (dist) => answerAtOnce(dist, 100_000),
  'recreated under 10,000': (dist) => recreate(dist, 10_000),
  'one exp for 10,000': (dist) => expireAtOnce(dist, 10_000),
  'one exp for 100,000': (dist) => expireAtOnce(dist, 100_000),
  'one exp for 10,000 among 20,000 that are sent records without end': (dist) => expireUnderLoad(dist),
  'heartbeats of 100,000 at once': (dist) => beatAtOnce(dist, 100_000),
  'wall clock set forward under 100,000': (dist) => setForward(dist, 100_000),
  'publish for 100,000 that wait': (dist) => wakeAll(dist, 100_000),
  'drain of 100,000 in 10 s': (dist) => end(dist, 100_000, (streams) => streams.drain(10_000)),
  'close of 100,000': (dist) => end(dist, 100_000, (streams) => streams.close()),
  '10,000 open in 10 s, each on a key of its own, beside 1,000,000 keys': (dist) =>
    openPrivate(dist, 10_000, 1e6),
  '10,000 private streams recreated at once': (dist) => recreatePrivate(dist, 10_000),
  'heartbeats of 200 with ids of 12,000 partitions that are not there': (dist) => beatUnknown(dist, 200),
}

export const scenarios = Object.keys(actions).map((name) => ({
  name,
  run: async (dist) => inProcess(name, dist),
}))

function inProcess(name, dist) {
  const printed = execFileSync(process.execPath, [FILE, resolve(dist), name, 'here'], { encoding: 'utf8' })
  return JSON.parse(printed)
}

async function beginAtOnce(dist, partitions, count) {
  const scene = await sceneOf(dist, partitions)
  const at = scene.fill(20_000)
  scene.topic.bus.caughtUp = false
  scene.open(count, (i) =>
    partitions === 1 ? FROM_EARLIEST : { ...FROM_EARLIEST, id: at[at.length - 1 - (i % 50)] },
  )
  await quiet(scene)
  const isDone = reached(count, 30)
  const done = watch()
  scene.topic.bus.markCaughtUp()
  await until(isDone)
  return done()
}

async function answerAtOnce(dist, count) {
  const scene = await sceneOf(dist, 64)
  scene.fill(2_000)
  const position = new Map(scene.topic.bus.position())
  position.set(0, position.get(0) + 1)
  const id = scene.formatEventId(position)
  scene.open(count, () => ({ ...FROM_EARLIEST, id }))
  await quiet(scene)
  const isDone = reached(count, 13) // `:ready`
  const done = watch()
  scene.answer(position)
  await until(isDone)
  return done()
}

async function recreate(dist, count) {
  const scene = await sceneOf(dist, 64)
  scene.fill(1_000)
  const { sinks } = scene.open(count, () => FROM_EARLIEST)
  await quiet(scene)
  const done = watch()
  scene.topic.bus.recreate()
  await quiet(scene)
  const isDone = reached(count, sinks[0].bytes + 1)
  for (let partition = 0; partition < 64; partition++) scene.topic.bus.setPartition(partition, 0)
  scene.fill(100)
  scene.topic.bus.markCaughtUp()
  await until(isDone)
  return done()
}

async function expireAtOnce(dist, count) {
  const scene = await sceneOf(dist, 1)
  const expiresAtMs = Date.now() + 8_000 + count / 20
  const { sinks } = scene.open(count, () => ({ ...FROM_EARLIEST, from: 'latest' }), expiresAtMs)
  await sleep(expiresAtMs - Date.now() - 1_500) // after challenges and heartbeats
  const done = watch()
  await until(() => ends.count === sinks.length)
  const lastMs = sinks.reduce((ms, { endedAtMs }) => Math.max(ms, endedAtMs), 0) - expiresAtMs
  return done(
    `the last ${lastMs} ms after exp, ${Math.round(ends.lastCpuMs - ends.firstCpuMs)} ms of CPU after the first`,
  )
}

async function expireUnderLoad(dist) {
  const scene = await sceneOf(dist, 1)
  const expiresAtMs = Date.now() + 6_000
  scene.open(20_000, () => ({ ...FROM_EARLIEST, from: 'latest' }))
  const { sinks } = scene.open(10_000, () => ({ ...FROM_EARLIEST, from: 'latest' }), expiresAtMs)
  await sleep(3_000)
  const flood = setInterval(() => scene.fill(1), 10) // 3 million deliveries a second, more than is possible
  await sleep(expiresAtMs - Date.now() - 500)
  const before = scene.streams.figures.recordsDelivered
  const done = watch()
  await until(() => ends.count === sinks.length)
  clearInterval(flood)
  const late = Math.max(...sinks.map((sink) => sink.endedAtMs)) - expiresAtMs
  return done(
    `the last ${late} ms after exp, ${scene.streams.figures.recordsDelivered - before} records delivered meanwhile`,
  )
}

async function beatAtOnce(dist, count) {
  const scene = await sceneOf(dist, 1, { heartbeatMs: 3_000 })
  const { sinks } = scene.open(count, () => ({ ...FROM_EARLIEST, from: 'latest' }))
  scene.fill(1)
  await quiet(scene)
  const isDone = reached(count, sinks[0].bytes)
  const done = watch()
  await until(isDone)
  return done()
}

async function setForward(dist, count) {
  const now = Date.now
  let setMs = 0
  Date.now = () => now() + setMs
  const scene = await sceneOf(dist, 1)
  const { sinks } = scene.open(count, () => ({ ...FROM_EARLIEST, from: 'latest' }), Date.now() + 3_600_000)
  await quiet(scene)
  await sleep(1_000)
  const setAtMs = performance.now()
  const done = watch()
  setMs = 3_700_000
  await until(() => ends.count === sinks.length)
  return done(`the last ended ${Math.round(performance.now() - setAtMs)} ms after it was set`)
}

async function wakeAll(dist, count) {
  const scene = await sceneOf(dist, 1)
  const { sinks } = scene.open(count, () => ({ ...FROM_EARLIEST, from: 'latest' }))
  await quiet(scene)
  const done = watch()
  for (let publish = 0; publish < 5; publish++) {
    const isDone = reached(count, sinks[0].bytes)
    scene.fill(1)
    await until(isDone)
  }
  return done()
}

async function end(dist, count, act) {
  const scene = await sceneOf(dist, 1)
  scene.open(count, () => ({ ...FROM_EARLIEST, from: 'latest' }))
  await quiet(scene)
  const done = watch()
  const startedAtMs = performance.now()
  await act(scene.streams)
  return done(`took ${Math.round(performance.now() - startedAtMs)} ms`)
}

/** They open one after another, while each gets a tenth of a record a second. */
async function openPrivate(dist, count, keys) {
  const scene = await sceneOf(dist, 1, {}, ['key'])
  scene.fill(keys, nameOfKey)
  const isDone = reached(count, READY_BYTES)
  const done = watch()
  const startedAtMs = performance.now()
  let opened = 0
  for (let passedMs = 0; opened < count; passedMs = performance.now() - startedAtMs) {
    const due = Math.min(count, Math.floor((passedMs * count) / OPENING_MS)) - opened
    scene.fill(due, (i) => nameOfKey(((i * STRIDE) % count) * OWN_EVERY))
    scene.openOwn(due, (i) => nameOfKey((opened + i) * OWN_EVERY))
    opened += due
    await sleep(1)
  }
  const openedMs = performance.now() - startedAtMs
  await until(isDone)
  return done(`all open after ${Math.round(openedMs)} ms`)
}

async function recreatePrivate(dist, count) {
  const scene = await sceneOf(dist, 1, {}, ['key'])
  scene.fill(count, nameOfKey)
  const { sinks } = scene.openOwn(count, nameOfKey)
  await quiet(scene)
  const done = watch()
  scene.topic.bus.recreate()
  await quiet(scene)
  scene.topic.bus.setPartition(0, 0)
  for (const sink of sinks) sink.bytes = 0
  const isDone = reached(count, READY_BYTES)
  for (let filled = 0; filled < count; filled += FILLED_AT_ONCE, await sleep(1))
    scene.fill(FILLED_AT_ONCE, nameOfKey)
  scene.topic.bus.markCaughtUp()
  await until(isDone)
  return done()
}

async function beatUnknown(dist, count) {
  const scene = await sceneOf(dist, 1, { heartbeatMs: 1_000 })
  scene.fill(1)
  const unknown = Array.from({ length: 12_000 }, (_, i) => [i, i === 0 ? 1 : -2])
  scene.answer(scene.topic.bus.position())
  scene.open(count, () => ({ ...FROM_EARLIEST, id: scene.formatEventId(new Map(unknown)) }))
  await quiet(scene)
  const before = process.cpuUsage()
  const done = watchIdle()
  await sleep(5_000)
  const { user, system } = process.cpuUsage(before)
  return done(`${((user + system) / 1000 / (5 * count)).toFixed(2)} ms of CPU for each heartbeat`)
}

/** Streams of a bus with this number of partitions, made by the modules of the build. */
async function sceneOf(dist, partitions, changes = {}, selectors = []) {
  const load = (name) => import(pathToFileURL(resolve(dist, 'src', `${name}.js`)).href)
  const [{ Bus }, { Streams }, { formatEventId }] = await Promise.all(
    ['bus/bus', 'stream/streams', 'bus/event-id'].map(load),
  )
  const [selector] = selectors.length > 0 ? selectors.map((await load('routing/selector')).parseSelector) : []
  const bus = new Bus({
    encoding: 'text',
    keeps: selector ? 'latest' : 'all',
    retainedBytesMax: 1024 ** 3,
    retainedRecordsMax: 5e6,
    retainedMsMax: null,
    deleteRetentionMs: 86_400_000,
    ...(selector && { selectors: [selector] }),
  })
  for (let partition = 0; partition < partitions; partition++) bus.setPartition(partition, 0)
  bus.markCaughtUp()
  let answer = () => {}
  const answered = new Promise((resolve) => {
    answer = resolve
  })
  const streams = new Streams({ ...SETTINGS, ...changes })
  const topic = { name: 'events', encoding: 'text', bus, watermarks: () => answered }
  const value = Buffer.from('x'.repeat(100))
  let appended = 0
  const openAll = (count, expiresAtMs, requestOf) => {
    const session = { ...SESSION, expiresAtMs }
    const sinks = Array.from({ length: count }, (_, i) => {
      const sink = new FreeSink()
      const admitted = { release: () => {} }
      streams.open({ topic, sink, session, ...PATH, signals: false, admitted, ...requestOf(i) })
      return sink
    })
    return { sinks }
  }
  return {
    topic,
    streams,
    formatEventId,
    answer: (ends) => answer(new Map([...ends].map(([partition, end]) => [partition, { start: 0, end }]))),
    /** Appends `count` records, one partition after another, and publishes. Returns the ids of the last hundred. */
    fill: (count, keyOf = () => null) => {
      const ids = []
      for (let i = 0; i < count; i++) {
        const partition = appended++ % partitions
        const offset = bus.position().get(partition)
        bus.append({ partition, offset, timestampMs: Date.now(), key: keyOf(offset), value, headers: [] })
        if (i >= count - 100) ids.push(bus.positionText())
        if (i % 1000 === 0) bus.publish()
      }
      bus.publish()
      return ids
    },
    open: (count, requestedOf, expiresAtMs = Date.now() + 86_400_000) =>
      openAll(count, expiresAtMs, (i) => ({ requested: requestedOf(i) })),
    /** Each selects a key. */
    openOwn: (count, keyOf) =>
      openAll(count, Date.now() + 86_400_000, (i) => ({
        requested: FROM_EARLIEST,
        conditions: [{ selector, values: new Set([keyOf(i).toString('latin1')]) }],
      })),
  }
}

/** When the first and the last stream ended, by the CPU time of the process, without other work on the machine. */
const ends = { firstCpuMs: 0, lastCpuMs: 0, count: 0 }

function noteEnd() {
  if (ends.count++ % 100 > 0) return
  const { user, system } = process.cpuUsage()
  ends.lastCpuMs = (user + system) / 1000
  ends.firstCpuMs ||= ends.lastCpuMs
}

const SESSION = {
  issuer: 'i',
  subject: 's',
  scopes: new Set(),
  issuedAtMs: null,
  sessionId: null,
  client: null,
  tokenId: null,
  tokenDigest: 'd',
  claims: {},
}

/** Sinks that have more bytes than this. Counted as bytes come, because checking all would be a long turn. */
let goal = { bytes: 0, count: 0 }

/**
 * Begins to count the sinks that have more than `bytes` bytes. The returned function tells whether there are `count`.
 */
function reached(count, bytes) {
  goal = { bytes, count: 0 }
  return () => goal.count >= count
}

class FreeSink {
  bytes = 0
  goal = null
  endedAtMs = 0
  closed = () => {}
  write(bytes, taken) {
    this.bytes += bytes.length
    if (this.bytes > goal.bytes && this.goal !== goal) {
      this.goal = goal
      goal.count++
    }
    taken()
  }
  end() {
    this.cancel()
  }
  cancel() {
    if (this.endedAtMs > 0) return
    this.endedAtMs = Date.now()
    noteEnd()
    this.closed()
  }
  releaseUntaken() {}
  onClose(closed) {
    this.closed = closed
  }
}

function nameOfKey(key) {
  return Buffer.from(`key-${key}`)
}

/** Collects the garbage of opening the streams first, because it is not to be measured. */
function watch() {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const stop = watchTurns()
  return async (details) => ({ longestTurnMs: await stop(), ...(details && { details }) })
}

/** Waits without a busy loop, which would count as a cost of the streams. */
function watchIdle() {
  return async (details) => ({ longestTurnMs: 0, details })
}

/** Resolves when the streams have nothing to do at once. */
async function quiet({ streams: { figures } }) {
  const done = () => JSON.stringify([figures.writes, figures.gaps])
  for (let before = '', same = 0; same < 3; await sleep(300)) {
    same = done() === before ? same + 1 : 0
    before = done()
  }
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))
}

/** Checks often, but not so often that the checks take long. */
async function until(holds) {
  const untilMs = performance.now() + 60_000
  while (!holds()) {
    if (performance.now() > untilMs) throw new Error('it did not come within a minute')
    await sleep(20)
  }
}

if (process.argv[1] === FILE) {
  const [, , dist = 'dist', name, here] = process.argv
  if (here) {
    console.log(JSON.stringify(await actions[name](dist)))
    process.exit(0)
  }
  for (const scenario of scenarios.filter((each) => name === undefined || each.name.includes(name))) {
    const { longestTurnMs, details = '' } = await scenario.run(dist)
    console.log(`${longestTurnMs.toFixed(1).padStart(8)} ms  ${scenario.name}  ${details}`)
  }
}
