// What processes and the machine have used, read from /proc: the harness looks, so that no peer counts itself.

import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { nowMicros } from './record.mjs'

const TICK_MICROS = 10_000 // USER_HZ is 100 on every Linux that Node runs on.
const PAGE_BYTES = 4_096

/**
 * @typedef {object} Sample
 * @property {number} atMicros
 * @property {Record<string, number>} cpuMicros by role: user and system time since the process began
 * @property {number} busyMicros of all cores, everybody's
 * @property {number} idleMicros
 */

/** @param {Record<string, number>} pids by role @returns {Sample} */
export function sampleUsage(pids) {
  const everyone = { ...pids, harness: process.pid }
  const cpuMicros = Object.fromEntries(
    Object.entries(everyone).map(([role, pid]) => [role, cpuMicrosOf(pid)]),
  )
  return { atMicros: nowMicros(), cpuMicros, ...machineMicros() }
}

/**
 * What was used between two samples: a role's share is of one core (1.5: one core and a half); `idleShare` and
 * `othersShare` are of the whole machine. Others are all processes that are not the bench's. `endedMicros`
 * is what processes of the bench used that began and ended in between.
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

/** @param {number} pid */
export function residentBytes(pid) {
  return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES
}

/** The most that was resident so far. @param {number} pid */
export function peakBytes(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

/** User and system time since the process began. @param {number} pid */
export function cpuMicrosOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // The name before may hold spaces.
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROS
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
