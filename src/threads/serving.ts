// The serving process of several workers: started by src/threads/launch.ts with the sockets, ended by it, and gone with it.

import { EventEmitter, once } from 'node:events'
import { serveUntil, startProblem } from '../lifetime.ts'
import { buildCrewApp } from './crew-app.ts'
import type { Launched, Listening } from './launch.ts'

const signals = new EventEmitter()

process.once('message', (launched: Launched) => void serve(launched))
process.on('disconnect', () => process.exit(1))
// The launcher tells what to do: what a terminal or a supervisor sends to both would count twice.
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => {})

async function serve({ options, descriptors }: Launched): Promise<void> {
  let isListening = false
  process.on('message', ({ signal }: { signal: NodeJS.Signals }) => {
    if (!isListening) process.exit(1) // as a signal ends a process that has yet to listen for it
    signals.emit('signal', signal)
  })
  const nextSignal = async () => (await once(signals, 'signal'))[0] as NodeJS.Signals
  process.exitCode = 1
  try {
    const app = await buildCrewApp(options, descriptors)
    process.exitCode = await serveUntil(nextSignal, app, options, (listening) => {
      isListening = true
      process.send?.({ listening } satisfies Listening)
    })
  } catch (error) {
    process.stderr.write(`${startProblem(error, options)}\n`)
  }
  process.removeAllListeners('disconnect')
  process.disconnect()
}
