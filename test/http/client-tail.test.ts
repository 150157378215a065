// `kafka-sse tail` against a server with a demo's own certificate, in a demo's folder: what it prints, trusts and
// answers.

import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer as createPlainServer } from 'node:http'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { tail } from '../../src/commands/tail.ts'
import { ensureDemoCredentials } from '../../src/demo/credentials.ts'
import { escaped } from '../../src/text/printable.ts'
import { CHALLENGE, ClientServer } from '../support/client-server.ts'
import { until } from '../support/time.ts'

describe('kafka-sse tail', () => {
  let folder: string
  let elsewhere: string
  let server: ClientServer
  let url: string
  let interrupt: AbortController
  let stdin: PassThrough
  let stdout: PassThrough
  let stderr: PassThrough

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tail-'))
    elsewhere = await mkdtemp(join(tmpdir(), 'tail-'))
    await ensureDemoCredentials({ folder, names: [] })
  })

  afterAll(async () => {
    await rm(folder, { recursive: true })
    await rm(elsewhere, { recursive: true })
  })

  beforeEach(async () => {
    const read = (name: string) => readFileSync(join(folder, name))
    const tls = { cert: read('server.crt'), key: read('server.key') }
    server = new ClientServer((listener) => createServer(tls, listener))
    url = `https://127.0.0.1:${await server.listen()}/events`
    interrupt = new AbortController()
    stdin = new PassThrough()
    stdout = new PassThrough()
    stderr = new PassThrough()
  })

  afterEach(async () => {
    interrupt.abort()
    await server.close()
  })

  const run = (args: string[], env: NodeJS.ProcessEnv = {}, cwd = folder) =>
    tail(args, env, { stdin, stdout, stderr, signal: interrupt.signal, folder: cwd })
  const printed = (output: PassThrough) => String(output.read() ?? '')

  it('trusts the demo of its folder, makes its own 30 s tokens, prints values, renews, ends on Ctrl-C', async () => {
    const status = run([url])
    await server.seen(1)
    const { exp = 0, sub } = decodeJwt(server.requests[0]?.token ?? '')
    expect(sub).toBe('example')
    expect(exp - Date.now() / 1_000).toBeGreaterThan(25)
    server.say(`data:{"id":1}\nid:a\n\nevent:delete\ndata:MQ==\nid:b\n\n${CHALLENGE}`)
    await server.seen(1, 1)
    const told = 'open\ndelete MQ==\nrenewed\n'
    await until(() => stderr.readableLength >= told.length)
    interrupt.abort()
    expect(await status).toBe(0)
    expect(printed(stdout)).toBe('{"id":1}\n')
    expect(printed(stderr)).toBe(told)
  })

  // Moves the cursor up, sets the title, writes into the clipboard; a C1 control; a carriage return; turns text around.
  const HOSTILE = 'a\x1b[1A\x1b]0;title\x07\x1b]52;c;cm0=\x07\x9b1A\x7f\u202e\u2066\u200f\tb'
  const SHOWN =
    'a\\u001b[1A\\u001b]0;title\\u0007\\u001b]52;c;cm0=\\u0007\\u009b1A\\u007f\\u202e\\u2066\u200f\tb'
  const SHOWN_JSON = ['\x9b', '\x7f', '\u202e', '\u2066'].reduce(
    (json, character) => json.replace(character, escaped),
    JSON.stringify(HOSTILE),
  )

  it.each([
    [true, [], SHOWN],
    [true, ['--json'], SHOWN_JSON],
    [false, [], HOSTILE],
  ])(
    'lets no record act on a terminal (%s, %j), and changes no byte for a program',
    async (isTTY, args, shown) => {
      Object.assign(stdout, { isTTY })
      const status = run([url, ...args])
      await server.seen(1)
      server.say(`data:${HOSTILE}\nid:a\n\nevent:delete\ndata:\x1b[2J\ndata:error: lost\nid:b\n\n`)
      await until(
        () => stdout.readableLength > HOSTILE.length && (args.length > 0 || stderr.readableLength > 20),
      )
      interrupt.abort()
      expect(await status).toBe(0)
      expect(printed(stdout)).toContain(shown)
      const reported = printed(stderr)
      expect(reported).not.toContain('\x1b')
      if (args.length === 0) expect(reported).toContain('delete \\u001b[2J error: lost\n')
    },
  )

  it('prints a line of JSON for every event, and begins at the given id', async () => {
    const status = run([url, '--json', '--last-event-id', 'AQIAAg==', '--from', 'latest'])
    await server.seen(1)
    expect(server.requests[0]).toMatchObject({
      path: '/events?from=latest',
      headers: { 'last-event-id': 'AQIAAg==' },
    })
    server.say(':gap too-old\n\ndata:a\ndata:b\nid:c\n\n')
    await until(() => stdout.readableLength > 60)
    interrupt.abort()
    expect(await status).toBe(0)
    const lines = printed(stdout).trim().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { id: 'AQA=', event: 'gap', data: 'too-old' },
      { id: 'c', event: 'message', data: 'a\nb' },
    ])
  })

  it('asks for chosen keys, headers and fields, besides what the URL itself chooses', async () => {
    const chosen = ['--key', 'EUR/USD', '--key', 'a&b = c', '--header', 'region=eu=1', '--field', '/a~1b=7']
    const status = run([`${url}?key=x`, ...chosen, '--from', 'latest'])
    await server.seen(1)
    const asked = new URL(server.requests[0]?.path ?? '', url).searchParams
    expect([...asked]).toEqual([
      ['key', 'x'],
      ['key', 'EUR/USD'],
      ['key', 'a&b = c'],
      ['headers.region', 'eu=1'],
      ['fields./a~1b', '7'],
      ['from', 'latest'],
    ])
    interrupt.abort()
    expect(await status).toBe(0)
  })

  it.each([
    [['-n', '2'], 'a\nb\n'],
    [['-n2', '--json'], /^{"id":"1".*\n{"id":"2".*\n$/],
    [['-e'], 'a\nb\nc\n'],
    [['-n', '9', '-e'], 'a\nb\nc\n'],
  ])('ends by itself after so many records, or when the topic has been printed: %j', async (args, shown) => {
    server.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data:a\nid:1\n\ndata:b\nid:2\n\ndata:c\nid:3\n\n:ready\n\ndata:d\nid:4\n\n')
    }
    expect(await run([url, ...args])).toBe(0)
    expect(printed(stdout)).toMatch(shown)
    expect(printed(stdout)).not.toContain('d')
  })

  it('counts deletes as records', async () => {
    const status = run([url, '-n', '2'])
    await server.seen(1)
    server.say('event:delete\ndata:MQ==\nid:b\n\ndata:a\nid:c\n\ndata:x\nid:d\n\n')
    expect(await status).toBe(0)
    expect(printed(stdout)).toBe('a\n')
  })

  it.each(['2026-11-28T12:00+01:00', '20261128T1200Z', '2026-11-28', '1764324000000', '0'])(
    'asks for records from a moment on: %s',
    async (since) => {
      const status = run([url, '--since', since])
      await server.seen(1)
      const asked = new URL(server.requests[0]?.path ?? '', url).searchParams
      expect([...asked]).toEqual([['since', since]])
      interrupt.abort()
      expect(await status).toBe(0)
    },
  )

  it.each([
    ['90s', 90_000],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
  ])('asks for records of the last %s', async (length, ms) => {
    const beganMs = Date.now()
    const status = run([url, '--since', length])
    await server.seen(1)
    const since = Number(new URL(server.requests[0]?.path ?? '', url).searchParams.get('since'))
    expect(since).toBeGreaterThanOrEqual(beganMs - ms)
    expect(since).toBeLessThanOrEqual(Date.now() - ms)
    interrupt.abort()
    expect(await status).toBe(0)
  })

  it('warns of epoch seconds, which are in 1970', async () => {
    const status = run([url, '--since', '1764324000'])
    await server.seen(1)
    interrupt.abort()
    expect(await status).toBe(0)
    expect(printed(stderr)).toMatch(
      /^--since 1764324000 is in 1970, so everything comes: epoch ms have three more/,
    )
  })

  it('says what to do about a certificate of an unknown authority, and about a wrong scheme', async () => {
    const first = async (address: string) => {
      const status = run([address, '--token', 't'], {}, elsewhere)
      await until(() => stderr.readableLength > 0)
      interrupt.abort()
      expect(await status).toBe(0)
      interrupt = new AbortController()
      return printed(stderr)
    }
    expect(await first(url)).toMatch(
      /^error: 127\.0\.0\.1:\d+ cannot be reached: .* no authority that is known here .*\. give a private authority by --ca/,
    )
    expect(await first(url.replace('https:', 'http:'))).toMatch(
      /^error: .*\. is the URL https:\/\/\?, again in/,
    )
  })

  it('sends headers, which may say who asks in place of a token', async () => {
    const status = run([url, '-H', 'Authorization: Bearer mine', '-H', 'X-Tenant:7', '-H', 'x-none:'])
    await server.seen(1)
    expect(server.requests[0]?.headers).toMatchObject({
      authorization: 'Bearer mine',
      'x-tenant': '7',
      'x-none': '',
    })
    interrupt.abort()
    expect(await status).toBe(0)
  })

  it('takes any certificate with -k, and says so', async () => {
    const told = 'insecure: the certificate is not verified, so anyone on the way can read the token\nopen\n'
    const status = run([url, '-k', '--token', 't'], {}, elsewhere)
    await server.seen(1)
    await until(() => stderr.readableLength >= told.length)
    expect(printed(stderr)).toBe(told)
    interrupt.abort()
    expect(await status).toBe(0)
  })

  it.each([
    ['', '/events'],
    ['/orders/7?from=latest', '/orders/7?from=latest'],
  ])('takes a URL without https://: HOST%s', async (rest, path) => {
    const { host } = new URL(url)
    const status = run([host + rest])
    await server.seen(1)
    expect(server.requests[0]?.path).toBe(path)
    interrupt.abort()
    expect(await status).toBe(0)
  })

  it('resumes after a reset', async () => {
    const status = run([url])
    await server.seen(1)
    server.say('data:1\nid:a\n\n')
    await until(() => stdout.readableLength > 0)
    server.breakOff()
    await server.seen(2)
    expect(server.gets()[1]?.headers['last-event-id']).toBe('a')
    interrupt.abort()
    expect(await status).toBe(0)
  })

  it('trusts no other authority than the one that it is given', async () => {
    const status = run([url, '--token', 't'], {}, elsewhere)
    await until(() => stderr.readableLength > 0)
    expect(printed(stderr)).toMatch(/ leads to no authority that is known here \(UNABLE_TO_\w+\)/)
    expect(server.requests).toEqual([])
    interrupt.abort()
    expect(await status).toBe(0)
    const trusting = new AbortController()
    const second = tail(
      [url, '--ca', join(folder, 'test-ca.crt')],
      { KAFKA_SSE_TOKEN: 'from-env' },
      { stdin, stdout, stderr, signal: trusting.signal, folder: elsewhere },
    )
    await server.seen(1)
    expect(server.requests[0]?.token).toBe('from-env')
    trusting.abort()
    expect(await second).toBe(0)
  })

  it('runs a command for each token, and does not quote it when it fails', async () => {
    const counter = join(elsewhere, 'count')
    await writeFile(counter, '')
    const status = run([url, '--token-command', `echo >> ${counter}; echo token-$(wc -l < ${counter})`])
    await server.seen(1)
    server.breakOff()
    await server.seen(2)
    expect(server.gets().map(({ token }) => token)).toEqual(['token-1', 'token-2'])
    interrupt.abort()
    expect(await status).toBe(0)

    interrupt = new AbortController()
    printed(stderr)
    const failing = run([url, '--token-command', 'PASSWORD=hunter2 false'])
    await until(() => stderr.readableLength > 0)
    expect(printed(stderr)).toMatch(/^error: No token: the token command failed \(1\), again in \d+ ms\n$/)
    interrupt.abort()
    expect(await failing).toBe(0)
  })

  it.each(['file', 'standard input'])('takes a token from %s, so that ps does not show it', async (where) => {
    const file = join(elsewhere, 'token')
    await writeFile(file, 'from-file\n')
    stdin.end('Bearer from-file\n')
    const status = run([url, '--token-file', where === 'file' ? file : '-'], { KAFKA_SSE_TOKEN: 'other' })
    await server.seen(1)
    expect(server.requests[0]?.token).toBe('from-file')
    interrupt.abort()
    expect(await status).toBe(0)
  })

  it('ends on Ctrl-C while it awaits a token from standard input', async () => {
    const status = run([url, '--token-file', '-'])
    interrupt.abort()
    expect(await status).toBe(0)
    expect(printed(stderr)).toBe('')
  })

  it('exits 1 when the server takes no token, and never prints one', async () => {
    server.answer = (_, response) => response.writeHead(403).end()
    expect(await run([url, '--token', 'secret-token'])).toBe(1)
    const said = printed(stderr)
    expect(said).toContain('The token was refused with 403')
    expect(said).not.toContain('secret-token')
  })

  it('exits 0 when its output is closed', async () => {
    const closed = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
    const pipe = new Writable({ write: (_chunk, _encoding, done) => done(closed) })
    const status = tail([url], {}, { stdin, stdout: pipe, stderr, signal: interrupt.signal, folder })
    await server.seen(1)
    server.say('data:1\n\n')
    expect(await status).toBe(0)
  })

  it('waits for a reader that is slow', async () => {
    const status = run([url])
    await server.seen(1)
    for (let record = 0; record < 200; record++) server.say(`data:${record}${'x'.repeat(10_000)}\n\n`)
    await until(() => stdout.writableNeedDrain)
    expect(stdout.readableLength).toBeLessThan(200_000)
    let bytes = 0
    stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    await until(() => bytes > 2_000_000)
    interrupt.abort()
    expect(await status).toBe(0)
  })

  it('sends the demo’s tokens to no other machine, and says what it needs', async () => {
    expect(await run(['https://example.test/events'])).toBe(1)
    expect(printed(stderr)).toMatch(/needs --token-file, --token-command/)
    expect(await run([url], {}, elsewhere)).toBe(1)
    expect(printed(stderr)).toMatch(/needs --token-file, --token-command/)
  })

  it.each([
    [['a', 'b'], 'tail takes one URL'],
    [['not a url'], 'the URL cannot be read; one is https://localhost:7143/events'],
    [['--from', 'noon'], '--from takes earliest or latest'],
    [
      ['--since', 'noon'],
      '--since is ISO 8601, epoch ms or a length such as 10m, for example 2026-11-28T12:00Z, not "noon"',
    ],
    [['--since', '0', '--from', 'latest'], '--from and --since: keep one of them'],
    [['-n', '0'], '--count 0 prints nothing; --from latest prints what comes from now on'],
    [['-n', 'x'], '--count x is not a number of records'],
    [['-k', '--ca', 'test-ca.crt'], '--insecure and --ca: keep one of them'],
    [['-H', 'secret'], "-H is 'Name: value'"],
    [['--ca', '/nowhere.crt'], '--ca: cannot read /nowhere.crt: there is no such file'],
    [['--token', 'a', '--token-file', 'b'], '--token and --token-file: keep one of them'],
    [['--token', 'a', '--token-command', 'b'], '--token-command, --token and --token-file: keep one of them'],
    [['--token-file', '/nowhere'], '--token-file: cannot read /nowhere: there is no such file'],
    [['--token', ' '], 'the token is empty'],
    [['--header', 'region'], '--header region is not NAME=VALUE'],
    [['--field', '=7'], '--field =7 is not NAME=VALUE'],
    [['--wat'], "Unknown option '--wat'; see kafka-sse tail --help"],
    [['ftp://localhost/', '--token', 't'], 'http or https'],
  ])('refuses %j in one line', async (args, words) => {
    expect(await run(args)).toBe(1)
    const said = printed(stderr)
    expect(said).toContain(words)
    expect(said.trim().split('\n')).toHaveLength(1)
  })

  it('says how it is used', async () => {
    expect(await run(['--help'])).toBe(0)
    const help = printed(stdout)
    expect(help).toContain('kafka-sse tail [URL]')
    expect(help).toMatch(/--token TOKEN .*\n +other users of this machine see it in ps/)
  })

  it.each([
    ['localhost', false],
    // Linux takes it for this machine. The name is not one that says so.
    ['0.0.0.0', true],
  ])('uses plain HTTP for an http URL at %s; warns if others may read the token: %s', async (host, warns) => {
    const plain = new ClientServer(createPlainServer)
    const port = await plain.listen()
    const status = run([`http://${host}:${port}/events`, '--token', 'secret-token'])
    await plain.seen(1)
    interrupt.abort()
    expect(await status).toBe(0)
    await plain.close()
    const warning = 'http: the connection has no TLS, so anyone on the way can read the token\n'
    const said = printed(stderr)
    expect(said.slice(0, warning.length) === warning).toBe(warns)
    expect(said.split('no TLS').length).toBe(warns ? 2 : 1)
  })
})
