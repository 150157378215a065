// Sockets that a supervisor has opened, as the process sees them. Needs `npm run build`.

import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { inheritedSockets } from '../../src/http/inherited-sockets.ts'
import { keepPrintedBy } from '../support/printed.ts'

const CLI = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url))
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ENV = {
  PATH: process.env.PATH,
  TLS: 'off',
  PORT: '1', // nobody may listen there: it is not to be tried
  ADMIN_PORT: '0',
  KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1',
  JWT_ISSUER: 'https://auth.example.com',
  JWT_AUDIENCE: 'https://api.example.com',
  JWT_KEYS: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
}

let child: ChildProcess | null = null
afterEach(async () => {
  if (child === null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
  child = null
})

/** Starts the server with a socket as its fourth descriptor, and lets go of it here; resolves with its port. */
async function startWithSocket(workers: number): Promise<number> {
  const socket = createServer()
  socket.listen(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address() as AddressInfo
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
  child = spawn('sh', ['-c', 'LISTEN_PID=$$ exec "$0" "$1" serve', process.execPath, CLI], {
    env: { ...ENV, LISTEN_FDS: '1', WORKERS: String(workers) },
    stdio: ['ignore', 'pipe', 'pipe', fd],
  })
  socket.close()
  keepPrintedBy(child)
  return port
}

describe('a server that is started with its socket', () => {
  it.each([1, 2])('serves at it, with WORKERS=%i, what came before it was there, too', async (workers) => {
    const port = await startWithSocket(workers)
    const early = await fetch(`http://127.0.0.1:${port}/events`)
    expect(early.status).toBe(401)
  })

  it('says what is wrong with what it was told of them, and ends with 1', async () => {
    child = spawn('sh', ['-c', 'LISTEN_PID=$$ exec "$0" "$1" serve', process.execPath, CLI], {
      env: { ...ENV, LISTEN_FDS: 'two' },
    })
    keepPrintedBy(child)
    let said = ''
    child.stderr?.on('data', (bytes) => {
      said += bytes
    })
    const [code] = await once(child, 'exit')
    await vi.waitUntil(() => said !== '')
    expect([code, said]).toEqual([1, 'kafka-sse: LISTEN_FDS is a number from 1 to 16, not "two"\n'])
    child = null
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
