import { startModule } from '../../harness/processes.mjs'
import { startThroughKafka } from '../through-kafka.mjs'

export const name = 'consumer-each'

export const needsKafka = true

export const start = (task) => startThroughKafka(task, startServer)

function startServer(setup) {
  return startModule(new URL('server.mjs', import.meta.url), [JSON.stringify(setup)])
}
