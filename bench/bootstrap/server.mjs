// The server as an operator starts it, `kafka-sse serve`, in a process of its own: how long until it is ready, and what it
// has used by then. Read from its log and from /proc, so that nothing measures itself.

import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { AUDIENCE, ISSUER, SCOPE } from '../claims.mjs'
import { CLI, nodeArguments } from '../command.mjs'
import { readMetrics } from '../metrics.mjs'
import { endProcess, startProgram } from '../processes.mjs'
import { cpuMicrosOf, peakBytes, residentBytes } from '../usage.mjs'

const READY_MS = 180_000
const SETTLE_MS = 5_000

/** @returns {Promise<Bootstrap>} */
export async function measureServer({
  bootstrapServers,
  topic,
  credentials,
  furtherArguments = [],
  env = {},
}) {
  const spawnedAt = Date.now()
  const child = startProgram(process.execPath, [...nodeArguments(), ...furtherArguments, CLI, 'serve'], {
    env: { PATH: process.env.PATH, ...settings(bootstrapServers, topic, credentials), ...env },
  })
  try {
    const log = readLog(child)
    const listening = await log.line((line) => line.msg === 'listening')
    const answered = await log.line((line) => / ApiVersion|protocol features/.test(line.msg ?? ''))
    const ready = await log.line((line) => /is read up to date/.test(line.msg ?? ''))
    const cpuMicros = cpuMicrosOf(child.pid)
    await delay(SETTLE_MS)
    return {
      startToReadyMs: ready.time - spawnedAt,
      answerToReadyMs: ready.time - answered.time,
      cpuMicros,
      residentBytes: residentBytes(child.pid),
      peakBytes: peakBytes(child.pid),
      metrics: await readMetrics(listening.adminPort),
    }
  } finally {
    await endProcess(child)
  }
}

function settings(bootstrapServers, topic, { certificateFile, certificateKeyFile, tokenKeyFile }) {
  return {
    HOST: '127.0.0.1',
    PORT: '0',
    ADMIN_PORT: '0',
    TLS_CERT_FILE: certificateFile,
    TLS_KEY_FILE: certificateKeyFile,
    KAFKA_BOOTSTRAP_SERVERS: bootstrapServers,
    KAFKA_TOPIC: topic,
    // With 64 partitions an id is longer than the record.
    KAFKA_RETAINED_BYTES_MAX: String(4 * 2 ** 30),
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
    JWT_KEYS: tokenKeyFile,
    JWT_SCOPE: SCOPE,
    // librdkafka says then when a broker first answered: a few lines for each connection.
    LOG_LEVEL: 'debug',
    KAFKA_CONFIG_DEBUG: 'feature',
  }
}

function readLog(child) {
  const lines = []
  const waiting = new Set()
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text)
    lines.push(line)
    for (const look of waiting) look()
  })
  child.on('exit', () => {
    for (const look of waiting) look()
  })
  return { line: (matches) => untilLine(matches) }

  function untilLine(matches) {
    return new Promise((resolve, reject) => {
      const settle = (action, value) => {
        clearTimeout(timer)
        waiting.delete(look)
        action(value)
      }
      const look = () => {
        const found = lines.find(matches)
        if (found) settle(resolve, found)
        else if (child.exitCode !== null) settle(reject, new Error(`the server ended: ${child.lastWords()}`))
      }
      const timer = setTimeout(() => settle(reject, new Error('the server is not ready')), READY_MS)
      waiting.add(look)
      look()
    })
  }
}
