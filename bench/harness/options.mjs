// The options of `npm run bench`: workloads, peers, repetitions, and settings of our server.

import { parseArgs } from 'node:util'
import { chooseWorkloads } from '../workloads/workloads.mjs'
import { openFilesMax } from './machine.mjs'

/**
 * @typedef {object} Options
 * @property {import('../workloads/workloads.mjs').Workload[]} workloads
 * @property {object[]} peers
 * @property {number} repetitions
 * @property {boolean} calm
 * @property {boolean} isBuilt whether our server is built already
 * @property {number | null} highest rate of `ours`, if this run does not measure it
 * @property {string | null} profile folder for a CPU profile of each process that runs Node
 * @property {Record<string, string>} env settings of our server besides those of the bench
 */

/** Ends the process with a message if an option is wrong. @param {{ name: string }[]} peers @returns {Options} */
export function readOptions(peers) {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      built: { type: 'boolean', default: false },
      calm: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      repetitions: { type: 'string' },
      highest: { type: 'string' },
      keys: { type: 'string' },
      profile: { type: 'string' },
      env: { type: 'string', multiple: true, default: [] },
    },
  })
  const only = values.only.split(',').filter(Boolean)
  const keys = values.keys === undefined ? null : readNumber('keys', values.keys)
  const workloads = chooseWorkloads({ ...values, keys })
  const names = new Set([...workloads, ...peers].map(({ name }) => name))
  const unknown = only.find((name) => !names.has(name))
  if (unknown) fail(`--only takes names of workloads and peers: ${[...names].join(', ')}; not ${unknown}`)
  const options = {
    workloads: selectWorkloads(workloads, only, values),
    peers: select(peers, only),
    repetitions: readNumber('repetitions', values.repetitions ?? (values.quick || values.smoke ? '1' : '3')),
    calm: values.calm,
    isBuilt: values.built,
    highest: values.highest === undefined ? null : readNumber('highest', values.highest),
    profile: values.profile ?? null,
    env: readSettings(values.env),
  }
  checkOpenFiles(options.workloads)
  return options
}

/** The largest number of clients that one of the workloads connects. */
export function clientsMax(workloads) {
  return Math.max(...workloads.flatMap(({ steps }) => steps))
}

function selectWorkloads(all, only, { quick, smoke, highest }) {
  const named = all.filter(({ name }) => only.includes(name))
  const workloads = named.length > 0 ? named : all.filter(({ inQuick }) => inQuick || !(quick || smoke))
  const lacks = workloads.find(({ timesHighest }) => timesHighest > 0)
  if (lacks && highest === undefined && !workloads.some(({ measure }) => measure === 'highest'))
    fail(
      `${lacks.name} needs the workload highest in the same run, or --highest with the rate that ours held`,
    )
  return workloads
}

/** The named ones, or all if none is named. */
function select(all, only) {
  const named = all.filter(({ name }) => only.includes(name))
  return named.length > 0 ? named : all
}

function readSettings(lines) {
  const wrong = lines.find((line) => !/^[A-Z_]+=/.test(line))
  if (wrong !== undefined) fail('--env takes NAME=VALUE')
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
}

function readNumber(name, text) {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1) fail(`--${name} takes a number from 1`)
  return number
}

function checkOpenFiles(workloads) {
  const needed = clientsMax(workloads) + 100
  if (openFilesMax() < needed)
    fail(`${needed} files must be open at once: raise the limit (ulimit -n ${needed})`)
}

function fail(message) {
  process.stderr.write(`bench: ${message}\n`)
  process.exit(2)
}
