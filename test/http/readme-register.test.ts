// The code blocks of README’s "Register it in your app" and of docs/plugin.md, run as they stand: the addresses alone
// are replaced by ones that are there. Needs `npm run build`.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { validateOptions } from '../../src/config/parse.ts'
import type { SseOptions, StreamOptions } from '../../src/options.ts'
import { CommandScene } from '../support/command-process.ts'
import { exampleClaims, jwksOf, makeKey, mintToken, startKeyServer } from '../support/keys-and-tokens.ts'
import { keepPrintedBy } from '../support/printed.ts'
import { until } from '../support/time.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const README = readFileSync(`${ROOT}/README.md`, 'utf8')
const SECTION = README.slice(
  README.indexOf('## Register it in your app'),
  README.indexOf('\n## Configuration'),
)
const PAGE = readFileSync(`${ROOT}/docs/plugin.md`, 'utf8')
const BLOCKS = [...(SECTION + PAGE).matchAll(/```(?:ts|js)\n(.*?)```/gs)].map(([, code = '']) => code)
const key = makeKey('ES256')
const bearer = (scope: string) => `Bearer ${mintToken(key, { claims: { ...exampleClaims(), scope } })}`

/** Replaces each text, which must be there. */
function replaced(code: string, texts: Readonly<Record<string, string>>): string {
  return Object.entries(texts).reduce((before, [from, to]) => {
    expect(before).toContain(from)
    return before.replace(from, to)
  }, code)
}

/** Runs a module beside this package, so that it gets the package by its name; resolves with what it answers. */
async function answersOf(code: string): Promise<unknown> {
  const args = ['--input-type=module', '-e', code]
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] })
  keepPrintedBy(child)
  const [line = ''] = (await text(child.stdout)).split('\n').filter((each) => each.startsWith('answers '))
  return JSON.parse(line.slice('answers '.length))
}

/** Asks each URL with its token, prints the statuses, and ends. */
function asking(requests: readonly { readonly url: string; readonly authorization?: string }[]): string {
  return `
const statuses = []
for (const { url, ...headers } of ${JSON.stringify(requests)}) {
  const answer = await app.inject({ url, headers, payloadAsStream: true })
  statuses.push([url, answer.statusCode])
}
console.log('answers ' + JSON.stringify(statuses))
await app.close()
process.exit(0)`
}

/** What the page's own route needs before it: an app with the parts, and an open topic. */
function appWithParts(streams: Partial<SseOptions> = {}): string {
  const auth = { issuer: exampleClaims().iss, audience: exampleClaims().aud, keys: key.publicPem }
  return `
import fastify from 'fastify'
import kafkaSseAuth from 'fastify-kafka-sse/auth'
import kafkaSseKafka from 'fastify-kafka-sse/kafka'
const app = fastify()
await app.register(kafkaSseAuth, ${JSON.stringify(auth)})
await app.register(kafkaSseKafka, { bootstrapServers: '127.0.0.1:1' })
const topic = app.kafkaSseTopics.open('events', 'text', 'latest')
await app.register(kafkaSseStreams, ${JSON.stringify(streams)})
`
}

describe('README, "Register it in your app", and docs/plugin.md', () => {
  it('registers the plugin', async () => {
    const keys = await startKeyServer(jwksOf(key))
    onTestFinished(async () => {
      await keys.close()
    })
    const code = replaced(BLOCKS[0] ?? '', {
      'kafka:9092': '127.0.0.1:1',
      'https://auth.example.com/.well-known/jwks.json': keys.url,
      'port: 3000': 'port: 0',
    })
    const asked = [
      { url: '/live/events' },
      { url: '/live/events', authorization: bearer('proxy:stream') },
      { url: '/live/orders', authorization: bearer('proxy:stream') },
      { url: '/live/orders', authorization: bearer('orders:read') },
    ]
    expect(await answersOf(code + asking(asked))).toEqual([
      ['/live/events', 401],
      ['/live/events', 200],
      ['/live/orders', 403],
      ['/live/orders', 200],
    ])
  })

  it('has a stream that gets its own records', () => {
    const stream = new Function(`return ${BLOCKS[1]}`)() as StreamOptions // the block is an object
    const rest = { kafka: { bootstrapServers: '127.0.0.1:1' }, auth: { authenticate: () => null } }
    expect(validateOptions({ ...rest, streams: [stream] }).streams[0]?.ids).toBe('sealed')
  })

  it('opens a stream in a route of the host’s own', async () => {
    const asked = [
      { url: '/mine' },
      { url: '/mine', authorization: bearer('any') },
      { url: '/mine', authorization: bearer('proxy:stream') },
    ]
    expect(await answersOf(appWithParts() + BLOCKS[2] + asking(asked))).toEqual([
      ['/mine', 401],
      ['/mine', 403],
      ['/mine', 200],
    ])
  })

  it('counts all addresses of a network as one, so that a client cannot have more streams by another of its own', async () => {
    const code = `${appWithParts({ streamsPerAddressMax: 1 })}
${BLOCKS[2]}
const headers = { authorization: ${JSON.stringify(bearer('proxy:stream'))} }
const statuses = []
for (const remoteAddress of ['2001:db8::1', '2001:db8::2', '2001:db8:0:1::1']) {
  const answer = await app.inject({ url: '/mine', headers, remoteAddress, payloadAsStream: true })
  statuses.push(answer.statusCode)
}
console.log('answers ' + JSON.stringify(statuses))
process.exit(0)`
    expect(await answersOf(code)).toEqual([200, 429, 200])
  })

  it('gives the place of a client back that leaves before its stream opens', async () => {
    const code = `${appWithParts({ streamsPerSubjectMax: 1 })}
let raw = null
app.addHook('onRequest', async (_request, reply) => {
  raw = reply.raw
})
const admit = app.kafkaSseStreams.admit.bind(app.kafkaSseStreams)
let leaves = true
app.kafkaSseStreams.admit = async (...asked) => {
  const admitted = await admit(...asked)
  if (leaves) raw.destroy()
  return admitted
}
${BLOCKS[2]}
const headers = { authorization: ${JSON.stringify(bearer('proxy:stream'))} }
const left = app.inject({ url: '/mine', headers, payloadAsStream: true }).catch(() => null)
await Promise.race([left, new Promise((resolve) => setTimeout(resolve, 500))])
leaves = false
const { statusCode } = await app.inject({ url: '/mine', headers, payloadAsStream: true })
console.log('answers ' + JSON.stringify(statusCode))
process.exit(0)`
    expect(await answersOf(code)).toBe(200)
  })

  it('keeps tokens out of the log', async () => {
    const code = `${BLOCKS[3]}
console.log('answers ' + JSON.stringify([typeof kafkaSse, app.log.level]))`
    expect(await answersOf(code)).toEqual(['function', 'info'])
  })

  it('is tested by `app.inject`', async () => {
    const scene = CommandScene.open()
    onTestFinished(() => scene.close())
    const broker = scene.start(['broker'])
    await until(() => broker.stdout.includes('127.0.0.1'))
    const { address } = JSON.parse(readFileSync(`${scene.folder}/.kafka-sse/broker.json`, 'utf8'))
    expect((await scene.run(['produce', '--key', '1', 'hello'])).code).toBe(0)
    const options = {
      prefix: '/live',
      kafka: { bootstrapServers: address },
      auth: { issuer: exampleClaims().iss, audience: exampleClaims().aud, keys: key.publicPem },
      streams: [{ path: '/events', topic: 'events' }],
    }
    const code = `
import fastify from 'fastify'
import kafkaSse from 'fastify-kafka-sse'
const app = fastify()
await app.register(kafkaSse, ${JSON.stringify(options)})
const headers = { authorization: ${JSON.stringify(bearer('proxy:stream'))} }
${BLOCKS[4]}
await app.close()
console.log('answers ' + JSON.stringify(text))`
    expect(await answersOf(code)).toContain('data:hello\n')
    expect(BLOCKS).toHaveLength(5)
  })
})
