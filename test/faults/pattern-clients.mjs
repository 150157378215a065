// A process of clients that come and go until it is told to stop: over HTTP/1.1 and HTTP/2, quick, slow, stalled, or
// reset in mid-write. Every byte is checked as it comes. The first wrong one is reported, and ends the process.

import { request as plainRequest } from 'node:http'
import { connect } from 'node:http2'
import { request as secureRequest } from 'node:https'
import { setTimeout as wait } from 'node:timers/promises'
import { randomOf } from '../support/random.mjs'
import { FrameTap } from './frame-tap.mjs'
import { idOf } from './pattern.mjs'
import { PatternReader } from './pattern-reader.mjs'

const STAY_MS_MAX = 1200
/** Wider than what comes in a visit: nothing but the socket holds the server up. */
const WINDOW_BYTES = 256 * 1024 * 1024
/** From a token's exp until the server has ended its streams: 0.25 s as promised, and some for a busy machine. */
const ENDED_MS = 400
/** What the server had on its way then is here within. */
const HEARD_MS = 300
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
    const streams = await visit(target, resumes ? offset : -1)
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

async function visit(target, offset) {
  if (target.protocol === 'h2') return visitHttp2(target)
  if (target.protocol === 'h2c') return visitCleartext(target)
  return [await visitHttp1(target, offset)]
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

/**
 * Streams that the server ends at their tokens' exp, while their shared socket reads nothing; then all that was still
 * under way. Each DATA frame is checked: node:http2 would not show those after the end of a stream.
 */
async function visitCleartext({ topic, port, tokens }) {
  const tap = new FrameTap(port)
  const checks = new Map()
  const refused = new Set()
  tap.onData = (stream, payload) => {
    const known = checks.get(stream) ?? checking(new PatternReader(topic))
    checks.set(stream, known)
    known.feed(payload)
  }
  const settings = { initialWindowSize: WINDOW_BYTES }
  const session = connect(`http://127.0.0.1:${port}`, { createConnection: () => tap, settings })
  session.on('error', () => {}) // it is destroyed on purpose
  session.once('connect', () => session.setLocalWindowSize(WINDOW_BYTES))
  const expiresAt = Math.floor(Date.now() / 1000) + 2
  for (let i = 0; i < 3; i++) {
    const { path, headers } = wish(tokens[expiresAt], -1)
    const stream = session.request({ ':path': path, ...headers })
    stream.on('error', () => {}) // it is reset on purpose
    // On a busy machine the token may have expired by then: what comes is an answer, and no stream.
    stream.on('response', ({ ':status': status }) => status === 200 || refused.add(stream.id))
    stream.resume()
  }
  await wait(100 + random() * 400)
  tap.deafen()
  await wait(expiresAt * 1000 + ENDED_MS - Date.now() + random() * STAY_MS_MAX)
  tap.hear()
  await wait(HEARD_MS)
  session.destroy()
  return [...checks].filter(([stream]) => !refused.has(stream)).map(([, { result }]) => result())
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
  const { feed, result } = checking(reader)
  stream.on('data', feed)
  return result
}

function checking(reader) {
  let failure = null
  const attempt = (check) => {
    try {
      if (failure === null) check()
    } catch (error) {
      failure = error
    }
  }
  const result = () => {
    attempt(() => reader.close())
    return { reader, failure }
  }
  return { feed: (bytes) => attempt(() => reader.feed(bytes)), result }
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
