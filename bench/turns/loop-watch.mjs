// Watches the turns of a process's threads from within, by CPU time, so that other work on the machine does not
// count. Loaded by Node's `--import`, with `TURNS_FOLDER`: each worker thread writes its long turns to a file of its
// own there.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isMainThread, threadId } from 'node:worker_threads'
import { cpuMs } from './turn.mjs'

/** Time between two readings of the clock, which cost nothing. */
const LOOK_MS = 1
/**
 * Time between two readings of the CPU time, each of which takes as long as a short turn. If the clock says that a turn
 * was long, part of the CPU time may be that of other turns. The total is never more than the clock says.
 */
const CPU_LOOK_MS = 4
const WRITE_MS = 250
/** Shorter turns are not kept. */
const LONG_MS = 4
/** Later turns replace the first ones, among them the start of the process. */
const REMEMBERED_MAX = 1_000

/** Long turns of this thread: when each was over, and its CPU time. The array grows while the thread lives. */
export function watchLoop() {
  const turns = []
  let lookedAtMs = performance.now()
  let known = { atMs: lookedAtMs, cpuMs: cpuMs() }
  setInterval(() => {
    const nowMs = performance.now()
    const passedMs = nowMs - lookedAtMs
    lookedAtMs = nowMs
    if (passedMs < LONG_MS && nowMs - known.atMs < CPU_LOOK_MS) return
    const now = { atMs: nowMs, cpuMs: cpuMs() }
    const ms = Math.min(passedMs, now.cpuMs - known.cpuMs)
    known = now
    if (ms < LONG_MS) return
    turns.push({ epochMs: Date.now(), ms })
    if (turns.length > REMEMBERED_MAX) turns.shift()
  }, LOOK_MS).unref()
  return turns
}

/** The longest turn that was over in this time; 0 if none was long. @param {{ epochMs: number, ms: number }[]} turns */
export function longestBetween(turns, from, to = Number.POSITIVE_INFINITY) {
  return Math.max(0, ...turns.filter(({ epochMs }) => epochMs >= from && epochMs <= to).map(({ ms }) => ms))
}

const { TURNS_FOLDER } = process.env
if (TURNS_FOLDER !== undefined && !isMainThread) {
  const turns = watchLoop()
  const file = join(TURNS_FOLDER, `${process.pid}-${threadId}.json`)
  setInterval(() => writeFileSync(file, JSON.stringify(turns)), WRITE_MS).unref()
}
