// A process of clients that come and go for as long as they are told: over HTTP/1.1 and HTTP/2, quick, slow and stalled,
// reset in mid-write. Every byte is checked as it comes; the first that is wrong is reported, and ends the process.

import { request as plainRequest } from 'node:http'
import { connect } from 'node:http2'
import { request as secureRequest } from 'node:https'
import { setTimeout as wait } from 'node:timers/promises'
import { idOf, randomOf } from './pattern.mjs'
import { PatternReader } from './pattern-reader.mjs'

const STAY_MS_MAX = 1200
const random = randomOf(Number(process.env.SEED))
const tally = { streams: 0, records: 0, bytes: 0, ends: {} }
let isRunning = false
let running = []

process.on('message', async (message) => {
  if (message.type === 'run') {
    isRunning = true
    running = message.targets.flatMap((target) =>
      Array.from({ length: message.clientsPerTarget }, () => comeAndGo(target)),
    )
  } else {
    isRunning = false
    await Promise.all(running)
    process.send({ type: 'stopped', tally })
  }
})
process.once('disconnect', () => process.exit()) // the test is gone

function failed(error) {
  process.send({ type: 'wrong', text: error.stack }, () => process.exit(1))
}

/** One client: connection after connection, each for a while; some go on where the one before was. */
async function comeAndGo(target) {
  let offset = -1
  while (isRunning) {
    const resumes = offset !== -1 && random() < 0.5
    const streams =
      target.protocol === 'h2' ? await visitHttp2(target) : [await visitHttp1(target, resumes ? offset : -1)]
    for (const { reader, failure } of streams) {
      if (failure !== null) return failed(failure)
      tally.streams++
      tally.records += reader.records
      tally.bytes += reader.bytes
      tally.ends[reader.end] = (tally.ends[reader.end] ?? 0) + 1
      offset = reader.offset
    }
  }
}

async function visitHttp1({ topic, port, ca, token }, offset) {
  const options = { host: '127.0.0.1', port, agent: false, ...wish(token, offset) }
  const request =
    ca === null ? plainRequest(options) : secureRequest({ ...options, ca, servername: 'localhost' })
  request.on('error', () => {}) // it is reset on purpose, and its `close` follows
  request.end()
  const response = await opened(request)
  if (response === null) return { reader: new PatternReader(topic), failure: null }
  const check = checked(response, new PatternReader(topic, offset))
  await stay(response)
  if (ca === null && random() < 0.5) response.socket?.resetAndDestroy() // RST; Node has none for TLS
  response.destroy()
  return check()
}

async function visitHttp2({ topic, port, ca, token }) {
  const session = connect(`https://localhost:${port}`, { ca })
  session.on('error', () => {}) // it is destroyed on purpose
  const streams = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
    const { path, headers } = wish(token, -1)
    return session.request({ ':path': path, ...headers })
  })
  const visits = streams.map(async (stream) => {
    stream.on('error', () => {}) // it is reset on purpose
    const check = checked(stream, new PatternReader(topic))
    await stay(stream)
    if (random() < 0.7) stream.close(8) // RST_STREAM(CANCEL); the others go with their connection
    return check
  })
  const checks = await Promise.all(visits)
  session.destroy()
  return checks.map((check) => check())
}

/** Live, from the newest of every key, or after the record `offset`. */
function wish(token, offset) {
  const from = random() < 0.7 ? 'latest' : 'earliest'
  return {
    path: `/events?from=${from}`,
    headers: {
      authorization: `Bearer ${token}`,
      ...(offset === -1 ? {} : { 'last-event-id': idOf(offset + 1) }),
    },
  }
}

function opened(request) {
  return new Promise((resolve) => {
    request.once('response', resolve)
    request.once('close', () => resolve(null))
  })
}

/** Checks what comes on a stream; the function returned says, when it is over, what came of it. */
function checked(stream, reader) {
  let failure = null
  const attempt = (check) => {
    try {
      if (failure === null) check()
    } catch (error) {
      failure = error
    }
  }
  stream.on('data', (bytes) => attempt(() => reader.feed(bytes)))
  return () => {
    attempt(() => reader.close())
    return { reader, failure }
  }
}

/** Reads for a while: as fast as it can, in sips, or not at all after the first bytes. */
async function stay(stream) {
  const leaveAtMs = Date.now() + random() * STAY_MS_MAX
  const manner = random()
  if (manner < 0.3) stream.once('data', () => stream.pause())
  while (Date.now() < leaveAtMs && isRunning && !stream.destroyed) {
    await wait(10 + random() * 30)
    if (manner < 0.3 || manner > 0.6) continue
    if (stream.isPaused()) stream.resume()
    else stream.pause()
  }
}
