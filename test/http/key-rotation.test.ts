// Keys that roll under load, at a real key server over HTTPS. Needs `npm run build`. The full size:
// KEY_CONNECTS=500 KEY_SECONDS=10 KEY_FLOOD=10000 npx vitest run test/http/key-rotation.test.ts

import { Agent } from 'node:http'
import { describe, expect, it, type TestContext } from 'vitest'
import { ConnectProxy } from '../support/connect-proxy.ts'
import { keyAs, makeKey, mintToken, type TestKey } from '../support/keys-and-tokens.ts'
import { eventually } from '../support/time.ts'
import { type Answer, keyNamed, RollingKeys, SECONDS, statusesOf } from './rolling-keys.ts'

const TIMEOUT_MS = 3_000
const FLOOD_SHORT = 2_000
/** Tokens that name a key of their own. */
const FLOOD = Number(process.env.KEY_FLOOD ?? FLOOD_SHORT)

async function open({ onTestFinished }: TestContext): Promise<RollingKeys> {
  const keys = await RollingKeys.open()
  onTestFinished(() => keys.close())
  return keys
}

// At the same time, each with servers of its own: nearly all of their time they wait for an answer that is late. In the
// full size one after the other: each then takes what the machine has.
describe('a key server', { concurrent: FLOOD === FLOOD_SHORT }, () => {
  it.for(['1', '2'])(
    'that rolls: its key is good at once, and no state of it refuses or delays a known one, WORKERS=%s',
    { timeout: 600_000 },
    async (workers, context) => {
      const { expect } = context
      const keys = await open(context)
      let known = keyNamed('key-0')
      await keys.tell('good', known)
      await keys.serve({ WORKERS: workers, JWT_JWKS_TIMEOUT_MS: String(TIMEOUT_MS) })
      // One fetch for all threads.
      expect(statusesOf(await keys.load(known))).toEqual([200])
      expect(await keys.hits()).toBe(1)

      // The provider rolls: tokens of the new key come at the same moment, at both threads.
      const rolled = keyNamed('key-1')
      await keys.tell('good', known, rolled)
      const [ofOld, ofNew] = await Promise.all([keys.load(known), keys.load(rolled)])
      expect(statusesOf([...ofOld, ...ofNew])).toEqual([200])
      expect(await keys.hits()).toBe(2)

      // It rolls while it is slow: the new key's tokens wait for it, the old one's do not.
      const slow = keyNamed('key-2')
      await keys.tell('slow', known, rolled, slow)
      const [before, after] = await keys.loadWhileFetching(rolled, slow)
      expect(statusesOf([...before, ...after])).toEqual([200])
      expect(await keys.hits()).toBe(3)
      known = slow

      // It rolls and cannot tell: what is known is good, what is not is asked to come again.
      for (const answer of ['hanging', 'stopping', 'failing', 'empty', 'broken', 'huge', 'redirecting']) {
        const unseen = keyNamed(answer)
        await keys.tell(answer, known, unseen)
        const hangs = answer === 'hanging'
        const [good, unsure] = hangs
          ? await keys.loadWhileFetching(known, unseen)
          : await Promise.all([keys.load(known), keys.load(unseen)])
        expect(statusesOf(good), answer).toEqual([200])
        expect(statusesOf(unsure), answer).toEqual([503])
        expect(unsure.every(({ retryAfter }) => Number(retryAfter) >= 5)).toBe(true)
      }
      // Three fetches that succeeded, and what the bucket held besides.
      const hitsMax = 1 + 5 + 1 + Math.ceil((7 * (TIMEOUT_MS / 1000 + SECONDS)) / 30)
      expect(await keys.hits()).toBeLessThanOrEqual(hitsMax)
      expect(keys.said.join()).not.toContain('secret-words')
      expect(keys.said.join()).toContain(`no answer within ${TIMEOUT_MS} ms`)
    },
  )

  it('is reached through a proxy, although no name server knows it', async (context) => {
    const { expect, onTestFinished } = context
    const keys = await open(context)
    const key = keyNamed('key-0')
    await keys.tell('good', key)
    const proxy = await ConnectProxy.open(keys.keyPort)
    onTestFinished(() => proxy.close())
    const HTTPS_PROXY = `http://user:secret-words@127.0.0.1:${proxy.port}`
    await keys.serve({ JWT_KEYS: 'https://keys.invalid/keys', HTTPS_PROXY })
    expect(statusesOf(await keys.load(key, 0.1))).toEqual([200])
    expect(proxy.asked).toEqual(['keys.invalid:443'])
    expect(keys.said.join()).not.toContain('secret-words')
  })

  it('that rolls each second is followed by the bucket, and then by the time', {
    timeout: 60_000,
  }, async (context) => {
    const { expect } = context
    const keys = await open(context)
    const rolled = [keyNamed('key-0')]
    await keys.tell('good', ...rolled)
    await keys.serve({ JWT_JWKS_COOLDOWN_MS: '1000' })
    const seen: number[] = []
    for (let n = 1; n <= 8; n++) {
      rolled.push(keyNamed(`key-${n}`))
      await keys.tell('good', ...rolled.slice(-2))
      const [old, young] = rolled.slice(-2) as [TestKey, TestKey]
      const answers = await Promise.all([keys.load(old, 1), keys.load(young, 1)])
      seen.push(...statusesOf(answers.flat()))
    }
    expect(new Set(seen)).toEqual(new Set([200]))
  })

  it('that takes all keys back is believed, and so is one that has them again', {
    timeout: 60_000,
  }, async (context) => {
    const { expect } = context
    const keys = await open(context)
    const key = keyNamed('key-0')
    await keys.tell('good', key)
    await keys.serve({ JWT_JWKS_MAX_AGE_MS: '1000', JWT_JWKS_COOLDOWN_MS: '1000', WORKERS: '2' })
    expect(statusesOf(await keys.load(key))).toEqual([200])
    await keys.tell('good')
    await eventually(async () => expect(statusesOf(await keys.load(key, 0.1))).toEqual([401]))
    await keys.tell('good', key)
    await eventually(async () => expect(statusesOf(await keys.load(key, 0.1))).toEqual([200]))
  })
})

describe('a flood of tokens that name unknown keys', () => {
  it('costs at most one fetch each 6 s on average, and no known key waits', {
    timeout: 600_000,
  }, async (context) => {
    const keys = await open(context)
    const key = keyNamed('key-0')
    await keys.tell('good', key)
    await keys.serve({ WORKERS: '2' })
    const stranger = makeKey('ES256')
    const agent = new Agent({ keepAlive: true, maxSockets: 20 })
    const began = performance.now()
    const flooded: Promise<Answer>[] = []
    for (let n = 0; n < FLOOD; n++) {
      flooded.push(keys.connect(mintToken(keyAs(stranger, { kid: `unknown-${n}` })), agent))
      if (n % 20 === 19) await Promise.all(flooded.slice(-20))
      if (n % 500 === 499) expect(statusesOf(await keys.load(key, 0.1))).toEqual([200])
    }
    const statuses = (await Promise.all(flooded)).map(({ status }) => status)
    expect(new Set(statuses)).toEqual(new Set([401, 503]))
    // Five at once and one more each 30 s, which is one each 6 s from the first half minute on.
    const seconds = (performance.now() - began) / 1000
    expect(await keys.hits()).toBeLessThanOrEqual(1 + 5 + Math.floor(seconds / 30))
    agent.destroy()
  })
})
