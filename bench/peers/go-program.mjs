// A peer whose server is a program in Go that makes the records itself. It exchanges the same messages as a server in
// Node, as lines of JSON. The package in harness/ is the program's side.

import { createInterface } from 'node:readline'
import { AUDIENCE, ISSUER } from '../harness/claims.mjs'
import { buildProgram, programPath } from '../harness/go-build.mjs'
import { startProgram } from '../harness/processes.mjs'
import { describeWorkload, followServer } from './in-process.mjs'

/** @param {string} name of the peer and of its folder, which is a Go module @param {string} path of its stream */
export function goPeer(name, path) {
  return {
    prepare: () => buildProgram(new URL(`${name}/`, import.meta.url), name),
    start: ({ workload, credentials }) => {
      const claims = { issuer: ISSUER, audience: AUDIENCE }
      const argument = JSON.stringify({ ...describeWorkload(workload), ...claims, ...credentials })
      return followServer(speakInLines(startProgram(programPath(name), [argument])), path)
    },
  }
}

/** Gives a program what a Node module has: `message` events and `send`. */
function speakInLines(child) {
  createInterface({ input: child.stdout }).on('line', (line) => child.emit('message', JSON.parse(line)))
  child.stdin.on('error', () => {}) // it has ended, and its `exit` event says so
  child.send = (message) => child.stdin.write(`${JSON.stringify(message)}\n`)
  return child
}
