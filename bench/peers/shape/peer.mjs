// Listens, hands one duplicate of the listening socket per worker to the server's process, then lets go of its own: worker
// threads can only share a port on every Node that is supported if somebody outside passes them the socket.

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
  const sockets = Array(WORKERS).fill(listener._handle.fd) // The only way to the number of the descriptor.
  const argument = JSON.stringify({ kind: workload.kind, port, workers: WORKERS, ...credentials })
  const server = startModule(new URL('server.mjs', import.meta.url), [argument], { sockets })
  listener.close() // In the same tick: this process never accepts.
  return followServer(server)
}
