// Sockets that a supervisor has opened, as the process sees them. Needs `npm run build`.

import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { inheritedSockets } from '../../src/http/inherited-sockets.ts'
import { CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { makeKey } from '../support/keys-and-tokens.ts'

let scene: CommandScene
beforeEach(() => {
  scene = CommandScene.open({ 'public.pem': makeKey('ES256').publicPem })
})
afterEach(() => scene.close())

/** Starts the server with a socket as its fourth descriptor, and closes it here; resolves with its port. */
async function startWithSocket(workers: number): Promise<number> {
  const socket = createServer()
  socket.listen(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address() as AddressInfo
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
  // PORT is not to be tried: no test may listen there.
  const env = { ...SERVE_SETTINGS, PORT: '1', WORKERS: String(workers) }
  scene.start(['serve'], env, { sockets: [fd] })
  socket.close()
  return port
}

describe('a server that is started with its socket', () => {
  it.each([1, 2])('serves at it, with WORKERS=%i, also requests that came before', async (workers) => {
    const port = await startWithSocket(workers)
    const early = await fetch(`http://127.0.0.1:${port}/events`)
    expect(early.status).toBe(401)
  })

  it('ends with 1 if LISTEN_FDS is wrong, and says why', async () => {
    const { code, stderr } = await scene.run(['serve'], { ...SERVE_SETTINGS, PORT: '1', LISTEN_FDS: 'two' })
    expect([code, stderr]).toEqual([1, 'kafka-sse: LISTEN_FDS is a number from 1 to 16, not "two"\n'])
  })
})

describe('sockets that a supervisor has opened', () => {
  it('are those from the fourth descriptor on, if they are for this process', () => {
    expect(inheritedSockets({ LISTEN_FDS: '2', LISTEN_PID: '7' }, 7)).toEqual([3, 4])
    expect(inheritedSockets({ LISTEN_FDS: '2', LISTEN_PID: '8' }, 7)).toBeNull()
    expect(inheritedSockets({ LISTEN_FDS: '2' }, 7)).toBeNull()
    expect(inheritedSockets({}, 7)).toBeNull()
  })

  it.each(['0', '-1', '17', '1e1', 'two', ''])('are not as many as %j', (count) => {
    expect(() => inheritedSockets({ LISTEN_FDS: count, LISTEN_PID: '7' }, 7)).toThrow(/^LISTEN_FDS is/)
  })
})
