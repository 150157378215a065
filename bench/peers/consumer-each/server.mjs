// A Kafka consumer for each client, as in Wikimedia's KafkaSSE. Clients share nothing, so the server keeps nothing,
// and the broker sends every record once for each client.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import { importSPKI, jwtVerify } from 'jose'
import kafka from 'node-rdkafka'
import { AUDIENCE, ISSUER } from '../../harness/claims.mjs'

const CONNECTED_MS = 20_000
/** By default each consumer would fetch 64 MiB that its client has not read yet. */
const QUEUED_KILOBYTES_MAX = 1_024

const setup = JSON.parse(process.argv[2])
const tokenKey = await importSPKI(readFileSync(setup.tokenKeyFile, 'utf8'), 'RS256')

const server = createSecureServer({
  key: readFileSync(setup.certificateKeyFile),
  cert: readFileSync(setup.certificateFile),
})
server.on('stream', (stream, headers) => {
  stream.on('error', () => stream.close())
  answer(stream, headers).catch((error) => {
    process.stderr.write(`Error: a client got no consumer: ${error.message}\n`)
    refuse(stream, 503)
  })
})
server.on('sessionError', () => {}) // clients of a run that has ended; Node closes the session
server.listen(0, '127.0.0.1', () => process.send({ ready: { port: server.address().port } }))
process.on('disconnect', () => process.exit(0))

/** Sends the topic from its beginning, and what comes after, as `ours` does. */
async function answer(stream, headers) {
  if (!(await isGenuine(headers.authorization))) return refuse(stream, 401)
  const consumer = await connectConsumer()
  if (stream.destroyed) return consumer.disconnect()
  stream.on('close', () => consumer.disconnect())
  stream.respond({ ':status': 200, 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  consumer.on('data', ({ value, offset }) => {
    if (!stream.destroyed) stream.write(`data:${value.latin1Slice()}\nid:${offset}\n\n`, 'latin1')
  })
  consumer.assign([{ topic: setup.topic, partition: 0, offset: 0 }])
  consumer.consume()
}

async function isGenuine(authorization = '') {
  const expected = { issuer: ISSUER, audience: AUDIENCE, algorithms: ['RS256'] }
  return await jwtVerify(authorization.replace(/^Bearer /, ''), tokenKey, expected).then(
    () => true,
    () => false,
  )
}

async function connectConsumer() {
  const consumer = new kafka.KafkaConsumer({
    'bootstrap.servers': setup.bootstrapServers,
    'group.id': 'bench', // the library requires it; no consumer joins it or commits to it
    'enable.auto.commit': false,
    'queued.max.messages.kbytes': QUEUED_KILOBYTES_MAX,
    'fetch.queue.backoff.ms': 10,
  })
  consumer.on('event.error', (error) => process.stderr.write(`Error: a consumer: ${error.message}\n`))
  consumer.connect({ topic: setup.topic, timeout: CONNECTED_MS })
  await once(consumer, 'ready', { signal: AbortSignal.timeout(CONNECTED_MS) })
  return consumer
}

function refuse(stream, status) {
  if (stream.headersSent) stream.close()
  else if (!stream.destroyed) stream.respond({ ':status': status }, { endStream: true })
}
