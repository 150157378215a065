// Sockets that a supervisor has opened, as the process sees them. Needs `npm run build`.

import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { inheritedSockets } from '../../src/http/inherited-sockets.ts'
import { CLI, CommandScene, LISTENING_MS, SERVE_SETTINGS } from '../support/command-process.ts'
import { makeKey } from '../support/keys-and-tokens.ts'
import { hasPrograms } from '../support/programs.ts'

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

  it('may have PORT and ADMIN_PORT alike, because it does not listen at PORT', async () => {
    const alike = { ...SERVE_SETTINGS, PORT: '1', ADMIN_PORT: '1', WORKERS: '0' }
    const given = await scene.run(['serve'], { ...alike, LISTEN_FDS: '1' })
    const workers = 'kafka-sse: WORKERS takes an integer from 1 to 32, not 0\n'
    expect([given.code, given.stderr]).toEqual([1, workers])
    const opening = await scene.run(['serve'], alike)
    expect(opening.stderr).toBe(`${workers}kafka-sse: ADMIN_PORT is the port of the streams, too: 1\n`)
  })

  it('ends with 1 if LISTEN_FDS is wrong, and says why', async () => {
    const { code, stderr } = await scene.run(['serve'], { ...SERVE_SETTINGS, PORT: '1', LISTEN_FDS: 'two' })
    expect([code, stderr]).toEqual([1, 'kafka-sse: LISTEN_FDS is a number from 1 to 16, not "two"\n'])
  })
})

/** Holds the socket, and starts the server again each time it ends, as a socket unit and its service do. */
const SUPERVISOR = `
import os, socket, subprocess, sys
held = socket.socket()
held.bind(('127.0.0.1', 0))
held.listen(4096)
os.dup2(held.fileno(), 3)
print('port', held.getsockname()[1], flush=True)
command = ['sh', '-c', 'LISTEN_PID=$$ exec "$0" "$@"', *sys.argv[1:]]
for start in range(3):
    server = subprocess.Popen(command, pass_fds=(3,), env={**os.environ, 'LISTEN_FDS': '1'}, stdout=1)
    print('server', server.pid, flush=True)
    print('code', server.wait(), flush=True)
`

describe.runIf(hasPrograms('restarts behind a socket', 'python3'))(
  'a server that is restarted behind its socket',
  () => {
    it.each(['1', '2'])('refuses no connection, with WORKERS=%s', async (WORKERS) => {
      const program = ['python3', '-c', SUPERVISOR, process.execPath, CLI, 'serve']
      const env = { ...SERVE_SETTINGS, PORT: '1', WORKERS, LINGER_SECONDS: '0.3' }
      const run = scene.start([], env, { program, leadsGroup: true })
      const said = (words: RegExp) => [...run.stdout.matchAll(words)].map(([, number]) => Number(number))
      const serves = (times: number) =>
        vi.waitUntil(() => run.stdout.split('"msg":"listening"').length === times + 1, {
          timeout: LISTENING_MS,
        })
      await serves(1)
      const [port = 0] = said(/^port (\d+)$/gm)
      const codes: (string | undefined)[] = []
      let isAsking = true
      const asking = (async () => {
        while (isAsking) {
          await statusOf(port).catch((error) => codes.push(error.cause?.code))
          await pause(5)
        }
      })()
      for (const restart of [1, 2]) {
        process.kill(said(/^server (\d+)$/gm).at(-1) ?? 0, 'SIGTERM')
        await serves(restart + 1)
        expect(await statusOf(port)).toBe(401)
      }
      isAsking = false
      await asking
      process.kill(said(/^server (\d+)$/gm).at(-1) ?? 0, 'SIGTERM')
      await run.ended
      expect(said(/^code (\d+)$/gm)).toEqual([0, 0, 0])
      expect(codes.filter((code) => code === 'ECONNREFUSED')).toEqual([])
      // What was accepted in the last moment is closed, and asked again.
      expect(codes.length).toBeLessThanOrEqual(4)
    })
  },
)

async function statusOf(port: number): Promise<number> {
  return (await fetch(`http://127.0.0.1:${port}/events`, { headers: { connection: 'close' } })).status
}

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
