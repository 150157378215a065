// Watches the turns of the threads of a process from within, by CPU time, so that what else runs on the machine does not count.
// Given to Node by `--import`, with `TURNS_FOLDER`, each worker thread writes down its long turns there, in a file of its own.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isMainThread, threadId } from 'node:worker_threads'
import { cpuMs } from './turn.mjs'

/** Between two looks at the clock, which costs nothing. */
const LOOK_MS = 1
/**
 * Between two looks at the CPU time, which takes as long as a short turn. Where the clock says that a turn was long, as much of it
 * may have been others, but no more than the clock says.
 */
const CPU_LOOK_MS = 4
const WRITE_MS = 250
/** Shorter ones are not remembered. */
const LONG_MS = 4
/** The first, the start of a process among them, give way to later ones. */
const REMEMBERED_MAX = 1_000

/** Long turns of this thread: `epochMs` when each was over, and its CPU time. The array grows for as long as the thread lives. */
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

/** @param {{ epochMs: number, ms: number }[]} turns the longest of those that were over in this time, 0 where none was long */
export function longestBetween(turns, from, to = Number.POSITIVE_INFINITY) {
  return Math.max(0, ...turns.filter(({ epochMs }) => epochMs >= from && epochMs <= to).map(({ ms }) => ms))
}

const { TURNS_FOLDER } = process.env
if (TURNS_FOLDER !== undefined && !isMainThread) {
  const turns = watchLoop()
  const file = join(TURNS_FOLDER, `${process.pid}-${threadId}.json`)
  setInterval(() => writeFileSync(file, JSON.stringify(turns)), WRITE_MS).unref()
}
