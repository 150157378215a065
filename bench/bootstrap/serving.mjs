// `kafka-sse serve` as an operator starts it, in a process of its own. Its log shows its progress.

import { createInterface } from 'node:readline'
import { CLI, nodeArguments } from '../harness/command.mjs'
import { startProgram } from '../harness/processes.mjs'
import { serverSettings } from '../peers/ours/settings.mjs'

const READY_MS = 180_000

/** @param {Record<string, string>} env settings of the server @param {string[]} furtherArguments of Node */
export function startServing({ bootstrapServers, credentials }, env, furtherArguments = []) {
  const child = startProgram(process.execPath, [...nodeArguments(), ...furtherArguments, CLI, 'serve'], {
    env: {
      PATH: process.env.PATH,
      ...serverSettings(credentials, bootstrapServers),
      // With 64 partitions an id is longer than the record.
      KAFKA_RETAINED_BYTES_MAX: String(4 * 2 ** 30),
      ...env,
    },
  })
  return { child, log: readLog(child) }
}

/** Recognises the log line that says that a topic is read. */
export function isUpToDate(topic) {
  return ({ msg = '' }) => msg.includes(topic) && /is read up to date/.test(msg)
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
