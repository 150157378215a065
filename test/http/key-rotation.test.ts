// Keys that roll under load, at a real key server over HTTPS. Needs `npm run build`. The full size:
// KEY_CONNECTS=500 KEY_SECONDS=10 KEY_FLOOD=10000 npx vitest run test/http/key-rotation.test.ts

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeCertificates } from '../../src/demo/certificates.ts'
import { type CommandProcess, CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { ConnectProxy } from '../support/connect-proxy.ts'
import { jwksOf, keyAs, makeKey, mintToken, type TestKey } from '../support/keys-and-tokens.ts'
import { forThisTest } from '../support/scene.ts'
import { eventually } from '../support/time.ts'

/** Connects a second, and for how long in each state of the key server. */
const CONNECTS = Number(process.env.KEY_CONNECTS ?? 40)
const SECONDS = Number(process.env.KEY_SECONDS ?? 1)
const TIMEOUT_MS = 3_000
/** Tokens that name a key of their own. */
const FLOOD = Number(process.env.KEY_FLOOD ?? 2_000)

const KEY_SERVER = fileURLToPath(new URL('./rolling-key-server.mjs', import.meta.url))

let scene: CommandScene
let keyServer: ChildProcess
let keysUrl: string
let port: number
/** Of the server. */
let said: string[]

const keyNamed = (kid: string): TestKey => keyAs(makeKey('ES256'), { kid })

beforeEach(async () => {
  const { caPem, certificatePem, keyPem } = await makeCertificates(['127.0.0.1', 'keys.invalid'], Date.now())
  scene = CommandScene.open({ 'ca.pem': caPem })
  keyServer = fork(KEY_SERVER, [certificatePem, keyPem])
  const [told] = await once(keyServer, 'message')
  keysUrl = `https://127.0.0.1:${told.port}/keys?secret-words`
})

afterEach(async () => {
  keyServer.kill()
  await scene.close()
})

/** From now on the key server answers so; resolves with the number of requests that came before. */
async function tell(answer: string, ...keys: TestKey[]): Promise<number> {
  keyServer.send({ answer, text: jwksOf(...keys) })
  const [{ hits }] = await once(keyServer, 'message')
  return hits
}

async function hits(): Promise<number> {
  keyServer.send({ ask: 'hits' })
  const [told] = await once(keyServer, 'message')
  return told.hits
}

/** What it says of keys: thousands of lines about requests are not kept. */
function linesOf({ child }: CommandProcess): string[] {
  const lines: string[] = []
  let rest = ''
  child.stdout?.on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts.filter((line) => /key set|secret-words/.test(line)))
  })
  return lines
}

async function serve(env: Record<string, string> = {}) {
  const settings = { ...SERVE_SETTINGS, JWT_KEYS: keysUrl, NODE_EXTRA_CA_CERTS: 'ca.pem', LOG_LEVEL: 'debug' }
  const started = scene.start(['serve'], { ...settings, ...env })
  said = linesOf(started)
  ;({ port } = await started.listening())
}

interface Answer {
  readonly status: number
  readonly atMs: number
  readonly retryAfter: string | undefined
}

/** Opens a stream, and leaves once its status is there. */
function connect(token: string, agent: Agent | false = false): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` }
    const sent = request({ host: '127.0.0.1', port, path: '/events', agent, headers }, (response) => {
      const { statusCode: status = 0, headers } = response
      resolve({ status, atMs: performance.now(), retryAfter: headers['retry-after'] })
      // A stream does not end by itself, and a refusal's connection may be used again.
      if (status === 200) response.destroy()
      else response.resume()
    })
    sent.on('error', reject)
    sent.end()
  })
}

/** As many connects as there are in this time, each with a token of its own. */
async function load(key: TestKey, seconds = SECONDS): Promise<Answer[]> {
  const answers: Promise<Answer>[] = []
  const began = performance.now()
  while (answers.length < CONNECTS * seconds) {
    const due = Math.min(CONNECTS * seconds, ((performance.now() - began) * CONNECTS) / 1000)
    while (answers.length < due)
      answers.push(connect(mintToken(key, { claims: { sub: `s${answers.length}` } })))
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return Promise.all(answers)
}

/**
 * Loads both, the known key once the other has caused a fetch: tokens that waited for it would not be answered before
 * those that have to.
 */
async function loadWhileFetching(known: TestKey, unseen: TestKey) {
  const before = await hits()
  const waiting = load(unseen)
  await eventually(async () => expect(await hits()).toBeGreaterThan(before))
  const good = await load(known)
  const waited = await waiting
  const firstMs = Math.min(...waited.map(({ atMs }) => atMs))
  expect(good.filter(({ atMs }) => atMs < firstMs)).not.toHaveLength(0)
  return [good, waited] as const
}

const statusesOf = (answers: readonly Answer[]) => [...new Set(answers.map(({ status }) => status))]

describe.each(['1', '2'])('with %s workers', (workers) => {
  it('a rolled key is good at once, and no state of the key server refuses or delays a known one', async () => {
    let known = keyNamed('key-0')
    await tell('good', known)
    await serve({ WORKERS: workers, JWT_JWKS_TIMEOUT_MS: String(TIMEOUT_MS) })
    // One fetch for all threads.
    expect(statusesOf(await load(known))).toEqual([200])
    expect(await hits()).toBe(1)

    // The provider rolls: tokens of the new key come at the same moment, at both threads.
    const rolled = keyNamed('key-1')
    await tell('good', known, rolled)
    const [ofOld, ofNew] = await Promise.all([load(known), load(rolled)])
    expect(statusesOf([...ofOld, ...ofNew])).toEqual([200])
    expect(await hits()).toBe(2)

    // It rolls while it is slow: the new key's tokens wait for it, the old one's do not.
    const slow = keyNamed('key-2')
    await tell('slow', known, rolled, slow)
    const [before, after] = await loadWhileFetching(rolled, slow)
    expect(statusesOf([...before, ...after])).toEqual([200])
    expect(await hits()).toBe(3)
    known = slow

    // It rolls and cannot tell: what is known is good, what is not is asked to come again.
    for (const answer of ['hanging', 'stopping', 'failing', 'empty', 'broken', 'huge', 'redirecting']) {
      const unseen = keyNamed(answer)
      await tell(answer, known, unseen)
      const hangs = answer === 'hanging'
      const [good, unsure] = hangs
        ? await loadWhileFetching(known, unseen)
        : await Promise.all([load(known), load(unseen)])
      expect(statusesOf(good), answer).toEqual([200])
      expect(statusesOf(unsure), answer).toEqual([503])
      expect(unsure.every(({ retryAfter }) => Number(retryAfter) >= 5)).toBe(true)
    }
    // Three fetches that succeeded, and what the bucket held besides.
    expect(await hits()).toBeLessThanOrEqual(1 + 5 + 1 + Math.ceil((7 * (TIMEOUT_MS / 1000 + SECONDS)) / 30))
    expect(said.join()).not.toContain('secret-words')
    expect(said.join()).toContain(`no answer within ${TIMEOUT_MS} ms`)
  }, 600_000)
})

describe('a key server', () => {
  it('is reached through a proxy, although no name server knows it', async () => {
    const key = keyNamed('key-0')
    await tell('good', key)
    const proxy = await forThisTest(ConnectProxy.open(Number(new URL(keysUrl).port)))
    const HTTPS_PROXY = `http://user:secret-words@127.0.0.1:${proxy.port}`
    await serve({ JWT_KEYS: 'https://keys.invalid/keys', HTTPS_PROXY })
    expect(statusesOf(await load(key, 0.1))).toEqual([200])
    expect(proxy.asked).toEqual(['keys.invalid:443'])
    expect(said.join()).not.toContain('secret-words')
  })

  it('that rolls each second is followed by the bucket, and then by the time', async () => {
    const keys = [keyNamed('key-0')]
    await tell('good', ...keys)
    await serve({ JWT_JWKS_COOLDOWN_MS: '1000' })
    const seen: number[] = []
    for (let n = 1; n <= 8; n++) {
      keys.push(keyNamed(`key-${n}`))
      await tell('good', ...keys.slice(-2))
      const [old, young] = keys.slice(-2) as [TestKey, TestKey]
      const answers = await Promise.all([load(old, 1), load(young, 1)])
      seen.push(...statusesOf(answers.flat()))
    }
    expect(new Set(seen)).toEqual(new Set([200]))
  }, 60_000)

  it('that takes all keys back is believed, and so is one that has them again', async () => {
    const key = keyNamed('key-0')
    await tell('good', key)
    await serve({ JWT_JWKS_MAX_AGE_MS: '1000', JWT_JWKS_COOLDOWN_MS: '1000', WORKERS: '2' })
    expect(statusesOf(await load(key))).toEqual([200])
    await tell('good')
    await eventually(async () => expect(statusesOf(await load(key, 0.1))).toEqual([401]))
    await tell('good', key)
    await eventually(async () => expect(statusesOf(await load(key, 0.1))).toEqual([200]))
  }, 60_000)

  it('is asked at most once each 6 s on average, although thousands of tokens name unknown keys', async () => {
    const key = keyNamed('key-0')
    await tell('good', key)
    await serve({ WORKERS: '2' })
    const stranger = makeKey('ES256')
    const agent = new Agent({ keepAlive: true, maxSockets: 20 })
    const began = performance.now()
    const flooded: Promise<Answer>[] = []
    for (let n = 0; n < FLOOD; n++) {
      flooded.push(connect(mintToken(keyAs(stranger, { kid: `unknown-${n}` })), agent))
      if (n % 20 === 19) await Promise.all(flooded.slice(-20))
      if (n % 500 === 499) expect(statusesOf(await load(key, 0.1))).toEqual([200])
    }
    const statuses = (await Promise.all(flooded)).map(({ status }) => status)
    expect(new Set(statuses)).toEqual(new Set([401, 503]))
    // Five at once and one more each 30 s, which is one each 6 s from the first half minute on.
    const seconds = (performance.now() - began) / 1000
    expect(await hits()).toBeLessThanOrEqual(1 + 5 + Math.floor(seconds / 30))
    agent.destroy()
  }, 600_000)
})
