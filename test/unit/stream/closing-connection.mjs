// A server whose connection closes while a write of one stream is under way, the next one waits in nghttp2, and a third
// request has no answer yet. Says "alive" once its event loop has turned after that.

import { connect, createSecureServer } from 'node:http2'
import { setTimeout as pause } from 'node:timers/promises'
import { makeCertificates } from '../../../dist/src/demo/certificates.js'
import { Http2Sink } from '../../../dist/src/stream/sink.js'

const MIB = 1024 * 1024
/** More than all that is written: then nothing but the connection holds it up. */
const WINDOW_BYTES = 64 * MIB
/** More than the buffers of both kernels hold. */
const UNDER_WAY = Buffer.alloc(16 * MIB)

const { certificatePem, keyPem } = await makeCertificates([], Date.now())
const server = createSecureServer({ cert: certificatePem, key: keyPem })
const sinks = []
let waiting = 0
let socket

server.on('secureConnection', (secure) => {
  socket = secure
})
server.on('stream', (stream, { ':path': path }) => {
  stream.on('error', () => {}) // the connection is cut on purpose
  if (path === '/waits') return void waiting++
  stream.respond({ ':status': 200 })
  sinks.push(new Http2Sink(stream))
})
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))

const settings = { initialWindowSize: WINDOW_BYTES }
const session = connect(`https://127.0.0.1:${server.address().port}`, {
  ca: certificatePem,
  settings,
  rejectUnauthorized: false,
})
session.on('error', () => {}) // the same
session.once('connect', () => session.setLocalWindowSize(WINDOW_BYTES))
for (const path of ['/first', '/second', '/waits']) session.request({ ':path': path }).on('error', () => {})
while (sinks.length < 2 || waiting < 1 || session.localSettings.initialWindowSize !== WINDOW_BYTES)
  await pause(10)

const [first, second] = sinks
first.write(UNDER_WAY, () => {})
await pause(0)
second.write(Buffer.alloc(MIB), () => {})
socket.destroy()
await pause(100)
process.send('alive')
process.exit()
