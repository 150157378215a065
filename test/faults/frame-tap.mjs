// The client's end of an HTTP/2 connection without TLS, which shows every DATA frame that the server sent, also for
// streams that the client has cancelled: node:http2 drops those unseen. It can stop reading while it goes on writing.

import { connect as connectTcp } from 'node:net'
import { Duplex } from 'node:stream'

const HEADER_BYTES = 9
const DATA = 0

export class FrameTap extends Duplex {
  /** Called with the stream's number and the payload of each DATA frame, or of what has come of one. */
  onData = () => {}
  #socket
  #header = Buffer.alloc(0)
  #type = -1
  #stream = 0
  #left = 0

  constructor(port) {
    super()
    this.#socket = connectTcp(port, '127.0.0.1')
    this.#socket.on('data', (bytes) => {
      this.#look(bytes)
      this.push(bytes)
    })
    this.#socket.on('end', () => this.push(null))
    this.#socket.on('error', () => this.destroy()) // it is cut on purpose
    this.#socket.on('close', () => this.destroy())
  }

  /** Takes nothing off the socket until `hear`: its buffers fill. */
  deafen() {
    this.#socket.pause()
  }

  hear() {
    this.#socket.resume()
  }

  _read() {} // everything is pushed as it comes

  _write(bytes, _encoding, done) {
    this.#socket.write(bytes, () => done())
  }

  _destroy(error, done) {
    this.#socket.destroy()
    done(error)
  }

  #look(bytes) {
    let rest = bytes
    while (rest.length > 0) rest = this.#left > 0 ? this.#takePayload(rest) : this.#takeHeader(rest)
  }

  /** RFC 9113, 4.1: 24 bits of length, 8 of type, 8 of flags, 31 of the stream's number. */
  #takeHeader(bytes) {
    const missing = HEADER_BYTES - this.#header.length
    this.#header = Buffer.concat([this.#header, bytes.subarray(0, missing)])
    if (this.#header.length < HEADER_BYTES) return Buffer.alloc(0)
    this.#left = this.#header.readUIntBE(0, 3)
    this.#type = this.#header[3]
    this.#stream = this.#header.readUInt32BE(5) & 0x7fffffff
    this.#header = Buffer.alloc(0)
    return bytes.subarray(missing)
  }

  #takePayload(bytes) {
    const payload = bytes.subarray(0, this.#left)
    this.#left -= payload.length
    if (this.#type === DATA) this.onData(this.#stream, payload)
    return bytes.subarray(payload.length)
  }
}
