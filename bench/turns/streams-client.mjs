// A process of its own for the streams of raw-http2.mjs. It opens them, and reports when all are open, when all have
// ended, and how late its own times may be.

import { setTimeout as pause } from 'node:timers/promises'
import { RawConnection } from './raw-http2.mjs'

const { connections, expiresAtMs, forcedAtMs, ...target } = JSON.parse(process.argv[2])
process.once('disconnect', () => process.exit()) // the caller has ended
const all = Array.from({ length: connections }, () => new RawConnection(target))
const sum = (count) => all.reduce((total, connection) => total + count(connection), 0)
const failure = () => all.find((connection) => connection.failure !== null)?.failure ?? null

while (
  sum(({ opened }) => opened) < connections * target.streams &&
  failure() === null &&
  Date.now() < forcedAtMs
)
  await pause(10)
process.send({ opened: sum(({ opened }) => opened), failure: failure() })
await pause(Math.max(0, expiresAtMs - Date.now()))
const cpuBefore = process.cpuUsage()
/** The longest time for which the loop stood still. Events that arrive meanwhile are reported late. */
let gapMs = 0
let lookedAtMs = performance.now()
setInterval(() => {
  const nowMs = performance.now()
  gapMs = Math.max(gapMs, nowMs - lookedAtMs)
  lookedAtMs = nowMs
}, 1)
const ended = () => sum(({ endedAtMs }) => endedAtMs.length)
while (ended() < connections * target.streams && Date.now() < forcedAtMs) await pause(10)
const { user, system } = process.cpuUsage(cpuBefore)
process.send({
  ended: {
    client: { gapMs, cpuMs: (user + system) / 1000 },
    atMs: all.flatMap(({ endedAtMs }) => endedAtMs).sort((a, b) => a - b),
    clean: sum(({ clean }) => clean),
    reset: sum(({ reset }) => reset),
    failure: failure(),
  },
})
