// The units of deploy/systemd: read by systemd's own programs, and the server with a socket that systemd's program
// hands over. Needs `npm run build`.

import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { meaningOf } from '../../src/config/known-variables.ts'
import { SERVER_SETTINGS } from '../../src/config/server-settings.ts'
import { SSE_SETTINGS } from '../../src/config/stream-settings.ts'
import { CLI, SERVE_SETTINGS } from '../support/command-process.ts'
import { freePort } from '../support/free-port.ts'
import { makeKey } from '../support/keys-and-tokens.ts'
import { keepPrintedBy } from '../support/printed.ts'
import { hasPrograms } from '../support/programs.ts'

const run = promisify(execFile)
const UNITS = join(import.meta.dirname, '../../deploy/systemd')
const read = (name: string) => readFileSync(join(UNITS, name), 'utf8')
const SERVICE = read('kafka-sse.service')
/** Of 10. */
const EXPOSURE_MAX = 2
/** Beside other tests it takes many seconds. */
const STARTED = { timeout: 50_000, interval: 50 }
const can = hasPrograms(
  'the units of systemd',
  'systemd-analyze',
  'systemd-socket-activate',
  'systemd-sysusers',
)

/** All values of a key, in their order. */
const all = (text: string, key: string) =>
  [...text.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value]) => value)

describe('The units of systemd', () => {
  it('start what the image starts, and reload, stop and restart it as it expects', () => {
    const entry = /^ENTRYPOINT (.*)$/m.exec(readFileSync(join(UNITS, '../../Dockerfile'), 'utf8'))?.[1]
    const [, ...args] = JSON.parse(entry ?? '[]').map((part: string) =>
      part.replace('/app/', '/opt/kafka-sse/'),
    )
    expect(all(SERVICE, 'ExecStart')).toEqual([`/usr/bin/node ${args.join(' ')} serve`])
    expect(all(SERVICE, 'ExecReload')).toEqual(['/bin/kill -HUP $MAINPID'])
    const [stopSeconds] = all(SERVICE, 'TimeoutStopSec').map(Number)
    const [linger] = all(read('settings'), 'LINGER_SECONDS').map(Number)
    const drain = Number(SSE_SETTINGS.drainSeconds.default)
    // The file also names the linger time behind a load balancer.
    expect(read('settings')).toMatch(/load balancer: 5\.$/m)
    expect(stopSeconds).toBeGreaterThan(Math.max(linger ?? 0, 5) + drain + 5)
    const [files] = all(SERVICE, 'LimitNOFILE').map(Number)
    expect(files).toBeGreaterThan(2 * Number(SERVER_SETTINGS.connectionsMax.default))
  })

  it('set variables that there are, and their files are where the user’s folder is', () => {
    const lines = read('settings')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
    expect(lines.length).toBeGreaterThan(5)
    for (const line of lines) {
      const [, name = '', value = ''] = /^([A-Z_]+)=(.*)$/.exec(line) ?? []
      expect(meaningOf(name, value), line).not.toBe('unknown')
      if (name.endsWith('_FILE')) expect(value).toMatch(/^\/etc\/kafka-sse\//)
    }
  })
})

describe.skipIf(!can)('By systemd’s own programs', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'systemd-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('the units are right', async () => {
    const files = ['kafka-sse.service', 'kafka-sse.socket'].map((name) => {
      // Programs of this machine, since it is checked that they are there.
      const text = read(name)
        .replace('/usr/bin/node', process.execPath)
        .replace('/opt/kafka-sse/dist/src/cli.js', CLI)
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    })
    expect(await run('systemd-analyze', ['verify', ...files])).toEqual({ stdout: '', stderr: '' })
    writeFileSync(join(folder, 'kafka-sse.service'), SERVICE.replace('Restart=on', 'Restart=in'))
    const { stderr } = await run('systemd-analyze', ['verify', ...files]).catch((error) => error)
    expect(stderr).toContain('restart specifier')
  })

  it(`the service is exposed to less than ${EXPOSURE_MAX} of 10`, async () => {
    const args = ['security', '--offline=true', '--no-pager', `--threshold=${EXPOSURE_MAX * 10}`]
    const { stdout } = await run('systemd-analyze', [...args, join(UNITS, 'kafka-sse.service')])
    const level = Number(/Overall exposure level for kafka-sse\.service: ([\d.]+)/.exec(stdout)?.[1])
    console.log(`exposure ${level}`)
    expect(level).toBeLessThan(EXPOSURE_MAX)
  })

  it('the user is one that can be made', async () => {
    const { stdout, stderr } = await run('systemd-sysusers', ['--dry-run', join(UNITS, 'sysusers.conf')])
    expect(stdout + stderr).toMatch(/user '?kafka-sse'?/)
    expect(all(SERVICE, 'User')).toEqual(['kafka-sse'])
  })

  it.each([1, 2])('the server serves at the socket that it is handed, with WORKERS=%i', async (workers) => {
    writeFileSync(join(folder, 'public.pem'), makeKey('ES256').publicPem)
    const port = await freePort()
    const given = { ...SERVE_SETTINGS, PORT: '1', WORKERS: String(workers) }
    const variables = Object.entries(given).flatMap(([name, value]) => ['-E', `${name}=${value}`])
    const args = ['-l', `127.0.0.1:${port}`, ...variables, process.execPath, CLI, 'serve']
    const child = spawn('systemd-socket-activate', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    keepPrintedBy(child)
    const ended = new Promise((resolve) => child.once('close', resolve))
    onTestFinished(async () => {
      child.kill('SIGKILL')
      await ended
    })
    // It becomes the server with the first client, who waits until it listens.
    const first = await vi.waitFor(() => fetch(`http://127.0.0.1:${port}/events`), STARTED)
    expect(first.status).toBe(401)
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
  })
})
