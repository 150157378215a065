// The lower bound for Node: a frame is encoded once and written to every stream with node:http2's core API. No JWT, no
// Kafka, no ids, no limits, and no bound of the buffer for a client that does not read.

import { readFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import { serveHarness, setup } from '../serve.mjs'

const REPLAY_WRITE_BYTES = 1 << 20

/** @type {Set<import('node:http2').ServerHttp2Stream>} */
const streams = new Set()
/** @type {Buffer[]} */
let kept = []

const server = createSecureServer({
  key: readFileSync(setup.certificateKeyFile),
  cert: readFileSync(setup.certificateFile),
})

server.on('stream', (stream) => {
  stream.respond({ ':status': 200, 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  streams.add(stream)
  stream.on('close', () => streams.delete(stream))
  stream.on('error', () => stream.close())
  if (setup.kind === 'replay') replay(stream)
})
server.on('sessionError', () => {}) // clients of a run that has ended; Node closes the session

server.listen(0, '127.0.0.1', () => serveHarness(server.address().port, publish))

function publish(_key, value) {
  const frame = Buffer.from(`data:${value}\n\n`, 'latin1')
  if (setup.kind === 'replay') kept.push(frame)
  for (const stream of streams) stream.write(frame)
}

/**
 * Writes everything that is kept, in large slices of one buffer. A slice is written once the peer has taken the last
 * one.
 */
function replay(stream) {
  if (kept.length > 1) kept = [Buffer.concat(kept)]
  const all = kept[0] ?? Buffer.alloc(0)
  let offset = 0
  const next = () => {
    if (offset >= all.length || stream.destroyed) return
    const slice = all.subarray(offset, offset + REPLAY_WRITE_BYTES)
    offset += slice.length
    stream.write(slice, next)
  }
  next()
}
