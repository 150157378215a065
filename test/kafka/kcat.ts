// kcat, the tutorial's producer, as a process.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'

/** `echo LINES | kcat -P … -k KEY`: resolves when Kafka has a record for each line. */
export async function kcatProduce(servers: string, topic: string, key: string, lines: string): Promise<void> {
  const running = promisify(execFile)('kcat', ['-P', '-b', servers, '-t', topic, '-k', key])
  running.child.stdin?.end(`${lines}\n`)
  await running
}

/** Everything that the topic holds now, as KEY=VALUE, in order. */
export async function kcatRead(servers: string, topic: string): Promise<string[]> {
  const args = ['-C', '-e', '-q', '-b', servers, '-t', topic, '-o', 'beginning', '-f', '%k=%s\n']
  const { stdout } = await promisify(execFile)('kcat', args, { maxBuffer: 64 * 1024 * 1024 })
  return stdout.split('\n').filter((line) => line !== '')
}

const POURED_KEYS = 20_000
const POURED_VALUE = 'x'.repeat(150)

/** Records as fast as kcat takes them, keys over and over, until the signal aborts. Resolves with their number. */
export async function kcatPour(servers: string, topic: string, signal: AbortSignal): Promise<number> {
  const child = spawn('kcat', ['-P', '-b', servers, '-t', topic, '-K', ':'], {
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  const ended = once(child, 'exit')
  const batch = Array.from({ length: POURED_KEYS }, (_, key) => `${key}:${POURED_VALUE}\n`).join('')
  let batches = 0
  for (; !signal.aborted; batches++) {
    if (!child.stdin.write(batch)) await once(child.stdin, 'drain')
  }
  child.stdin.end()
  await ended
  return batches * POURED_KEYS
}
