// Listens, hands a duplicate of the listening socket for each worker to the server's process, and closes its own. On
// every supported Node, worker threads can share a port only if another process passes them the socket.

import { once } from 'node:events'
import { createServer } from 'node:net'
import { startModule } from '../../harness/processes.mjs'
import { followServer } from '../in-process.mjs'

export const name = 'shape'

const WORKERS = 1
const BACKLOG = 4_096

export async function start({ workload, credentials }) {
  const listener = createServer().listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG })
  await once(listener, 'listening')
  const { port } = listener.address()
  const sockets = Array(WORKERS).fill(listener._handle.fd) // the only way to the descriptor's number
  const argument = JSON.stringify({ kind: workload.kind, port, workers: WORKERS, ...credentials })
  const server = startModule(new URL('server.mjs', import.meta.url), [argument], { sockets })
  listener.close() // in the same tick, so that this process accepts nothing
  return followServer(server)
}
