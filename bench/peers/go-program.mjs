// A peer whose server is a program in Go that makes the records itself. It says and is told the same as a server in Node, in
// lines of JSON instead of messages; the package in harness/ is its side of it.

import { createInterface } from 'node:readline'
import { AUDIENCE, ISSUER } from '../harness/claims.mjs'
import { buildProgram, programPath } from '../harness/go-build.mjs'
import { startProgram } from '../harness/processes.mjs'
import { followServer } from './in-process.mjs'

/** @param {string} name of the peer and of its folder, which is a Go module @param {string} path of its stream */
export function goPeer(name, path) {
  return {
    prepare: () => buildProgram(new URL(`${name}/`, import.meta.url), name),
    start: ({ credentials }) => {
      const argument = JSON.stringify({ issuer: ISSUER, audience: AUDIENCE, ...credentials })
      return followServer(speakInLines(startProgram(programPath(name), [argument])), path)
    },
  }
}

/** Gives a program what a Node module has: `message` events and `send`. */
function speakInLines(child) {
  createInterface({ input: child.stdout }).on('line', (line) => child.emit('message', JSON.parse(line)))
  child.stdin.on('error', () => {}) // It ended: whoever waits for an answer learns of that.
  child.send = (message) => child.stdin.write(`${JSON.stringify(message)}\n`)
  return child
}
