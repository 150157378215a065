// The obvious solution: Fastify, @fastify/jwt, fastify-sse-v2, an EventEmitter, and a Map of the newest values.

import { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import jwt from '@fastify/jwt'
import fastify from 'fastify'
import { FastifySSEPlugin } from 'fastify-sse-v2'
import { AUDIENCE, ISSUER } from '../../harness/claims.mjs'
import { serveHarness, setup } from '../serve.mjs'

const app = fastify({
  http2: true,
  http2SessionTimeout: 3_600_000,
  https: { key: readFileSync(setup.certificateKeyFile), cert: readFileSync(setup.certificateFile) },
})
const emitter = new EventEmitter().setMaxListeners(0)
const newest = new Map()

await app.register(jwt, {
  secret: { public: readFileSync(setup.tokenKeyFile, 'utf8') },
  verify: { algorithms: ['RS256'], allowedIss: ISSUER, allowedAud: AUDIENCE },
})
await app.register(FastifySSEPlugin)

app.get('/events', { onRequest: (request) => request.jwtVerify() }, (request, reply) => {
  const isOwn = setup.selects ? selectionOf(request) : () => true
  reply.sse({ comment: 'open' })
  const onRecord = (event, key) => {
    if (isOwn(key)) reply.sse(event)
  }
  for (const [key, event] of newest) onRecord(event, key)
  emitter.on('record', onRecord)
  request.raw.on('close', () => emitter.off('record', onRecord))
})

/** Keys of the token, or those that the client chooses. */
function selectionOf({ user, query }) {
  const keys = new Set(user.keys ?? [query.key].flat())
  return (key) => keys.has(key)
}

await app.listen({ port: 0, host: '127.0.0.1' })
serveHarness(app.server.address().port, (key, value, sequence) => {
  const event = { id: String(sequence), data: value }
  newest.delete(key) // moves it to the end, so that a replay has the order of arrival
  newest.set(key, event)
  emitter.emit('record', event, key)
})
