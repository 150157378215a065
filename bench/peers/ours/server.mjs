// Runs what `kafka-sse serve` runs, and tells the harness the ports. Needs `npm run build`.

import { setTimeout as delay } from 'node:timers/promises'
import { processSignals } from '../../../dist/src/app/stop-signals.js'
import { parseEnvironment } from '../../../dist/src/config/parse.js'
import { runServer } from '../../../dist/src/server.js'
import { SCOPE } from '../../harness/claims.mjs'
import { serverSettings } from './settings.mjs'

const READY_MS = 30_000
const LOOK_EVERY_MS = 50

const { bootstrapServers, topic, streamsFile, env, ...credentials } = JSON.parse(process.argv[2])

const read = () =>
  parseEnvironment({
    ...serverSettings(credentials, bootstrapServers),
    ...(streamsFile ? { CONFIG_FILE: streamsFile } : { KAFKA_TOPIC: topic, JWT_SCOPE: SCOPE }),
    DRAIN_SECONDS: '0',
    LOG_LEVEL: 'error',
    ...env,
  })

process.on('disconnect', () => process.exit(0))
process.exitCode = await runServer(await read(), processSignals(), { read, files: [] }, tellWhenReady)
process.disconnect()

async function tellWhenReady(ports) {
  const until = Date.now() + READY_MS
  let answer = await askReadiness(ports.adminPort)
  while (!answer.ok) {
    if (Date.now() > until) throw new Error(`not ready within ${READY_MS / 1000} s: ${await answer.text()}`)
    await delay(LOOK_EVERY_MS)
    answer = await askReadiness(ports.adminPort)
  }
  process.send({ ready: ports })
}

function askReadiness(adminPort) {
  return fetch(`http://127.0.0.1:${adminPort}/health/ready`)
}
