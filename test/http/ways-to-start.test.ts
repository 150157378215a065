// The ways in which people start our command, and whether it ends well by each: npm's scripts, npx, node:cluster and
// pm2, which is one. Needs `npm run build`.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemdNotice } from '../../src/app/systemd-notice.ts'
import { CLI, type CommandProcess, CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { freePort } from '../support/free-port.ts'
import { makeKey } from '../support/keys-and-tokens.ts'
import { hasPrograms } from '../support/programs.ts'
import { eventually } from '../support/time.ts'

const key = makeKey('ES256')
let scene: CommandScene
beforeEach(() => {
  scene = CommandScene.open({ 'public.pem': key.publicPem })
})
afterEach(() => scene.close())

const statusOf = async (port: number) =>
  (await fetch(`http://127.0.0.1:${port}/events`, { headers: { connection: 'close' } })).status
const lines = (run: CommandProcess, message: string) => run.stdout.split(`"msg":"${message}"`).length - 1

/** An app that has our package, and starts it by a script. */
function installed(script: string): void {
  scene.file('package.json', JSON.stringify({ name: 'app', private: true, scripts: { start: script } }))
  mkdirSync(join(scene.folder, 'node_modules/.bin'), { recursive: true })
  symlinkSync(CLI, join(scene.folder, 'node_modules/.bin/kafka-sse'))
}

describe.runIf(hasPrograms('npm and npx', 'npm', 'npx'))(
  'a command of npm, which ends its shell alone',
  () => {
    const WAYS: [string, string[], string][] = [
      ['npx kafka-sse serve', ['npx', '--offline', 'kafka-sse', 'serve'], ''],
      ['npm start', ['npm', 'start'], 'kafka-sse serve'],
      ['npm start, with more to do', ['npm', 'start'], 'kafka-sse serve; echo ended'],
    ]
    describe.each(['1', '2'])('with WORKERS=%s', (workers) => {
      it.each(WAYS)('%s drains and leaves no process on SIGTERM', async (_, program, script) => {
        installed(script)
        const env = { ...SERVE_SETTINGS, WORKERS: workers, HOME: scene.folder }
        const run = scene.start([], env, { program })
        await run.listening()
        // Resolves once no process has its outputs any more.
        await run.end('SIGTERM')
        expect(lines(run, 'draining')).toBe(1)
        expect(lines(run, 'closed')).toBe(1)
        expect(run.stderr).not.toContain('rror')
      })
    })

    it('a server that a script has left behind on purpose goes on', async () => {
      installed('kafka-sse serve & echo $!')
      const env = { ...SERVE_SETTINGS, WORKERS: '1', HOME: scene.folder }
      const run = scene.start([], env, { program: ['npm', 'start'] })
      await eventually(() => expect(lines(run, 'listening')).toBe(1))
      const pid = Number(/^\d+$/m.exec(run.stdout)?.[0])
      try {
        await pause(1000) // four looks
        expect(await statusOf(Number(/"port":(\d+)/.exec(run.stdout)?.[1]))).toBe(401)
      } finally {
        process.kill(pid, 'SIGTERM')
      }
      await run.ended
      expect(lines(run, 'closed')).toBe(1)
    })
  },
)

/** Receives what a service tells, a line for each message. */
const RECEIVER = `
import os, socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
print('bound', flush=True)
while True:
    print(receiver.recv(4096).decode().replace('\\n', ' '), flush=True)
`

describe.runIf(hasPrograms('what systemd is told', 'python3', 'systemd-notify'))(
  'a unit of Type=notify',
  () => {
    let receiver: ChildProcess | null = null
    afterEach(() => {
      vi.unstubAllEnvs()
      receiver?.kill('SIGKILL')
    })

    it.each(['1', '2'])('is told when it listens, reloads and ends, with WORKERS=%s', async (workers) => {
      const NOTIFY_SOCKET = join(scene.folder, 'notify')
      receiver = spawn('python3', ['-c', RECEIVER, NOTIFY_SOCKET])
      let told = ''
      receiver.stdout?.setEncoding('utf8').on('data', (text) => {
        told += text
      })
      await eventually(() => expect(told).toBe('bound\n'))
      const run = scene.start(['serve'], { ...SERVE_SETTINGS, WORKERS: workers, NOTIFY_SOCKET })
      const { port } = await run.listening()
      await eventually(() => expect(told).toContain(`READY=1 STATUS=listening at port ${port}`))
      expect(told).not.toContain('RELOADING')
      run.child.kill('SIGHUP')
      await eventually(() => expect(told).toMatch(/RELOADING=1 MONOTONIC_USEC=\d+[\s\S]*READY=1/))
      await run.end('SIGTERM')
      await eventually(() => expect(told).toContain('STOPPING=1'))
      expect(run.stdout).not.toContain('systemd cannot be told')
    })

    it('is told of the end before a reload that is not over, and of nothing afterwards', async () => {
      const NOTIFY_SOCKET = join(scene.folder, 'notify')
      receiver = spawn('python3', ['-c', RECEIVER, NOTIFY_SOCKET])
      let told = ''
      receiver.stdout?.setEncoding('utf8').on('data', (text) => {
        told += text
      })
      await eventually(() => expect(told).toBe('bound\n'))
      vi.stubEnv('NOTIFY_SOCKET', NOTIFY_SOCKET)
      const notice = systemdNotice({ NOTIFY_SOCKET }, { warn: () => {} })
      notice.ready(1)
      await eventually(() => expect(told).toContain('READY=1'))
      told = ''
      for (let reload = 0; reload < 3; reload++) notice.reloading()
      notice.stopping()
      for (let reload = 0; reload < 3; reload++) notice.ready(1)
      await eventually(() => expect(told).toContain('STOPPING=1'))
      await pause(500)
      expect(told.replaceAll('BARRIER=1\n', '')).toBe('STOPPING=1 STATUS=ending its streams\n')
    })

    it('serves although nothing takes what it tells, and says so once', async () => {
      const env = { ...SERVE_SETTINGS, WORKERS: '1', NOTIFY_SOCKET: join(scene.folder, 'nothing') }
      const run = scene.start(['serve'], env)
      const { port } = await run.listening()
      expect(await statusOf(port)).toBe(401)
      run.child.kill('SIGHUP')
      await eventually(() => expect(lines(run, 'settings read again')).toBe(1))
      await run.end('SIGTERM')
      expect(lines(run, 'systemd cannot be told')).toBe(1)
    })
  },
)

const PRIMARY = `import cluster from 'node:cluster'
cluster.setupPrimary({ exec: ${JSON.stringify(CLI)}, args: ['serve'] })
const add = () => cluster.fork()
process.on('SIGUSR2', add)
process.on('SIGTERM', () => { for (const { process } of Object.values(cluster.workers)) process.kill('SIGTERM') })
cluster.on('exit', (_, code) => console.log('exit code ' + code))
add()`

describe.each(['1', '2'])('a worker of node:cluster, with WORKERS=%s', (workers) => {
  it('serves if it is the only one; a second one is refused in one line', async () => {
    const program = [process.execPath, scene.file('primary.mjs', PRIMARY)]
    const port = await freePort()
    const env = { ...SERVE_SETTINGS, PORT: String(port), ADMIN_PORT: String(await freePort()) }
    const run = scene.start([], { ...env, WORKERS: workers }, { program })
    await run.listening()
    expect(await statusOf(port)).toBe(401)
    run.child.kill('SIGUSR2')
    await eventually(() => expect(run.stdout).toContain('exit code 1'))
    expect(run.stderr).toMatch(
      /^kafka-sse: port \d+ is in use \((ADMIN_)?PORT\): this is a worker of node:cluster or pm2, of which one can serve\. .*\n$/,
    )
    expect(await statusOf(port)).toBe(401)
    run.child.kill('SIGTERM')
    await eventually(() => expect(run.stdout).toContain('exit code 0'))
    await run.ended
  })

  it('ends with its primary', async () => {
    const program = [process.execPath, scene.file('primary.mjs', PRIMARY)]
    const run = scene.start([], { ...SERVE_SETTINGS, WORKERS: workers }, { program })
    await run.listening()
    await run.end('SIGKILL')
  })
})
