// How a real process stops: the words that operators and load balancers are told, and the signals that do not stop it.
// Needs `npm run build`.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { errorCode } from '../../src/errors.ts'
import { CLI, type CommandProcess, CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { makeKey, mintToken } from '../support/keys-and-tokens.ts'
import { hasPrograms } from '../support/programs.ts'
import { eventually, until } from '../support/time.ts'

const key = makeKey('ES256')
let scene: CommandScene
beforeEach(() => {
  scene = CommandScene.open({ 'public.pem': key.publicPem })
})
afterEach(() => scene.close())

function start(workers: string, env: Record<string, string> = {}, leadsGroup = false): CommandProcess {
  return scene.start(['serve'], { ...SERVE_SETTINGS, WORKERS: workers, ...env }, { leadsGroup })
}

/** Status and body of a GET; null once the server is gone. */
async function get(url: string, headers: Record<string, string> = {}) {
  try {
    const response = await fetch(url, { headers: { connection: 'close', ...headers } })
    return { status: response.status, text: await response.text() }
  } catch {
    return null
  }
}

const authorization = () => `Bearer ${mintToken(key)}`
const openStream = (port: number) =>
  fetch(`http://127.0.0.1:${port}/events`, { headers: { authorization: authorization() } })
const words = (run: CommandProcess, message: string) => run.stdout.includes(`"msg":"${message}"`)

/** Prints so when it is reached, in the launcher alone. */
const REACHED = `import { isMainThread } from 'node:worker_threads'
if (isMainThread && process.send === undefined) console.log('reached')`
/** Makes the command's own module take a second to be loaded, and prints when that begins. */
const HOOKS = `import { writeSync } from 'node:fs'
export async function load(url, context, next) {
  if (url.endsWith('/commands/serve.js')) {
    writeSync(1, 'reached\\n')
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }
  return next(url, context)
}`
const LOADING = `import { register } from 'node:module'
register('data:text/javascript,' + ${JSON.stringify(encodeURIComponent(HOOKS))})`
/** While a server starts: what it does, and the settings that make it say when it does. */
const PHASES: [string, () => Record<string, string>][] = [
  ['loads its modules', () => ({ NODE_OPTIONS: `--import ${scene.file('loading.mjs', LOADING)}` })],
  [
    'waits for its CONFIG_FILE',
    () => ({
      CONFIG_FILE: scene.file(
        'waits.mjs',
        `${REACHED}\nawait new Promise(() => setInterval(() => {}, 1000))`,
      ),
    }),
  ],
  ['builds itself', () => ({ CONFIG_FILE: scene.file('is-read.mjs', `${REACHED}\nexport default {}`) })],
]

describe.each(['1', '2'])('SIGTERM, with WORKERS=%s', (workers) => {
  it('turns readiness red at once, for LINGER_SECONDS and the drain, also without streams', async () => {
    const run = start(workers, { LINGER_SECONDS: '1.5' })
    const { port, adminPort } = await run.listening()
    const ready = `http://127.0.0.1:${adminPort}/health/ready`
    run.child.kill('SIGTERM')
    const toldAtMs = performance.now()
    await vi.waitUntil(async () => (await get(ready))?.text.includes('the server is draining'), {
      timeout: 1000,
      interval: 20,
    })
    // All else goes on: a stream opens as before.
    const stream = await openStream(port)
    expect(stream.status).toBe(200)
    expect((await get(`http://127.0.0.1:${adminPort}/metrics`))?.text).toContain('kafka_sse_draining 1')
    const statuses = new Set<number>()
    for (let answer = await get(ready); answer !== null; answer = await get(ready)) {
      statuses.add(answer.status)
      await pause(50)
    }
    expect([...statuses]).toEqual([503])
    expect(performance.now() - toldAtMs).toBeGreaterThan(1500)
    expect(await stream.text()).toContain(':end shutdown\n')
    expect(await run.ended).toBe(0)
    expect(words(run, 'not ready any more')).toBe(true)
  })

  it('turns new streams away while the drain goes on, and readiness stays red', async () => {
    const run = start(workers, { DRAIN_SECONDS: '4' })
    const { port, adminPort } = await run.listening()
    const streams = await Promise.all(Array.from({ length: 8 }, () => openStream(port)))
    run.child.kill('SIGTERM')
    await eventually(() => expect(words(run, 'draining')).toBe(true))
    const late = await get(`http://127.0.0.1:${port}/events`, { accept: 'text/event-stream' })
    expect(late).toMatchObject({ status: 200, text: expect.stringMatching(/:end busy\n/) })
    expect((await get(`http://127.0.0.1:${port}/events`))?.status).toBe(503)
    expect((await get(`http://127.0.0.1:${adminPort}/health/ready`))?.status).toBe(503)
    for (const stream of streams) expect(await stream.text()).toContain(':end shutdown\n')
    expect(await run.ended).toBe(0)
  })

  it('a second one does not wait for LINGER_SECONDS', async () => {
    const run = start(workers, { LINGER_SECONDS: '60' })
    await run.listening()
    run.child.kill('SIGTERM')
    await eventually(() => expect(words(run, 'not ready any more')).toBe(true))
    expect(await run.end('SIGTERM')).toBe(0)
  })

  it('comes as SIGINT from a terminal, where LINGER_SECONDS is not waited for', async () => {
    const run = start(workers, { LINGER_SECONDS: '60' })
    await run.listening()
    expect(await run.end('SIGINT')).toBe(0)
    expect(words(run, 'draining')).toBe(true)
  })

  it('ends the process even if its CONFIG_FILE has left something running', async () => {
    const CONFIG_FILE = scene.file('timer.mjs', 'setInterval(() => {}, 1000); export default {}')
    const run = start(workers, { CONFIG_FILE })
    await run.listening()
    expect(await run.end('SIGTERM')).toBe(0)
  })

  it.each(PHASES)('ends with 0 while it %s, and leaves no process', async (_, env) => {
    const run = start(workers, env())
    await eventually(() => expect(run.stdout).toContain('reached'))
    expect(await run.end('SIGTERM')).toBe(0)
    expect(run.stderr).toBe('')
  })
})

describe.each(['1', '2'])('SIGHUP, with WORKERS=%s', (workers) => {
  it.each(['to the process', 'to its group'])('%s ends no stream, and is logged', async (to) => {
    const run = start(workers, {}, true)
    const { port } = await run.listening()
    const stream = await openStream(port)
    process.kill(to === 'to its group' ? -run.pid : run.pid, 'SIGHUP')
    await eventually(() => expect(words(run, 'settings read again')).toBe(true))
    expect((await openStream(port)).status).toBe(200)
    run.child.kill('SIGTERM')
    expect(await stream.text()).toContain(':end shutdown\n')
    expect(await run.ended).toBe(0)
    expect(run.stdout.split('settings read again')).toHaveLength(2)
  })

  it.each(PHASES.filter(([phase]) => !phase.startsWith('waits')))(
    'while it %s ends nothing',
    async (_, env) => {
      const run = start(workers, env())
      await eventually(() => expect(run.stdout).toContain('reached'))
      run.child.kill('SIGHUP')
      await run.listening()
    },
  )
})

// The launcher may pass on a signal, or what it has read again, to a process that ends at that moment.
it.each(['SIGHUP', 'SIGTERM'] as const)(
  '%s again and again until the end does not change the exit code',
  async (signal) => {
    const run = start('2', { RELOAD_SECONDS: '0' })
    await run.listening()
    run.child.kill('SIGTERM')
    const sending = setInterval(() => run.child.kill(signal), 1)
    const code = await run.ended
    clearInterval(sending)
    expect([code, run.stderr]).toEqual([0, ''])
  },
)

/** A CONFIG_FILE with which the serving process takes that long to exit. */
function endsSlowly(ms: number): string {
  const text = `import { isMainThread } from 'node:worker_threads'
if (isMainThread && process.send !== undefined)
  process.on('exit', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${ms}))
export default {}`
  return scene.file('ends-slowly.mjs', text)
}

it('a launcher that is killed frees the port at once, however long the process beside it would take', async () => {
  const run = start('2', { CONFIG_FILE: endsSlowly(8000) })
  const { port } = await run.listening()
  const killedAtMs = performance.now()
  run.child.kill('SIGKILL')
  await eventually(async () => expect(await get(`http://127.0.0.1:${port}/events`)).toBe(null))
  expect(performance.now() - killedAtMs).toBeLessThan(6000)
})

it('no worker has a socket any more that takes connections, once all have closed', async () => {
  const run = start('2', { CONFIG_FILE: endsSlowly(3000) })
  const { port } = await run.listening()
  run.child.kill('SIGTERM')
  await eventually(() => expect(words(run, 'closed')).toBe(true))
  const outcome = await new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.destroy()
      resolve('connected')
    }).on('error', (error) => resolve(errorCode(error)))
  })
  expect(outcome).toBe('ECONNREFUSED')
  expect(await run.ended).toBe(0)
})

// A terminal is made by Python, which waits for a line on its input and then closes the terminal's other end.
const TERMINAL = `
import os, pty, sys, threading
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
print(pid, flush=True)
gone = threading.Event()
def copy():
    while not gone.is_set():
        try:
            os.write(1, os.read(terminal, 65536))
        except OSError:
            return
threading.Thread(target=copy, daemon=True).start()
sys.stdin.readline()
gone.set()
os.close(terminal)
print('closed', flush=True)
sys.stdin.readline()
`

describe.runIf(hasPrograms('a terminal that goes away', 'python3'))('a terminal that goes away', () => {
  let terminal: ChildProcess | null = null
  let pid = 0
  afterEach(() => {
    if (pid > 0) process.kill(-pid, 'SIGKILL')
    terminal?.kill('SIGKILL')
  })

  it.each(['1', '2'])(
    'ends no stream, and what is logged afterwards is lost, WORKERS=%s',
    async (workers) => {
      const env = { PATH: process.env.PATH, ...SERVE_SETTINGS, WORKERS: workers }
      const args = ['-c', TERMINAL, process.execPath, CLI, 'serve']
      terminal = spawn('python3', args, { cwd: scene.folder, env })
      let said = ''
      terminal.stdout?.setEncoding('utf8').on('data', (text) => {
        said += text
      })
      await until(() => said.includes('"msg":"listening"'))
      pid = Number(/^\d+/.exec(said)?.[0])
      const port = Number(/"port":(\d+)/.exec(said)?.[1])
      const stream = await openStream(port)
      terminal.stdin?.write('\n')
      await until(() => said.includes('closed'))
      // Each of these is logged.
      for (let request = 0; request < 5; request++)
        expect((await get(`http://127.0.0.1:${port}/events`))?.status).toBe(401)
      expect((await openStream(port)).status).toBe(200)
      process.kill(pid, 'SIGTERM')
      expect(await stream.text()).toContain(':end shutdown\n')
      const ended = once(terminal, 'exit')
      terminal.stdin?.write('\n')
      await ended
      pid = 0
    },
  )
})
