// The code blocks of the client's README, run as they stand.

import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { connect, type TokenRequest } from '../../../client/src/index.ts'
import { eventually } from '../../support/time.ts'
import { FetchServer, STREAM_URL, status } from './client-scene.ts'

const README = readFileSync(new URL('../../../client/README.md', import.meta.url), 'utf8')
const BLOCKS = [...README.matchAll(/```js\n(.*?)```/gs)].map(([, code = '']) => code)

/** Runs a block, without its imports, in a function that has these names. */
function run(block: string, names: Readonly<Record<string, unknown>>, answer = ''): Promise<unknown> {
  const code = block.replaceAll(/^import .*\n/gm, '')
  const body = new Function(...Object.keys(names), `return (async () => { ${code}\n${answer} })()`)
  return body(...Object.values(names))
}

type GetToken = (request: Pick<TokenRequest, 'reason'>) => Promise<string | null>

describe('the README of the client', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('reads a stream', async () => {
    const server = new FetchServer()
    server.answers = [() => server.stream('data:one\nid:a\n\n', ':ready\n\n')]
    const fetched = async () => ({ text: async () => 'token' })
    const read = vi.fn()
    const closing = new AbortController()
    onTestFinished(() => closing.abort())
    const open: typeof connect = (_, options) =>
      connect(STREAM_URL, { ...options, fetch: server.fetch, signal: closing.signal })
    const reading = run(BLOCKS[0] ?? '', { connect: open, fetch: fetched, console: { log: read } })
    await eventually(() => expect(read.mock.calls).toEqual([['a', 'one']]))
    expect(server.gets()[0]?.headers).toMatchObject({ authorization: 'Bearer token' })
    closing.abort()
    await reading
  })

  it('asks a cache for tokens, which gives no old one for a challenge or after a refusal', async () => {
    vi.useFakeTimers()
    let made = 0
    let answer: () => unknown = () => ({
      ok: true,
      json: async () => ({ token: `t${++made}`, expiresIn: 300 }),
    })
    const getToken = (await run(
      BLOCKS[1] ?? '',
      { fetch: async () => answer() },
      'return getToken',
    )) as GetToken
    const ask = (reason: TokenRequest['reason']) => getToken({ reason })
    expect([await ask('connect'), await ask('connect'), await ask('challenge')]).toEqual(['t1', 't1', 't2'])
    expect([await ask('connect'), await ask('refused'), await ask('connect')]).toEqual(['t2', 't3', 't3'])
    await vi.advanceTimersByTimeAsync(271_000)
    expect(await ask('connect')).toBe('t4')
    answer = () => status(500)
    await expect(ask('challenge')).rejects.toThrow('/token: 500')
    answer = () => status(401)
    expect(await ask('challenge')).toBeNull()
    expect(BLOCKS).toHaveLength(3)
  })

  it('is served to a page from the folder of the package’s entry', async () => {
    let served: { root: string } | undefined
    const app = { register: (_: unknown, options: { root: string }) => (served = options) }
    const { fileURLToPath } = await import('node:url')
    const block = (BLOCKS[2] ?? '').replace('import.meta.resolve', 'resolve')
    const resolve = (name: string) => import.meta.resolve(name)
    await run(block, { app, fastifyStatic: null, fileURLToPath, URL, resolve })
    expect(readFileSync(`${served?.root}index.js`, 'utf8')).toContain('connect')
  })

  it('says of each code of an error what to do', () => {
    const types = readFileSync(new URL('../../../client/src/stream-error.ts', import.meta.url), 'utf8')
    const codes = [...types.matchAll(/^ {2}\| '([a-z-]+)'/gm)].map(([, code]) => code)
    const rows = README.slice(README.indexOf('| `code` |'))
    expect(codes.length).toBeGreaterThan(8)
    for (const code of codes) expect(rows).toContain(`\`${code}\``)
  })
})
