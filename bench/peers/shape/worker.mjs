// A worker of `shape`: accepts on its own duplicate of the listening socket, and moves each stream along the segments.

import { readFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import { parentPort, workerData } from 'node:worker_threads'
import { offsetOf, SEGMENTS, segmentOf, TAIL } from './segments.mjs'

const { control, ends, segments, setup, fd } = workerData
const IN_FLIGHT_BYTES_MAX = (setup.kind === 'replay' ? 1_024 : 256) << 10
const TURN_MS = 0.3
const STREAMS_BETWEEN_LOOKS_AT_THE_CLOCK = 16

const buffers = segments.map((segment) => Buffer.from(segment))
let idle = []
let ready = []
let scheduled = false
let seen = 0

const server = createSecureServer({
  key: readFileSync(setup.certificateKeyFile),
  cert: readFileSync(setup.certificateFile),
  settings: { headerTableSize: 0 },
})
server.on('stream', open)
server.on('sessionError', () => {}) // clients of a run that has ended; Node closes the session
server.listen({ fd }, () => parentPort.postMessage('listening'))
awaitTail()

function open(stream) {
  stream.respond({ ':status': 200, 'content-type': 'text/event-stream' })
  const place = setup.kind === 'replay' ? 0 : Atomics.load(control, TAIL)
  const cursor = { stream, segment: segmentOf(place), offset: offsetOf(place), closed: false, written: null }
  cursor.written = () => {
    ready.push(cursor)
    schedule()
  }
  stream.on('close', () => {
    cursor.closed = true
  })
  stream.on('error', () => stream.close())
  cursor.written()
}

function schedule() {
  if (scheduled) return
  scheduled = true
  setImmediate(turn)
}

function turn() {
  scheduled = false
  const until = performance.now() + TURN_MS
  const place = Atomics.load(control, TAIL)
  const tail = { segment: segmentOf(place), offset: offsetOf(place) }
  let done = 0
  while (done < ready.length) {
    if (done % STREAMS_BETWEEN_LOOKS_AT_THE_CLOCK === 0 && performance.now() > until) break
    advance(ready[done++], tail)
  }
  ready = ready.slice(done)
  if (ready.length > 0) schedule()
}

/** One write of everything between the cursor and the end of its segment, up to the bound of bytes in flight. */
function advance(cursor, tail) {
  if (cursor.closed) return
  if (cursor.segment !== tail.segment && cursor.offset === endOf(cursor, tail)) {
    cursor.segment++
    cursor.offset = 0
  }
  if (tail.segment - cursor.segment > SEGMENTS - 2) {
    cursor.stream.close()
    return
  }
  const end = Math.min(endOf(cursor, tail), cursor.offset + IN_FLIGHT_BYTES_MAX)
  if (cursor.offset >= end) {
    idle.push(cursor)
    return
  }
  cursor.stream.write(buffers[cursor.segment % SEGMENTS].subarray(cursor.offset, end), cursor.written)
  cursor.offset = end
}

function endOf(cursor, tail) {
  return cursor.segment === tail.segment ? tail.offset : ends[cursor.segment % SEGMENTS]
}

/** Wakes every idle stream when the tail has moved. */
function awaitTail() {
  const wait = Atomics.waitAsync(control, TAIL, seen)
  const wake = () => {
    seen = Atomics.load(control, TAIL)
    ready.push(...idle)
    idle = []
    schedule()
    awaitTail()
  }
  if (wait.async) wait.value.then(wake)
  else setImmediate(wake)
}
