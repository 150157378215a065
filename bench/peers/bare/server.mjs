// The lower bound for Node: a frame is encoded once and written to every stream with node:http2's core API. No JWT, no
// Kafka, no ids, no limits, and no bound of the buffer for a client that does not read.

import { readFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import { serveHarness, setup } from '../serve.mjs'

const REPLAY_WRITE_BYTES = 1 << 20

/** @type {Set<import('node:http2').ServerHttp2Stream>} */
const streams = new Set()
/** @type {Map<string, Set<import('node:http2').ServerHttp2Stream>>} streams by each key that they select */
const selecting = new Map()
/** @type {Buffer[]} */
let kept = []
/** @type {Map<string, { sequence: number, frame: Buffer }>} the newest record of each key */
const newest = new Map()

const server = createSecureServer({
  key: readFileSync(setup.certificateKeyFile),
  cert: readFileSync(setup.certificateFile),
})

server.on('stream', (stream, headers) => {
  stream.respond({ ':status': 200, 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  stream.on('error', () => stream.close())
  if (setup.selects)
    return select(stream, new URL(headers[':path'], 'https://bench').searchParams.getAll('key'))
  streams.add(stream)
  stream.on('close', () => streams.delete(stream))
  if (setup.kind === 'replay') replay(stream)
})
server.on('sessionError', () => {}) // clients of a run that has ended; Node closes the session

server.listen(0, '127.0.0.1', () => serveHarness(server.address().port, publish))

function publish(key, value, sequence) {
  const frame = Buffer.from(`data:${value}\n\n`, 'latin1')
  if (setup.selects) {
    if (setup.kind === 'replay') newest.set(key, { sequence, frame })
    for (const stream of selecting.get(key) ?? []) stream.write(frame)
    return
  }
  if (setup.kind === 'replay') kept.push(frame)
  for (const stream of streams) stream.write(frame)
}

/** The client says which keys. What is kept of them comes first, in the order of arrival. */
function select(stream, keys) {
  for (const key of keys) selecting.set(key, (selecting.get(key) ?? new Set()).add(stream))
  stream.on('close', () => {
    for (const key of keys) selecting.get(key).delete(stream)
  })
  const own = keys.map((key) => newest.get(key)).filter((record) => record !== undefined)
  own.sort((one, other) => one.sequence - other.sequence)
  if (own.length > 0) stream.write(Buffer.concat(own.map(({ frame }) => frame)))
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
