// docs/from-mercure.md, docs/from-centrifugo.md and docs/from-eventemitter.md: their code of this side is run as it
// stands, on the embedded broker, and what it prints is compared with the page. Needs `npm run build`.

import { spawn, spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { startMockBroker } from '../../plugins/kafka/client/mock-broker.ts'
import { RecordProducer } from '../../plugins/kafka/client/producer.ts'
import { TutorialScene } from '../kafka/tutorial-scene.ts'
import { tutorialsIn } from '../kafka/tutorial-text.ts'
import { CLI } from '../support/command-process.ts'
import { freePort } from '../support/free-port.ts'
import { keepPrintedBy, keepSecret } from '../support/printed.ts'
import { hasPrograms } from '../support/programs.ts'
import { StreamReader } from '../support/stream-reader.ts'
import { until } from '../support/time.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const pageOf = (name: string) => readFileSync(join(ROOT, 'docs', name), 'utf8')
const SOON = { timeout: 30_000, interval: 20 }

async function brokerWith(topics: readonly string[]): Promise<string> {
  const broker = await startMockBroker(topics)
  onTestFinished(() => broker.close())
  return broker.address
}

describe.skipIf(!hasPrograms('the pages from Mercure and Centrifugo', 'bash', 'curl'))('the page', () => {
  it.each([
    ['from-mercure.md', ['books', 'reminders'], 'alice', ['{"due":"2027-01-04"}', '{"status":"returned"}']],
    ['from-centrifugo.md', ['orders'], 'bob', ['{"state":"paid"}']],
  ])(
    '%s shows what happens, and its client reads it',
    async (name, topics, user, values) => {
      const page = pageOf(name)
      const [tutorial, ...others] = tutorialsIn(page)
      expect([tutorial?.heading, others]).toEqual(['The same here', []])
      const scene = await TutorialScene.open(await brokerWith(topics))
      onTestFinished(() => scene.close())
      for (const block of tutorial?.blocks ?? []) await scene.play(block)
      scene.compareAll()

      const [client = ''] = [...page.matchAll(/^```js\n(import \{ connect \}.*?)^```$/gms)].map(
        ([, code]) => code,
      )
      const printed = await printedBy(client, scene, user, values.length)
      expect(printed.sort()).toEqual(values.map((value) => JSON.stringify(JSON.parse(value))))
    },
    90_000,
  )
})

/** What the page's client prints, each value as JSON in one line. */
async function printedBy(code: string, scene: TutorialScene, user: string, count: number): Promise<string[]> {
  const options = { cwd: scene.folder, encoding: 'utf8' } as const
  const token = spawnSync(process.execPath, [CLI, 'token', '--sub', user, '--exp', '+1h'], options)
  const before = `
const server = ${JSON.stringify(scene.url)}
const getToken = async () => process.env.TOKEN
console.log = (value) => process.stdout.write(JSON.stringify(value) + '\\n')
`
  const [imports = '', ...rest] = code.split('\n')
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', [imports, before, ...rest].join('\n')],
    {
      cwd: ROOT,
      env: { NODE_EXTRA_CA_CERTS: join(scene.folder, 'test-ca.crt'), TOKEN: keepSecret(token.stdout.trim()) },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  keepPrintedBy(child)
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const lines = () => output.split('\n').filter((line) => line !== '')
  await vi.waitFor(() => expect(lines()).toHaveLength(count), SOON)
  const ended = once(child, 'exit')
  child.kill()
  await ended
  return lines()
}

describe('from-eventemitter.md', () => {
  const programs = [...pageOf('from-eventemitter.md').matchAll(/^```js\n\/\/ (\w+\.js)\n(.*?)^```$/gms)].map(
    ([, name = '', code = '']) => ({ name, code }),
  )

  it('has two programs', () => {
    expect(programs.map(({ name }) => name)).toEqual(['before.js', 'after.js'])
  })

  it.each(programs)(
    '$name gives a client its own records',
    async ({ name, code }) => {
      const bootstrapServers = await brokerWith(['orders'])
      const { url, token } = await startProgram(name, code, bootstrapServers)
      expect((await fetch(url)).status).toBe(401)
      const producer = new RecordProducer({ bootstrapServers })
      await producer.connect()
      onTestFinished(() => producer.close())
      const produce = async (key: string, value: string) => {
        const record = {
          topic: 'orders',
          partition: null,
          headers: [],
          key: Buffer.from(key),
          value: Buffer.from(value),
        }
        await (await producer.produce(record)).delivered
      }
      const reader = new StreamReader()
      const aborted = new AbortController()
      const answer = await fetch(url, {
        headers: { authorization: `Bearer ${token('alice')}` },
        signal: aborted.signal,
      })
      expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/)
      const reading = read(answer, reader)
      onTestFinished(async () => {
        aborted.abort()
        await reading
      })
      // Its consumer may join its group only after the first records: so they are written until one arrives.
      await vi.waitFor(
        async () => {
          await produce('bob', 'for bob')
          await produce('alice', 'for alice')
          expect(reader.records).toContain('for alice')
        },
        { timeout: 30_000, interval: 500 },
      )
      expect(reader.records).not.toContain('for bob')
    },
    60_000,
  )
})

async function read(answer: Response, reader: StreamReader): Promise<void> {
  try {
    for await (const bytes of answer.body ?? []) reader.feed(bytes)
  } catch (error) {
    if (!(error instanceof DOMException && error.name === 'AbortError')) throw error
  }
}

/** In a folder with the packages that it imports. */
async function startProgram(name: string, code: string, brokers: string) {
  const folder = mkdtempSync(join(tmpdir(), 'eventemitter-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, name), code)
  for (const [, dependency = ''] of code.matchAll(/from '(?!node:)([^']+)'/g)) {
    const link = join(folder, 'node_modules', dependency)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(dependency === 'fastify-kafka-sse' ? ROOT : join(ROOT, 'node_modules', dependency), link)
  }
  const port = await freePort()
  const secret = keepSecret('a secret of the app, which is long enough')
  const env = {
    PATH: process.env.PATH,
    KAFKA_BOOTSTRAP_SERVERS: brokers,
    APP_SECRET: secret,
    PORT: `${port}`,
  }
  const child = spawn(process.execPath, [name], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] })
  keepPrintedBy(child)
  const ended = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const url = `http://localhost:${port}/orders`
  await until(() => isReached(url))
  return { url, token: (sub: string) => hmacToken(secret, sub) }
}

/** As the app's own login would sign it. */
function hmacToken(secret: string, sub: string): string {
  const nowSeconds = Math.floor(Date.now() / 1000)
  const parts = [
    { alg: 'HS256', typ: 'JWT' },
    { sub, iat: nowSeconds, exp: nowSeconds + 3_600 },
  ]
  const input = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return keepSecret(`${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`)
}

async function isReached(url: string): Promise<boolean> {
  try {
    await fetch(url)
    return true
  } catch {
    return false
  }
}
