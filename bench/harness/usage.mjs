// What processes and the machine have used, read from /proc by the harness, so that no peer measures itself.

import { readdirSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { nowMicros } from '../workloads/record.mjs'

const TICK_MICROS = 10_000 // USER_HZ is 100 on every Linux that Node runs on.
const PAGE_BYTES = 4_096

/**
 * @typedef {object} Sample
 * @property {number} atMicros
 * @property {Record<string, number>} cpuMicros by role: user and system time of a process and its descendants since
 *   they began
 * @property {number} busyMicros of all cores, for all processes
 * @property {number} idleMicros
 */

/** @param {Record<string, number>} pids by role @returns {Sample} */
export function sampleUsage(pids) {
  const cpuMicros = { harness: cpuMicrosOf(process.pid) }
  for (const [role, pid] of Object.entries(pids)) cpuMicros[role] = treeCpuMicros(pid)
  return { atMicros: nowMicros(), cpuMicros, ...machineMicros() }
}

/**
 * What was used between two samples. A role's share is of one core (1.5: one core and a half); `idleShare` and
 * `othersShare` are of the whole machine. Others are all processes that are not the bench's. `endedMicros` is the use
 * of the bench's processes that began and ended in between.
 * @param {Sample} before @param {Sample} after
 */
export function compareUsage(before, after, endedMicros = 0) {
  const elapsedMicros = after.atMicros - before.atMicros
  const cpuMicros = {}
  for (const role of Object.keys(after.cpuMicros))
    cpuMicros[role] = after.cpuMicros[role] - before.cpuMicros[role]
  const known = Object.values(cpuMicros).reduce((sum, micros) => sum + micros, endedMicros)
  const machine = elapsedMicros * cpus().length
  return {
    elapsedMicros,
    cpuMicros,
    coreShare: Object.fromEntries(
      Object.entries(cpuMicros).map(([role, micros]) => [role, micros / elapsedMicros]),
    ),
    idleShare: (after.idleMicros - before.idleMicros) / machine,
    othersShare: Math.min(1, Math.max(0, after.busyMicros - before.busyMicros - known) / machine),
  }
}

/** Of a process and its descendants. Pages that several share count for each. @param {number} pid */
export function residentBytes(pid) {
  return treeOf(pid)
    .map((one) => Number(readFileSync(`/proc/${one}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES)
    .reduce((sum, bytes) => sum + bytes)
}

/** The peak of resident memory. @param {number} pid */
export function peakBytes(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

/** User and system time since the process began. @param {number} pid */
export function cpuMicrosOf(pid) {
  const { userTicks, systemTicks } = readStat(pid)
  return (userTicks + systemTicks) * TICK_MICROS
}

/** What a process and its descendants have used, including those that have ended. It never falls. */
function treeCpuMicros(root) {
  const ticks = treeOf(root).map((pid) => {
    const { userTicks, systemTicks, endedTicks } = readStat(pid)
    return userTicks + systemTicks + endedTicks
  })
  return ticks.reduce((sum, own) => sum + own) * TICK_MICROS
}

/** A server may be several processes. @returns {number[]} the process itself first */
function treeOf(root) {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), parent: parentOf(name) }))
  const tree = [root]
  for (const parent of tree)
    tree.push(...parents.filter((one) => one.parent === parent).map(({ pid }) => pid))
  return tree
}

/** null for a process that has ended meanwhile. */
function parentOf(pid) {
  try {
    return readStat(pid).parent
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return null
    throw error
  }
}

function readStat(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // the name before it may have spaces
  const [userTicks, systemTicks, endedUserTicks, endedSystemTicks] = fields.slice(11, 15).map(Number)
  return { parent: Number(fields[1]), userTicks, systemTicks, endedTicks: endedUserTicks + endedSystemTicks }
}

function machineMicros() {
  const ticks = readFileSync('/proc/stat', 'latin1')
    .split('\n', 1)[0]
    .trim()
    .split(/\s+/)
    .slice(1, 9)
    .map(Number)
  const [user, nice, system, idle, iowait, irq, softirq, steal] = ticks
  return {
    busyMicros: (user + nice + system + irq + softirq + steal) * TICK_MICROS,
    idleMicros: (idle + iowait) * TICK_MICROS,
  }
}
