// How a process stops while a name is looked up of which DNS says nothing. Needs `npm run build`.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { CLI, type CommandProcess, CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { makeKey } from '../support/keys-and-tokens.ts'
import { eventually } from '../support/time.ts'

/**
 * A CONFIG_FILE. In the process that serves, all four threads of libuv open a pipe that nothing writes, and a name is
 * looked up behind them: as when DNS is silent, for ever.
 */
const LOOKING_UP = `import { lookup } from 'node:dns'
import { existsSync, open } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
const isServing = process.env.WORKERS === '1' || process.send !== undefined
const waiting = setInterval(() => {
  if (!existsSync('begin')) return
  clearInterval(waiting)
  for (let thread = 0; thread < 4; thread++) open('pipe', 'r', () => {})
  lookup('name.example', () => {})
  console.log('looks up')
}, 20)
if (!isMainThread || !isServing) clearInterval(waiting)
export default {}`

/** Ends with a second signal that Node has noted, and not yet told. */
const SIGNALLED_LATE = `import { lookup } from 'node:dns'
import { open } from 'node:fs'
const { exit } = await import('../app/exit.js')
const { processSignals } = await import('../app/stop-signals.js')
const signals = processSignals()
for (let thread = 0; thread < 4; thread++) open('pipe', 'r', () => {})
lookup('name.example', () => {})
signals.push('SIGTERM')
process.kill(process.pid, 'SIGINT')
await exit(0, signals)`.replaceAll("'../app/", `'${new URL('app/', pathToFileURL(CLI))}`)

const scenes: CommandScene[] = []
afterAll(() => Promise.all(scenes.map((scene) => scene.close())))

function sceneWith(files: Readonly<Record<string, string>>): CommandScene {
  const scene = CommandScene.open(files)
  scenes.push(scene)
  execFileSync('mkfifo', [join(scene.folder, 'pipe')])
  return scene
}

async function lookingUp(workers: string, env: Record<string, string> = {}): Promise<CommandProcess> {
  const files = { 'public.pem': makeKey('ES256').publicPem, 'looks-up.mjs': LOOKING_UP }
  const scene = sceneWith(files)
  const settings = { ...SERVE_SETTINGS, CONFIG_FILE: 'looks-up.mjs', WORKERS: workers, ...env }
  const run = scene.start(['serve'], settings)
  await run.listening()
  scene.file('begin', '')
  await said(run, 'looks up')
  return run
}

const said = (run: CommandProcess, words: string) => eventually(() => expect(run.stdout).toContain(words))

describe.concurrent('while a name is looked up, and DNS is silent', () => {
  it('a second signal ends the process at once, also after all was closed', async () => {
    const run = await lookingUp('1')
    run.child.kill('SIGTERM')
    await said(run, '"msg":"closed"')
    expect(await run.end('SIGINT')).toBe('SIGINT')
  })

  it('so does one that comes in the moment of the exit', async () => {
    const scene = sceneWith({ 'late.mjs': SIGNALLED_LATE })
    expect(await scene.start(['late.mjs'], {}, { program: [process.execPath] }).ended).toBe('SIGINT')
  })

  it('so does one that skips the linger time', async () => {
    const run = await lookingUp('1', { LINGER_SECONDS: '60' })
    run.child.kill('SIGTERM')
    await said(run, 'not ready any more')
    expect(await run.end('SIGTERM')).toBe('SIGTERM')
    expect(run.stdout).toContain('"msg":"closed"')
  })

  it('with workers the first one does', async () => {
    const run = await lookingUp('2')
    expect(await run.end('SIGTERM')).toBe(0)
    expect(run.stdout).toContain('"msg":"closed"')
  })
})
