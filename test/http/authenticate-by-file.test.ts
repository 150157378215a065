// A CONFIG_FILE with an `authenticate` function in a real process, with one thread and with workers. Needs `npm run
// build`.

import { once } from 'node:events'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { INSPECTABLE, RunningWorkers } from '../faults/running-workers.ts'
import { type CommandProcess, CommandScene, LOCAL_SETTINGS, NO_KAFKA } from '../support/command-process.ts'
import { AUDIENCE, ISSUER, makeKey, mintToken } from '../support/keys-and-tokens.ts'
import { ServerProcess } from '../support/server-process.ts'

const key = makeKey('ES256')
/** Tokens that `authenticate` stands instead of: a server that knows of none starts like one that does. */
const TOKENS = { JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE, JWT_KEYS: key.publicPem }
const SERVERS: [workers: string, which: string, tokens: Partial<typeof TOKENS>][] = [
  ['1', 'no JWT setting', {}],
  ['1', 'issuer, audience and keys', TOKENS],
  ['2', 'no JWT setting', {}],
  ['2', 'issuer, audience and keys', TOKENS],
]
const SOON = { timeout: 30_000, interval: 50 }
let scene: CommandScene
beforeEach(() => {
  scene = CommandScene.open()
})
afterEach(() => scene.close())

function start(
  workers: string,
  config: string,
  tokens: Partial<typeof TOKENS> = {},
  sockets: readonly number[] = [],
): CommandProcess {
  const CONFIG_FILE = scene.file('options.mjs', config)
  return scene.start(['serve'], { ...LOCAL_SETTINGS, ...tokens, WORKERS: workers, CONFIG_FILE }, { sockets })
}

async function statusOf(port: number, headers: Record<string, string> = {}): Promise<number> {
  const aborted = new AbortController()
  const url = `http://127.0.0.1:${port}/events`
  const { status } = await fetch(url, { headers, signal: aborted.signal })
  aborted.abort()
  return status
}

const authorization = () => `Bearer ${mintToken(key)}`

const REFUSES = `export default { auth: { authenticate: async () => {
  throw Object.assign(new Error('no one comes in here'), { statusCode: 403 })
} } }`
/** Loaded with a top-level await, and with state of its own that is not in the options. */
const BY_HEADER = `
await new Promise((resolve) => setTimeout(resolve, 50))
const known = new Map([['alice', /^a/]])
export default { auth: { authenticate: ({ headers }) => known.has(headers['x-user'])
  ? { subject: headers['x-user'], expiresAt: new Date(Date.now() + 60_000) } : null } }`

/** Revokes the subject of one header, and answers with a session of another. */
const REVOKES = `export default { auth: { authenticate: async ({ headers, server }) => {
  if (headers['x-revoked']) await server.kafkaSse.revoke({ sub: headers['x-revoked'] })
  const issuedAt = headers['x-issued'] ? Number(headers['x-issued']) : undefined
  const expiresAt = Date.now() + 60_000
  return headers['x-user'] ? { subject: headers['x-user'], expiresAt, issuedAt } : null
} } }`

/** Holds up the event loop of its thread for the milliseconds of a header. */
const HOLDS_UP = `export default { auth: { authenticate: ({ headers }) => {
  const untilMs = Date.now() + Number(headers['x-hold-ms'])
  while (Date.now() < untilMs);
  return null
} } }`

describe('a worker whose event loop an authenticate holds up', () => {
  it('has its delay in the metrics while that lasts, although it cannot report it', async () => {
    const { port, adminPort } = await start('2', HOLDS_UP).listening()
    const delays = async () => {
      const response = await fetch(`http://127.0.0.1:${adminPort}/metrics`)
      return (await response.text()).match(/(?<=^kafka_sse_event_loop_delay_seconds.*) .*$/gm)?.map(Number)
    }
    const least = async () => Math.min(...((await delays()) ?? []))
    await vi.waitFor(async () => expect(await least()).toBeLessThan(1), SOON)
    const held = statusOf(port, { 'x-hold-ms': '2500' })
    await vi.waitFor(async () => expect(await least()).toBeGreaterThan(1), { ...SOON, timeout: 2_500 })
    expect(await held).toBe(401)
    await vi.waitFor(async () => expect(await least()).toBeLessThan(1), SOON)
  })
})

describe.each(['1', '2'])('a revocation from authenticate in a CONFIG_FILE, with WORKERS=%s', (workers) => {
  it('ends the streams of its sessions’ subject in every thread, and refuses those that were issued before', async () => {
    const { port } = await start(workers, REVOKES).listening()
    const issuedAtMs = Date.now()
    const open = (user: string) =>
      fetch(`http://127.0.0.1:${port}/events`, { headers: { 'x-user': user, 'x-issued': `${issuedAtMs}` } })
    // Each has a connection of its own, which any thread may have taken.
    const [alices, bobs] = await Promise.all([Promise.all(Array(12).fill('alice').map(open)), open('bob')])
    expect([...alices, bobs].map(({ status }) => status)).toEqual(Array(13).fill(200))
    const revokedAtMs = Date.now()
    expect(await statusOf(port, { 'x-revoked': 'alice' })).toBe(401)
    const ends = await Promise.all(alices.map((response) => response.text()))
    expect(Date.now() - revokedAtMs).toBeLessThan(1_000)
    for (const text of ends) expect(text).toMatch(/:end revoked\n\n$/)

    const statuses = (issued: Record<string, string>) =>
      Promise.all(Array.from({ length: 8 }, () => statusOf(port, { 'x-user': 'alice', ...issued })))
    expect(await statuses({ 'x-issued': `${issuedAtMs}` })).toEqual(Array(8).fill(401))
    expect(await statuses({})).toEqual(Array(8).fill(401))
    expect(await statuses({ 'x-issued': `${Date.now() + 1_000}` })).toEqual(Array(8).fill(200))
    const reader = bobs.body?.getReader()
    expect((await reader?.read())?.done).toBe(false)
    await reader?.cancel()
  })
})

describe.each(SERVERS)('authenticate in a CONFIG_FILE, with WORKERS=%s and %s', (workers, _, tokens) => {
  it('refuses every request, even with a good token, if it refuses all', async () => {
    const { port } = await start(workers, REFUSES, tokens).listening()
    const statuses = await Promise.all(
      Array.from({ length: 4 }, () => statusOf(port, { authorization: authorization() })),
    )
    expect(statuses).toEqual([403, 403, 403, 403])
  })

  it('admits requests by a header that it knows, and none by a token', async () => {
    const { port } = await start(workers, BY_HEADER, tokens).listening()
    expect(await statusOf(port, { 'x-user': 'alice' })).toBe(200)
    expect(await statusOf(port, { 'x-user': 'mallory' })).toBe(401)
    expect(await statusOf(port, { authorization: authorization() })).toBe(401)
  })

  it('decides at a socket that a supervisor has opened, too', async () => {
    const socket = createServer().listen(0, '127.0.0.1')
    await once(socket, 'listening')
    const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
    const { port } = await start(workers, BY_HEADER, tokens, [fd]).listening()
    socket.close()
    expect(await statusOf(port, { 'x-user': 'alice' })).toBe(200)
    expect(await statusOf(port, { authorization: authorization() })).toBe(401)
  })
})

describe('a CONFIG_FILE that is different in another thread', () => {
  it('ends the start if it changed meanwhile, and says so', async () => {
    // Each thread that loads it changes it for the next one.
    const changing = `import { appendFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
export default { auth: { authenticate: () => null } }
setTimeout(() => appendFileSync(fileURLToPath(import.meta.url), '// later\\n'), 0)`
    const run = start('2', changing)
    expect(await run.ended).toBe(1)
    expect(run.stderr).toMatch(
      /^kafka-sse: CONFIG_FILE: .*\.mjs or a file that it imports has changed since it was read first; start again\n/,
    )
  })

  it('ends the start if the function is only in the main thread, and names it', async () => {
    const once = `import { isMainThread } from 'node:worker_threads'
export default { auth: isMainThread ? { authenticate: () => null } : {} }`
    const run = start('2', once)
    expect(await run.ended).toBe(1)
    expect(run.stderr).toMatch(
      /^kafka-sse: CONFIG_FILE: .*\.mjs: auth\.authenticate is not a function in every thread\n$/,
    )
  })

  it('ends the start if the function is only in workers, and names it', async () => {
    const once = `import { isMainThread } from 'node:worker_threads'
export default { auth: isMainThread ? {} : { authenticate: () => null } }`
    const run = start('2', once, TOKENS)
    expect(await run.ended).toBe(1)
    expect(run.stderr).toMatch(
      /^kafka-sse: CONFIG_FILE: .*\.mjs: auth\.authenticate is not a function in every thread\n$/,
    )
  })

  it('ends the start if a worker cannot load it, and says what it threw', async () => {
    const once = `import { isMainThread } from 'node:worker_threads'
if (!isMainThread) throw new Error('not in a thread')
export default { auth: { authenticate: () => null } }`
    const run = start('2', once)
    expect(await run.ended).toBe(1)
    expect(run.stderr).toMatch(/^kafka-sse: CONFIG_FILE: cannot read .*\.mjs: not in a thread\n$/)
  })

  /** As a ConfigMap is updated: the link leads to another folder from one moment to the next. */
  function setLink(target: string): void {
    symlinkSync(target, join(scene.folder, 'next'))
    renameSync(join(scene.folder, 'next'), join(scene.folder, 'data'))
  }

  function writeFolder(name: string, authenticate: string): void {
    mkdirSync(join(scene.folder, name))
    writeFileSync(join(scene.folder, name, 'auth.mjs'), `export const authenticate = ${authenticate}`)
    writeFileSync(
      join(scene.folder, name, 'config.mjs'),
      "import { authenticate } from './auth.mjs'\nexport default { auth: { authenticate } }",
    )
  }

  it.each<[string, () => { file: string; change: () => void }]>([
    [
      'it has changed',
      () => {
        const file = scene.file('changes.mjs', BY_HEADER)
        return { file, change: () => writeFileSync(file, REFUSES) }
      },
    ],
    [
      'a file that it imports is another one behind a link',
      () => {
        writeFolder('v1', '() => null')
        writeFolder('v2', "() => ({ subject: 'any', expiresAt: new Date(Date.now() + 60_000) })")
        setLink('v1')
        return { file: join(scene.folder, 'data', 'config.mjs'), change: () => setLink('v2') }
      },
    ],
  ])(
    'ends the process with 1 if a worker dies after %s, because a new one would differ from the others',
    { timeout: 60_000 },
    async (_, write) => {
      const { file, change } = write()
      const settings = { WORKERS: '2', CONFIG_FILE: file, LOG_LEVEL: 'info', ...INSPECTABLE }
      const server = await ServerProcess.open(NO_KAFKA, 'events', { settings })
      const workers = await RunningWorkers.open(server)
      try {
        change()
        const [name = ''] = workers.names
        await workers.kill(name)
        workers.close() // Node waits for its debugger
        expect(await server.ended()).toBe(1)
        expect(server.output).toContain('or a file that it imports has changed since it was read first')
        expect(server.output).toContain('no listening socket is left for another worker')
      } finally {
        workers.close()
        await server.close()
      }
    },
  )
})
