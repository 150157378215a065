// This project's server with its defaults: JWT verified, every record through Kafka.

import { execFileSync } from 'node:child_process'
import { nodeArguments } from '../../command.mjs'
import { startModule } from '../../processes.mjs'
import { startThroughKafka } from '../through-kafka.mjs'

export const name = 'ours'

export const needsKafka = true

/** It is measured as its sources stand. */
export function prepare() {
  const root = new URL('../../..', import.meta.url)
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 2, 2] })
}

export const start = (task) => startThroughKafka(task, startServer)

function startServer(setup) {
  const execArgv = nodeArguments()
  return startModule(new URL('server.mjs', import.meta.url), [JSON.stringify(setup)], { execArgv })
}
