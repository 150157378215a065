// What a bench of our server alone needs: its build, credentials for the clients, and a real Kafka.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildOurs } from '../peers/ours/build.mjs'
import { makeCredentials } from './credentials.mjs'
import { startKafka } from './kafka.mjs'
import { buildLoad } from './load.mjs'
import { describeMachine } from './machine.mjs'

/**
 * @typedef {object} Stand
 * @property {string} folder for files of the run, removed at its end
 * @property {import('./credentials.mjs').Credentials} credentials
 * @property {string} bootstrapServers
 */

/** Prints the machine first. @param {number} clients @param {(stand: Stand) => Promise<void>} measure */
export async function measureAlone(clients, measure) {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-sse-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  buildOurs()
  buildLoad() // the load generator makes the certificate, too
  const credentials = await makeCredentials(folder, clients)
  const { bootstrapServers, stop } = await startKafka()
  if (bootstrapServers === null) throw new Error('a real Kafka is needed: Java 17 and Maven, or its address')
  try {
    process.stdout.write(`${JSON.stringify(describeMachine())}\n`)
    await measure({ folder, credentials, bootstrapServers })
  } finally {
    await stop()
  }
}
