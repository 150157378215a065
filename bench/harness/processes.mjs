// Every process that the bench starts. Promise: none outlives the bench. Each is ended by its own id, after a normal
// end, an error or a signal.

import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'

const TERMINATE_MS = 5_000
const STDERR_CHARACTERS_MAX = 4_000

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set()

/** Node's arguments for a CPU profile of each module that is started. It is written when the module ends. */
let profiling = []

export function profileInto(folder) {
  profiling = ['--cpu-prof', `--cpu-prof-dir=${folder}`]
}

/** Starts a program; its standard input and output are pipes. */
export function startProgram(command, args, options = {}) {
  return watch(spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options }))
}

/**
 * Starts a Node module with a channel for messages. `sockets` are file descriptors, which it gets as its fifth and the
 * following ones; `execArgv` are Node's own arguments.
 */
export function startModule(file, args, { sockets = [], execArgv = [] } = {}) {
  const stdio = ['ignore', 'ignore', 'pipe', 'ipc', ...sockets]
  return watch(fork(file, args, { execArgv: [...execArgv, ...profiling], stdio }))
}

/** Sends SIGTERM, and SIGKILL to processes that do not end in time. */
export async function endProcess(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  const kill = setTimeout(() => child.kill('SIGKILL'), TERMINATE_MS)
  child.kill('SIGTERM')
  await exit
  clearTimeout(kill)
}

/** The next message of a module that has this field. Rejects when the process ends before, or cannot be started. */
export function receiveMessage(child, field) {
  return new Promise((resolve, reject) => {
    const settle = (action) => (value) => {
      child.off('message', onMessage).off('exit', onExit).off('error', onExit)
      action(value)
    }
    const onMessage = (message) => field in message && settle(resolve)(message[field])
    const onExit = () => settle(reject)(new Error(`a process ended early: ${child.lastWords()}`))
    child.on('message', onMessage).on('exit', onExit).on('error', onExit)
  })
}

function watch(child) {
  let words = ''
  running.add(child)
  child.lastWords = () => errorLine(words)
  child.stderr.setEncoding('utf8').on('data', (text) => {
    words = (words + text).slice(-STDERR_CHARACTERS_MAX)
  })
  child.on('exit', () => running.delete(child))
  child.on('error', (error) => {
    words += error.message
    running.delete(child)
  })
  return child
}

/** The line that names an error, or else the last line, so that it fits into a table. */
function errorLine(words) {
  const lines = words.trim().split('\n')
  return lines.findLast((line) => /^\S*Error\b/.test(line)) ?? lines.at(-1)
}

function killAll() {
  for (const child of running) child.kill('SIGKILL')
}

process.on('exit', killAll)
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
]) {
  process.on(signal, () => process.exit(code))
}
