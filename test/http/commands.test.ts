// The commands as processes. Needs `npm run build`.

import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeCertificates } from '../../src/demo/certificates.ts'
import { mintDemoToken } from '../../src/demo/token.ts'
import { CommandScene, NO_KAFKA, SERVE_SETTINGS } from '../support/command-process.ts'
import { makeKey } from '../support/keys-and-tokens.ts'
import { until } from '../support/time.ts'

let scene: CommandScene
beforeEach(() => {
  scene = CommandScene.open({ 'public.pem': makeKey('ES256').publicPem })
})
afterEach(() => scene.close())

const COMMANDS = [
  'demo',
  'serve',
  'check',
  'broker',
  'token',
  'produce',
  'tail',
  'revoke',
  'subject',
  'features',
  'schema',
  'convert',
]

describe('kafka-sse', () => {
  test('lists its commands, and prints its version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    expect(await scene.run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
    const { code, stdout } = await scene.run(['--help'])
    expect(code).toBe(0)
    for (const name of COMMANDS) {
      expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'))
    }
    expect((await scene.run([])).stdout).toBe(stdout)
  })

  test.each(COMMANDS)('%s --help explains itself', async (name) => {
    const { code, stdout, stderr } = await scene.run([name, '--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`^kafka-sse ${name}`))
  })

  test('names an unknown command in one line', async () => {
    expect(await scene.run(['prduce'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'kafka-sse: "prduce" is not a command; did you mean produce?\n',
    })
  })
})

describe('kafka-sse revoke', () => {
  const SETTINGS = {
    KAFKA_BOOTSTRAP_SERVERS: NO_KAFKA,
    KAFKA_CONTROL_TOPIC: 'control',
    SECRET_KEY: Buffer.alloc(32, 3).toString('base64url'),
    JWT_ISSUER: 'https://id.example',
  }
  const WITHOUT = { KAFKA_BOOTSTRAP_SERVERS: NO_KAFKA }

  test.each<[string, string[], Record<string, string>, string[]]>([
    [
      'lacks settings',
      ['--sub', 'alice'],
      WITHOUT,
      ['KAFKA_CONTROL_TOPIC is not set', 'SECRET_KEY is not set', 'JWT_ISSUER is not set'],
    ],
    [
      'lacks all settings',
      ['--sub', 'alice'],
      {},
      [
        'KAFKA_BOOTSTRAP_SERVERS',
        'KAFKA_CONTROL_TOPIC is not set',
        'SECRET_KEY is not set',
        'JWT_ISSUER is not set',
      ],
    ],
    ['lacks a name', [], SETTINGS, ['a revocation names one of sub, sid, jti and client']],
    ['has two names', ['--sub', 'a', '--sid', 'b'], SETTINGS, ['a revocation names one of']],
    ['has an empty name', ['--sub', ''], SETTINGS, ['sub takes text that is not empty']],
    ['has another issuer', ['--sub', 'a', '--issuer', 'x'], SETTINGS, ['issuer is none of those']],
    ['has no moment', ['--sub', 'a', '--before', 'now'], SETTINGS, ['--before is ISO 8601 or epoch ms']],
    ['has an unknown option', ['--user', 'a'], SETTINGS, ["Unknown option '--user'"]],
    ['finds no Kafka', ['--sub', 'alice'], SETTINGS, ['no Kafka answers at 127.0.0.1:1']],
    ['has a bad key', ['--sub', 'a'], { ...SETTINGS, SECRET_KEY: 'short' }, ['SECRET_KEY']],
  ])('that %s says so, a line each, and ends with 1', async (_, args, settings, problems) => {
    const { code, stdout, stderr } = await scene.run(['revoke', ...args], settings)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    const lines = stderr.trim().split('\n')
    expect(lines).toHaveLength(problems.length)
    for (const [at, words] of problems.entries()) expect(lines[at]).toContain(words)
    expect(stderr).not.toContain(SETTINGS.SECRET_KEY)
  })
})

describe('kafka-sse serve', () => {
  test('names everything that is missing, a line each, and does not start', async () => {
    const { code, stdout, stderr } = await scene.run(['serve'], { KAFKA_TOPC: 'x' })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    const names = stderr
      .trim()
      .split('\n')
      .map((line) => /^kafka-sse: (\w+) is not /.exec(line)?.[1])
    expect(names).toEqual([
      'KAFKA_TOPC',
      'KAFKA_BOOTSTRAP_SERVERS',
      'JWT_ISSUER',
      'JWT_AUDIENCE',
      'TLS_CERT_FILE',
      'TLS_KEY_FILE',
    ])
  })

  test('names an unreadable key file in one line', async () => {
    const env = {
      ...SERVE_SETTINGS,
      TLS: 'on',
      TLS_CERT_FILE: 'public.pem',
      TLS_KEY_FILE: 'nope.key',
      JWT_KEYS: 'gone.pem',
    }
    const { code, stderr } = await scene.run(['serve'], env)
    expect(code).toBe(1)
    expect(stderr.split('\n')).toEqual([
      'kafka-sse: TLS_CERT_FILE: public.pem is not a certificate in PEM',
      'kafka-sse: TLS_KEY_FILE: cannot read nope.key: there is no such file',
      'kafka-sse: JWT_KEYS: cannot read gone.pem: there is no such file',
      '',
    ])
  })

  test.each(['PORT', 'ADMIN_PORT'])('names a %s that is in use, in one line', async (name) => {
    await expectNamesUsed(name, '1')
  })

  async function expectNamesUsed(name: string, workers: string): Promise<void> {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = other.address()
    const port = typeof address === 'object' ? `${address?.port}` : ''
    const { code, stderr } = await scene.run(['serve'], {
      ...SERVE_SETTINGS,
      LOG_LEVEL: 'silent',
      WORKERS: workers,
      [name]: port,
    })
    other.close()
    expect({ code, stderr }).toEqual({ code: 1, stderr: `kafka-sse: port ${port} is in use (${name})\n` })
  }

  test.each([
    ['0', '0'],
    ['-1', '-1'],
    ['64', '64'],
    ['two', '"two"'],
  ])('does not start with WORKERS=%s, and says what it takes, in one line', async (workers, named) => {
    const { code, stdout, stderr } = await scene.run(['serve'], { ...SERVE_SETTINGS, WORKERS: workers })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe(`kafka-sse: WORKERS takes an integer from 1 to 32, not ${named}\n`)
  })

  test('listens without Kafka, is not ready, and ends on SIGTERM with 0', () => expectServes('1'))

  test('opens its ports without Kafka as soon with four buses of a topic as with one', async () => {
    // Both at a time, so that a busy machine delays both; it may still favour one. What waits for Kafka always does.
    const measured: string[] = []
    for (let time = 0; time < 5; time++) {
      const [one, four] = await Promise.all([msUntilLive(1), msUntilLive(4)])
      measured.push(`live without Kafka after ${one} ms with one bus, ${four} ms with four`)
      if (four < one + 1_500) return
    }
    expect(measured).toEqual([])
  }, 120_000)

  /** From the start of the process until its health answers; each stream has a bus of its own. */
  async function msUntilLive(streams: number): Promise<number> {
    const kinds = [
      { encoding: 'text', replay: 'latest' },
      { encoding: 'text', replay: 'all' },
      { encoding: 'base64', replay: 'latest' },
      { encoding: 'base64', replay: 'all' },
    ].slice(0, streams)
    const all = kinds.map((kind, index) => ({ path: `/${index}`, topic: 'events', ...kind }))
    const CONFIG_FILE = scene.file(`streams-${streams}.json`, JSON.stringify({ streams: all }))
    const startedAtMs = performance.now()
    const run = scene.start(['serve'], { ...SERVE_SETTINGS, CONFIG_FILE, WORKERS: '1' })
    const { adminPort } = await run.listening()
    expect((await fetch(`http://127.0.0.1:${adminPort}/health/live`)).status).toBe(200)
    const tookMs = Math.round(performance.now() - startedAtMs)
    await run.kill()
    return tookMs
  }

  async function expectServes(workers: string): Promise<void> {
    const run = scene.start(['serve'], { ...SERVE_SETTINGS, WORKERS: workers })
    const { adminPort } = await run.listening()
    const statusOf = async (path: string) => (await fetch(`http://127.0.0.1:${adminPort}${path}`)).status
    expect(await statusOf('/health/live')).toBe(200)
    expect(await statusOf('/health/ready')).toBe(503)
    expect(await run.end('SIGTERM')).toBe(0)
    expect(run.stderr).toBe('')
  }

  describe('with two workers', () => {
    test.each(['PORT', 'ADMIN_PORT'])('names a %s that is in use, in one line', (name) =>
      expectNamesUsed(name, '2'),
    )

    test('listens without Kafka, is not ready, and ends on SIGTERM with 0', () => expectServes('2'))

    test('names a certificate that does not fit its key, in one line, as with one worker', async () => {
      const tls = { ...SERVE_SETTINGS, TLS: 'on', TLS_CERT_FILE: 'server.crt', TLS_KEY_FILE: 'other.key' }
      const certificates = await makeCertificates([], Date.now())
      scene.file('server.crt', certificates.certificatePem)
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      scene.file('other.key', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
      const [alone, two] = await Promise.all(
        ['1', '2'].map((WORKERS) => scene.run(['serve'], { ...tls, LOG_LEVEL: 'silent', WORKERS })),
      )
      expect(two).toEqual(alone)
      expect(two).toMatchObject({ code: 1, stderr: expect.stringMatching(/^kafka-sse: .*\n$/) })
    })

    test.each([0, 50, 150, 250])(
      'ends when it is told to %i ms after it began to start',
      async (afterMs) => {
        const run = scene.start(['serve'], { ...SERVE_SETTINGS, WORKERS: '2' })
        await until(() => childrenOf(run.pid).length > 0)
        await pause(afterMs)
        await run.end('SIGTERM')
        expect(run.stderr).toBe('')
      },
      20_000,
    )
  })

  test('has no tokens to give', async () => {
    const run = scene.start(['serve'], SERVE_SETTINGS)
    const { port } = await run.listening()
    const origin = `http://127.0.0.1:${port}`
    const response = await fetch(`${origin}/demo/token`, { method: 'POST', headers: { origin } })
    expect(response.status).toBe(404)
  })
})

describe('kafka-sse demo', () => {
  test('prints commands to paste, and ends on Ctrl-C with its broker', async () => {
    const run = scene.start(['demo'], { PORT: '0', ADMIN_PORT: '0' })
    await until(() => run.stdout.includes('come back get them'))
    const { pid } = JSON.parse(readFileSync(join(scene.folder, '.kafka-sse/broker.json'), 'utf8'))
    expect(run.stdout).toContain('made test-ca.crt, server.crt and server.key')
    expect(run.stdout).toMatch(
      /curl -v -N --http2 --cacert test-ca\.crt .*"https:\/\/localhost:\d+\/events\?access_token=\$\{JWT_TOKEN\}"/,
    )
    expect(run.stdout).toContain(`npx kafka-sse produce --key 1 '{ "id": 1, "name": "Hello World!"}'`)
    expect(run.stdout).toMatch(/npx kafka-sse tail https:\/\/localhost:\d+\/events --key 1 --key 2\n/)
    expect(run.stdout).toContain('npx kafka-sse broker')
    expect(await run.end('SIGINT')).toBe(0)
    expect(run.stderr).toBe('')
    await until(() => !isAlive(pid))
  })

  test('makes no broker if a Kafka is configured', async () => {
    const run = scene.start(['demo'], {
      PORT: '0',
      ADMIN_PORT: '0',
      KAFKA_BOOTSTRAP_SERVERS: NO_KAFKA,
      LOG_LEVEL: 'silent',
    })
    await until(() => run.stdout.includes('come back get them'))
    expect(run.stdout).toContain(`from Kafka at ${NO_KAFKA}`)
    expect(run.stdout).toContain(`KAFKA_BOOTSTRAP_SERVERS=${NO_KAFKA} npx kafka-sse produce`)
    expect(() => readFileSync(join(scene.folder, '.kafka-sse/broker.json'))).toThrow('ENOENT')
    expect(await run.end('SIGTERM')).toBe(0)
  })

  test('keeps its secret key: an id of a sealed stream is good after a restart', async () => {
    const CONFIG_FILE = scene.file(
      'mine.mjs',
      "export default { streams: [{ path: '/mine', topic: 'mine', key: '{token.sub}' }] }",
    )
    const settings = { CONFIG_FILE, TLS: 'off', PORT: '0', ADMIN_PORT: '0', LOG_LEVEL: 'info' }
    const broker = scene.start(['broker', '--topic', 'mine'])
    await until(() => broker.stdout.includes('127.0.0.1'))
    expect((await scene.run(['produce', '--topic', 'mine', '--key', 'alice', 'one'])).code).toBe(0)
    const read = async (port: number, until: RegExp, headers: Record<string, string> = {}) => {
      const url = `http://localhost:${port}/mine`
      const { folder } = scene
      const token = await mintDemoToken({ folder, expiresInSeconds: 60, subject: 'alice' })
      const response = await fetch(url, { headers: { authorization: `Bearer ${token}`, ...headers } })
      let text = ''
      for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        text += part
        if (until.test(text)) return text
      }
      throw new Error(`the stream ended, and had: ${text}`)
    }

    const first = scene.start(['demo'], settings)
    const [, id = ''] = /^id:(.+)$/m.exec(await read((await first.listening()).port, /^:ready$/m)) ?? []
    expect(await first.end('SIGTERM')).toBe(0)
    expect(first.output).toContain('made secret.key, which seals event ids\n')
    const second = scene.start(['demo'], settings)
    const resumed = await read((await second.listening()).port, /^:ready$/m, { 'last-event-id': id })
    expect(resumed).not.toMatch(/:gap|data:/)
    expect(await second.end('SIGTERM')).toBe(0)
    expect(first.output + second.output).not.toContain('SECRET_KEY')
    expect(second.output).not.toContain('made ')
  })

  test('ends with its error if the address of its broker cannot be written', async () => {
    symlinkSync('nowhere/below', join(scene.folder, '.kafka-sse'))
    const alone = await scene.run(['broker'])
    expect([alone.code, alone.stderr]).toEqual([
      1,
      expect.stringMatching(/^kafka-sse: ENOENT.*\.kafka-sse'\n$/),
    ])
    const ofDemo = await scene.run(['demo'], { TLS: 'off', PORT: '0', ADMIN_PORT: '0' })
    expect([ofDemo.code, ofDemo.stderr]).toEqual([
      1,
      expect.stringMatching(/\.kafka-sse'\nkafka-sse: the embedded broker ended instead of starting\n$/),
    ])
  })

  test('refuses the settings of serve, before it makes anything', async () => {
    const { code, stderr } = await scene.run(['demo'], { JWT_ISSUER: 'https://id.acme.test' })
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'kafka-sse: JWT_ISSUER is for kafka-sse serve: the demo trusts its own keys alone\n',
    })
  })

  test('names a server.crt that the demo did not make', async () => {
    scene.file('server.crt', 'something else')
    const { code, stderr } = await scene.run(['demo'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^kafka-sse: \S+server\.crt is not a certificate in PEM: .*\n$/)
  })
})

function childrenOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
