// The entry point of the serving process, which has the workers. src/threads/launcher.ts starts it with the sockets and
// passes signals on. Promise: it ends when the launcher ends.

import { exit, flushOutputs, isLookingUp, STOP_SIGNALS } from '../app/exit.ts'
import { serveUntil } from '../app/lifetime.ts'
import { SignalQueue, surviveLostOutputs } from '../app/stop-signals.ts'
import { SettingsFeed } from '../reload/settings-reader.ts'
import type { FromServing, Launched, ToServing } from './launcher.ts'
import { buildMultiThreadApp } from './multi-thread-app.ts'

process.once('message', (launched: Launched) => void serve(launched))
// Not by `process.exit`: workers and librdkafka take up to 2 s to end, and the ports would be taken meanwhile.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
// The launcher passes them on. A terminal or a supervisor sends them to both processes, and each must count once.
for (const name of STOP_SIGNALS) process.on(name, () => {})
surviveLostOutputs()

async function serve({ handed, descriptors }: Launched): Promise<void> {
  const signals = new SignalQueue()
  const readings = new SettingsFeed()
  process.on('message', ({ signal, reading }: ToServing) => {
    if (signal !== undefined) signals.push(signal)
    if (reading !== undefined) readings.push(reading)
  })
  const build = () => buildMultiThreadApp(handed, descriptors)
  const code = await serveUntil(signals, build, handed.options, readings, (listening) => {
    process.send?.({ listening } satisfies FromServing)
  })
  if (isLookingUp()) await endWithoutDns(code)
  await exit(code)
}

/** `process.exit` would wait for DNS, and this process hears no signal meanwhile. The launcher has the code. */
async function endWithoutDns(code: number): Promise<void> {
  await flushOutputs()
  await new Promise((resolve) => process.send?.({ ended: code } satisfies FromServing, resolve))
  process.kill(process.pid, 'SIGKILL')
}
