// Bytes that a stream has lent to the socket of an HTTP/2 connection without TLS: the socket sends the right bytes
// whenever the stream ends, and their segment is released as soon as that is safe.

import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CleartextHttp2Sink, LENT_BYTES_MAX } from '../../../src/stream/cleartext-sink.ts'
import type { Lent } from '../../../src/stream/sink.ts'
import { FrameTap } from '../../faults/frame-tap.mjs'
import { eventually } from '../../support/time.ts'

const MIB = 1024 * 1024
/** More than the kernel takes of a connection whose peer does not read. */
const BYTES = 16 * MIB
const WINDOW = 2 ** 30
const WAIT = { timeout: 10_000 }
const OURS = 'a'.charCodeAt(0)
const OTHERS = 'b'.charCodeAt(0)
const OUR_BYTES = Buffer.alloc(MIB, OURS)

let server: Http2Server
let tap: FrameTap
let client: ClientHttp2Session
let session: ServerHttp2Session
/** DATA bytes that came, by what they are. */
let came: { ours: number; others: number }

beforeEach(async () => {
  server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const opened = once(server, 'session')
  tap = new FrameTap((server.address() as AddressInfo).port)
  came = { ours: 0, others: 0 }
  tap.onData = (_stream, payload) => {
    const isOurs = payload.equals(OUR_BYTES.subarray(0, payload.length))
    came[isOurs ? 'ours' : 'others'] += payload.length
  }
  client = connect('http://localhost', {
    createConnection: () => tap,
    settings: { initialWindowSize: WINDOW },
  })
  client.on('error', () => {}) // it is cut at the end
  const connected = once(client, 'connect')
  ;[session] = (await opened) as [ServerHttp2Session]
  await connected
  client.setLocalWindowSize(WINDOW)
})
afterEach(async () => {
  client.destroy()
  tap.destroy()
  session.destroy()
  await new Promise((resolve) => server.close(resolve))
})

/** Both ends of a new stream. */
async function open(): Promise<{
  request: ClientHttp2Stream
  sink: CleartextHttp2Sink
  stream: ServerHttp2Stream
}> {
  const request = client.request({ ':path': '/' })
  request.on('error', () => {}) // it is reset on purpose
  request.resume()
  const [stream] = (await once(server, 'stream')) as [ServerHttp2Stream]
  stream.on('error', () => {}) // so is this
  stream.respond({ ':status': 200 })
  return { request, stream, sink: new CleartextHttp2Sink(stream, session) }
}

/** A segment: as soon as it is released, it is overwritten. */
class Segment implements Lent {
  readonly bytes: Buffer
  released = 0

  constructor(size = BYTES) {
    this.bytes = Buffer.from(new SharedArrayBuffer(size)).fill(OURS)
  }

  get size(): number {
    return this.bytes.length
  }

  release(): void {
    this.released++
    this.bytes.fill(OTHERS)
  }
}

/** A stream as the core has it: a write that stands in a segment, until it is taken or the response is over. */
async function stream(segment: Segment): Promise<{ request: ClientHttp2Stream; sink: CleartextHttp2Sink }> {
  const { request, sink } = await open()
  let isTaken = false
  sink.write(segment.bytes, () => {
    isTaken = true
    segment.release()
  })
  sink.onClose(() => sink.releaseUntaken(isTaken ? null : segment))
  return { request, sink }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}

describe('a stream over HTTP/2 without TLS', () => {
  it('ended by its server amid a write sends no byte of others', async () => {
    const segment = new Segment()
    tap.deafen()
    const { sink } = await stream(segment)
    await turns(50)
    const closed = new Promise<void>((resolve) => sink.onClose(resolve))
    sink.cancel()
    await closed
    await turns(20)
    expect(segment.released).toBe(0)
    tap.hear()
    await vi.waitUntil(() => segment.released === 1, WAIT)
    await turns(50)
    expect(came.others).toBe(0)
    expect(came.ours).toBeGreaterThan(100_000)
    expect(session.destroyed).toBe(false)
  })

  it('ended by its client amid a write sends no byte of others', async () => {
    const segment = new Segment()
    tap.deafen()
    const { request, sink } = await stream(segment)
    await turns(50)
    const closed = new Promise<void>((resolve) => sink.onClose(resolve))
    request.close(8)
    tap.hear() // before its socket is written, Node reads nothing
    await closed
    await vi.waitUntil(() => segment.released === 1, WAIT)
    await turns(50)
    expect(came.others).toBe(0)
  })

  it('releases a write that was taken, and asks for nothing', async () => {
    const segment = new Segment(100_000)
    await stream(segment)
    await vi.waitUntil(() => segment.released === 1 && came.ours === 100_000, WAIT)
    expect(came.others).toBe(0)
  })

  it('releases what it has lent when the connection goes', async () => {
    const segment = new Segment()
    tap.deafen()
    const { sink } = await stream(segment)
    await turns(20)
    sink.cancel()
    await turns(20)
    expect(segment.released).toBe(0)
    tap.destroy()
    await vi.waitUntil(() => segment.released === 1, WAIT)
  })

  it('releases at once what it still had when the connection was gone', async () => {
    const segment = new Segment()
    const { sink } = await open()
    session.destroy()
    await once(session, 'close')
    sink.releaseUntaken(segment)
    expect(segment.released).toBe(1)
  })

  it('loses its connection if more is lent than allowed, and counts each segment once', async () => {
    const [small, large] = [new Segment(MIB), new Segment(LENT_BYTES_MAX)]
    tap.deafen()
    const { sink } = await open()
    for (let i = 0; i < 100; i++) sink.releaseUntaken(small)
    await turns(20)
    expect([session.destroyed, small.released]).toEqual([false, 0])
    sink.releaseUntaken(large)
    expect(session.destroyed).toBe(true)
    await vi.waitUntil(() => large.released === 1, WAIT)
    expect(small.released).toBe(100)
  })

  it('keeps its place among pings of others, however many are under way', async () => {
    const segment = new Segment(MIB)
    tap.deafen()
    const { sink } = await open()
    for (let i = 0; i < 20; i++) session.ping(() => {})
    sink.releaseUntaken(segment)
    await turns(20)
    expect(segment.released).toBe(0)
    tap.hear()
    sink.releaseUntaken(null)
    await eventually(() => {
      sink.releaseUntaken(null)
      expect(segment.released).toBe(1)
    })
  })
})
