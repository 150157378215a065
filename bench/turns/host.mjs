// The process of a host that registers the plugin as often as its caller asks. It reports how long the host's reads of
// a file take, and when all topics are read up to date. It also reports the longest turns of the loop.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import fastify from 'fastify'
import { longestBetween, watchLoop } from './loop-watch.mjs'

const DIST = fileURLToPath(new URL('../../dist', import.meta.url))
const { registrations, dist = DIST } = JSON.parse(process.argv[2])
const { default: kafkaSse } = await import(pathToFileURL(join(dist, 'src/plugin.js')).href)
/** Between two reads, so that their number does not affect the measurement. */
const BETWEEN_READS_MS = 3
const BETWEEN_LOOKS_MS = 25
/** Time for the first turn to end: Fastify's own work for each route, before a port is open. */
const STARTED_MS = 10
process.once('disconnect', () => process.exit()) // the caller has ended

const app = fastify()
const turns = watchLoop()
const startedAtMs = performance.now()
for (const [index, options] of registrations.entries())
  app.register(kafkaSse, { ...options, prefix: `/${index}`, sse: { ...options.sse, adminPath: '/operator' } })
await isReady(0) // this loads modules that are not the plugin's
await app.listen({ host: '127.0.0.1', port: 0 })
await pause(STARTED_MS)
const listensSince = Date.now()
process.on('message', async ({ measureMs }) => process.send({ readsMs: await readsFor(measureMs) }))
process.send({ port: app.server.address().port })
await upToDate()
const upToDateMs = performance.now() - startedAtMs
process.send({ upToDateMs, longestTurnMs: longestBetween(turns, listensSince) })

/** How long each read took, one after the other. */
async function readsFor(measureMs) {
  const readsMs = []
  const until = performance.now() + measureMs
  for (let beganMs = performance.now(); beganMs < until; beganMs = performance.now()) {
    await readFile(process.argv[1])
    readsMs.push(performance.now() - beganMs)
    await pause(BETWEEN_READS_MS)
  }
  return readsMs
}

async function upToDate() {
  for (const index of registrations.keys()) while (!(await isReady(index))) await pause(BETWEEN_LOOKS_MS)
}

async function isReady(index) {
  return (await app.inject(`/${index}/operator/health/ready`)).statusCode === 200
}
