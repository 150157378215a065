// `kafka-sse serve` as an operator starts it, in a process of its own, which tells by its log how far it is.

import { createInterface } from 'node:readline'
import { AUDIENCE, ISSUER } from '../claims.mjs'
import { CLI, nodeArguments } from '../command.mjs'
import { startProgram } from '../processes.mjs'

const READY_MS = 180_000

/** @param {Record<string, string>} env what it serves @param {string[]} furtherArguments of Node */
export function startServing({ bootstrapServers, credentials }, env, furtherArguments = []) {
  const child = startProgram(process.execPath, [...nodeArguments(), ...furtherArguments, CLI, 'serve'], {
    env: { PATH: process.env.PATH, ...settings(bootstrapServers, credentials), ...env },
  })
  return { child, log: readLog(child) }
}

/** Of the log line that says that a topic is there. */
export function isUpToDate(topic) {
  return ({ msg = '' }) => msg.includes(topic) && /is read up to date/.test(msg)
}

function settings(bootstrapServers, { certificateFile, certificateKeyFile, tokenKeyFile }) {
  return {
    HOST: '127.0.0.1',
    PORT: '0',
    ADMIN_PORT: '0',
    TLS_CERT_FILE: certificateFile,
    TLS_KEY_FILE: certificateKeyFile,
    KAFKA_BOOTSTRAP_SERVERS: bootstrapServers,
    // With 64 partitions an id is longer than the record.
    KAFKA_RETAINED_BYTES_MAX: String(4 * 2 ** 30),
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
    JWT_KEYS: tokenKeyFile,
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
  return { line: (matches) => untilLine(matches), has: (matches) => lines.some(matches) }

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
