// Opens many streams on few HTTP/2 connections, and reports when each ended. It makes frames itself (RFC 9113, RFC
// 7541), because a client that costs as much as the server would measure its own lateness.

import { connect } from 'node:tls'

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
const [DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE] = [0, 1, 3, 4, 6, 7, 8]
const [END_STREAM, ACK, END_HEADERS] = [1, 1, 4]
const MAX_CONCURRENT_STREAMS = 3
const HEADER_BYTES = 9
/** Requests of one connection that are not answered yet. */
const UNANSWERED_MAX = 50
/** `:status: 200` in the static table. A response's header block begins with it. */
const STATUS_200 = 0x88
/** `:method: GET`, `:scheme: https`. */
const GET_HTTPS = Buffer.from([0x82, 0x87])
const [AUTHORITY, PATH, AUTHORIZATION] = [1, 4, 23]
/** The newest entry of the dynamic table. */
const NEWEST = Buffer.from([0x80 | 62])

export class RawConnection {
  /** Epoch ms at which each stream ended, in that order. */
  endedAtMs = []
  /** How many of these streams ended by END_STREAM, and how many by RST_STREAM. */
  clean = 0
  reset = 0
  /** Streams that were answered with 200. */
  opened = 0
  /** What went wrong; null if nothing did. */
  failure = null
  #socket
  #rest = Buffer.alloc(0)
  #asked = 0
  #answered = 0
  #concurrentMax = 1
  #wanted
  #target

  /** @param {{ port: number, ca: string, path: string, token: string, streams: number }} target */
  constructor(target) {
    this.#target = target
    this.#wanted = target.streams
    this.#socket = connect({ port: target.port, host: 'localhost', ca: target.ca, ALPNProtocols: ['h2'] })
    this.#socket.setNoDelay(true)
    this.#socket.on('data', (bytes) => this.#receive(bytes))
    this.#socket.on('error', (error) => this.#fail(error.message))
    const window = Buffer.alloc(4)
    window.writeUInt32BE(2 ** 30)
    this.#socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0), frame(WINDOW_UPDATE, 0, 0, window)]))
  }

  close() {
    this.#socket.destroy()
  }

  #receive(bytes) {
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    while (rest.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + rest.readUIntBE(0, 3)
      if (rest.length < end) break
      this.#take(rest[3], rest[4], rest.subarray(HEADER_BYTES, end))
      rest = rest.subarray(end)
    }
    this.#rest = rest
    this.#ask()
  }

  #take(type, flags, payload) {
    if (type === HEADERS) this.#answer(payload)
    if ((type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0) this.#end('clean')
    else if (type === RST_STREAM) this.#end('reset')
    else if (type === SETTINGS && (flags & ACK) === 0) this.#applySettings(payload)
    else if (type === PING && (flags & ACK) === 0) this.#socket.write(frame(PING, ACK, 0, payload))
    else if (type === GOAWAY && payload.readUInt32BE(4) !== 0) this.#fail(`GOAWAY ${payload.readUInt32BE(4)}`)
  }

  #applySettings(settings) {
    for (let at = 0; at < settings.length; at += 6)
      if (settings.readUInt16BE(at) === MAX_CONCURRENT_STREAMS)
        this.#concurrentMax = settings.readUInt32BE(at + 2)
    this.#socket.write(frame(SETTINGS, ACK, 0))
  }

  #answer(block) {
    this.#answered++
    if (block[0] === STATUS_200) this.opened++
    else this.#fail('a stream was not answered with 200')
  }

  #end(how) {
    this[how]++
    this.endedAtMs.push(performance.timeOrigin + performance.now())
  }

  #ask() {
    const most = Math.min(this.#wanted, this.#concurrentMax, this.#answered + UNANSWERED_MAX)
    const frames = []
    for (; this.#asked < most; this.#asked++)
      frames.push(frame(HEADERS, END_STREAM | END_HEADERS, this.#asked * 2 + 1, this.#request()))
    if (frames.length > 0) this.#socket.write(Buffer.concat(frames))
  }

  /** The first request puts the token into the table, and the others refer to it. */
  #request() {
    const { port, path, token } = this.#target
    const place = Buffer.concat([
      GET_HTTPS,
      literal(0, 4, AUTHORITY, `localhost:${port}`),
      literal(0, 4, PATH, path),
    ])
    return Buffer.concat([
      place,
      this.#asked === 0 ? literal(0x40, 6, AUTHORIZATION, `Bearer ${token}`) : NEWEST,
    ])
  }

  #fail(words) {
    this.failure ??= words
  }
}

function frame(type, flags, stream, payload = Buffer.alloc(0)) {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUIntBE(payload.length, 0, 3)
  header[3] = type
  header[4] = flags
  header.writeUInt32BE(stream, 5)
  return Buffer.concat([header, payload])
}

/** A field with its name from the static table and a literal value. */
function literal(pattern, bits, name, value) {
  return Buffer.concat([
    integer(pattern, bits, name),
    integer(0, 7, value.length),
    Buffer.from(value, 'latin1'),
  ])
}

/** RFC 7541 5.1, with a pattern in the upper bits of the first byte. */
function integer(pattern, bits, value) {
  const most = 2 ** bits - 1
  if (value < most) return Buffer.from([pattern | value])
  const bytes = [pattern | most]
  let rest = value - most
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return Buffer.from([...bytes, rest])
}
