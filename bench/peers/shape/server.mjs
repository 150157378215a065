// The shape of the design alone, without JWT, Kafka, compaction and limits. The main thread encodes frames once into
// shared segments. Streams are on worker threads, each with a cursor, and are written in turns of a fraction of a
// millisecond.

import { Worker } from 'node:worker_threads'
import { serveHarness, setup } from '../serve.mjs'
import { placeOf, SEGMENT_BYTES, SEGMENTS, TAIL } from './segments.mjs'

const FIRST_SOCKET = 4 // After standard input, output, error and the harness's channel.

const shared = {
  control: new Int32Array(new SharedArrayBuffer(4)),
  ends: new Int32Array(new SharedArrayBuffer(4 * SEGMENTS)),
  segments: Array.from({ length: SEGMENTS }, () => new SharedArrayBuffer(SEGMENT_BYTES)),
}
const buffers = shared.segments.map((segment) => Buffer.from(segment))
let segment = 0
let offset = 0

await Promise.all(Array.from({ length: setup.workers }, (_, i) => startWorker(FIRST_SOCKET + i)))
serveHarness(setup.port, append)

function startWorker(fd) {
  const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData: { ...shared, setup, fd } })
  return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
}

function append(_key, value, sequence) {
  const frame = `data:${value}\nid:AQIA${sequence}==\n\n`
  if (offset + frame.length >= SEGMENT_BYTES) {
    shared.ends[segment % SEGMENTS] = offset
    segment++
    offset = 0
  }
  offset += buffers[segment % SEGMENTS].write(frame, offset, 'latin1')
  Atomics.store(shared.control, TAIL, placeOf(segment, offset))
  Atomics.notify(shared.control, TAIL)
}
