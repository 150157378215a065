// kcat reads the same topic and keeps nothing of it. This shows the cost of reading alone on this machine.

import { once } from 'node:events'
import { endProcess, startProgram } from '../harness/processes.mjs'
import { cpuMicrosOf, peakBytes } from '../harness/usage.mjs'

const LOOK_EVERY_MS = 10

/** `kcat -C -o beginning -e -q > /dev/null`. CPU and memory are read at most 10 ms before its end. */
export async function measureKcat(bootstrapServers, topic) {
  const startedAt = performance.now()
  const child = startProgram(
    'kcat',
    ['-C', '-b', bootstrapServers, '-t', topic, '-o', 'beginning', '-e', '-q'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  let seen = { cpuMicros: 0, peakBytes: 0 }
  const timer = setInterval(() => {
    seen = look(child.pid) ?? seen
  }, LOOK_EVERY_MS)
  try {
    const [code] = await once(child, 'exit')
    if (code !== 0) throw new Error(`kcat ended with ${code}: ${child.lastWords()}`)
    return { startToEndMs: performance.now() - startedAt, ...seen }
  } finally {
    clearInterval(timer)
    await endProcess(child)
  }
}

/** null if the process has ended, or is a zombie without memory. */
function look(pid) {
  try {
    const bytes = peakBytes(pid)
    return Number.isNaN(bytes) ? null : { cpuMicros: cpuMicrosOf(pid), peakBytes: bytes }
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return null
    throw error
  }
}
