// A relay before a server that stops reading what the server sends: the connection stays, its buffers fill, and then it
// takes nothing more. So do clients that were stopped, or whose machine sleeps.

import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'

/** Enough for the handshakes and the first of a stream. */
const HEARD_BYTES = 64 * 1024

export interface DeafPeer {
  readonly port: number
  close(): void
}

export async function deafPeer(serverPort: number): Promise<DeafPeer> {
  const sockets: Socket[] = []
  const relay = createServer((client) => {
    const upstream = createConnection({ port: serverPort, host: '127.0.0.1' })
    for (const socket of [client, upstream]) sockets.push(socket.on('error', () => socket.destroy()))
    client.pipe(upstream)
    let heardBytes = 0
    upstream.on('data', (bytes) => {
      client.write(bytes)
      heardBytes += bytes.length
      if (heardBytes > HEARD_BYTES) upstream.pause()
    })
  })
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')
  const close = (): void => {
    relay.close()
    for (const socket of sockets) socket.destroy()
  }
  // A server on a port has an address of this kind.
  return { port: (relay.address() as AddressInfo).port, close }
}
