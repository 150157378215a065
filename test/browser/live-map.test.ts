// The live map in Chromium, as a page loads it: unbundled, and in the React example. The server is one of the test's
// own, so that it decides what comes when.

import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { LiveMap, liveMap } from '../../client/src/index.ts'
import { ClientServer } from '../support/client-server.ts'
import { leaveOut } from '../support/left-out.ts'
import { CHROMIUM, launch } from './chromium.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const KEYS = 20_000

interface LiveMapPage {
  map: LiveMap<{ n: number }>
  batches: number
  frames: number
}

if (CHROMIUM === null) leaveOut('the live map in a browser', 'no chromium; CHROMIUM may name one elsewhere')

describe.skipIf(CHROMIUM === null)('a live map in Chromium', () => {
  let browser: Browser
  let server: ClientServer
  let origin: string
  let page: Page
  /** What the pages load, by path. */
  const files = new Map<string, { type: string; text: string }>()

  beforeAll(async () => {
    browser = await launch()
  }, 60_000)
  afterAll(() => browser?.close(), 60_000)
  beforeEach(async () => {
    server = new ClientServer(createServer)
    server.answer = async ({ path }, response) => {
      if (path === '/orders') return server.open(response)
      const module = path.startsWith('/client/') ? `client/dist/${path.slice(8)}` : null
      const file = module
        ? { type: 'text/javascript', text: await readFile(`${ROOT}/${module}`, 'utf8') }
        : null
      const { type, text } = file ?? files.get(path) ?? { type: 'text/html', text: '<!doctype html>' }
      response.writeHead(200, { 'content-type': type }).end(text)
    }
    origin = `http://127.0.0.1:${await server.listen()}`
    page = await browser.newPage()
    const uncaught: string[] = []
    page.on('pageerror', ({ message }) => uncaught.push(message))
    onTestFinished(async () => {
      await page.close()
      await server.close()
      expect(uncaught).toEqual([])
    })
  })

  const record = (key: string, value: unknown) => {
    const envelope = { key, value: JSON.stringify(value), headers: [], timestamp: 0, partition: 0, offset: 0 }
    return `data:${JSON.stringify(envelope)}\n\n`
  }
  const opened = () => vi.waitUntil(() => server.streams.length > 0, { timeout: 20_000 })

  it(`has ${KEYS} keys, and changes at most once per frame`, async () => {
    await page.goto(origin)
    await page.addScriptTag({
      type: 'module',
      content: "import { liveMap } from '/client/index.js'; window.liveMap = liveMap",
    })
    await page.waitForFunction(() => 'liveMap' in window)
    await page.evaluate(async () => {
      const client = window as unknown as { liveMap: typeof liveMap }
      const map = client.liveMap<{ n: number }>('/orders', { getToken: () => 'token' })
      const seen = { map, batches: 0, frames: 0 }
      const count = (): void => {
        seen.frames++
        requestAnimationFrame(count)
      }
      await new Promise(requestAnimationFrame)
      count()
      map.subscribe(() => seen.batches++)
      Object.assign(window, { seen })
    })
    await opened()
    const keys = Array.from({ length: KEYS }, (_, at) => `key ${at}`)
    server.say(`${keys.map((key) => record(key, { n: 0 })).join('')}:ready\n\n`)
    await page.evaluate(() => (window as unknown as { seen: LiveMapPage }).seen.map.ready)
    for (let n = 1; n <= 200; n++) {
      server.say(
        keys
          .slice(0, 50)
          .map((key) => record(key, { n }))
          .join(''),
      )
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    const last = keys[49] ?? ''
    await page.waitForFunction(
      (key) => (window as unknown as { seen: LiveMapPage }).seen.map.get(key)?.n === 200,
      last,
    )
    const { size, batches, frames } = await page.evaluate(() => {
      const { seen } = window as unknown as { seen: LiveMapPage }
      return { size: seen.map.size, batches: seen.batches, frames: seen.frames }
    })
    expect(size).toBe(KEYS)
    expect(batches).toBeGreaterThan(1)
    // The snapshot is shown at its ready, before a frame.
    expect(batches).toBeLessThanOrEqual(frames + 1)
  }, 60_000)

  it('is a table of the React example, which never flickers', async () => {
    const bundle = await rolldown({
      input: `${ROOT}/examples/react/orders.tsx`,
      resolve: { alias: { 'kafka-sse-client': `${ROOT}/client/src/index.ts` } },
      transform: { define: { 'process.env.NODE_ENV': '"production"' } },
    })
    const { output } = await bundle.generate({ format: 'esm' })
    files.set('/orders.tsx', { type: 'text/javascript', text: output[0].code })
    files.set('/', { type: 'text/html', text: await readFile(`${ROOT}/examples/react/index.html`, 'utf8') })
    await page.route('**/token', (route) => route.fulfill({ json: { token: 'token' } }))
    await page.goto(origin)
    await opened()
    const caption = () => page.locator('caption').textContent()
    const rows = () => page.locator('tr').allTextContents()
    server.say(
      `${record('2', { customer: 'bob', total: 7 })}${record('1', { customer: 'ann', total: 5 })}:ready\n\n`,
    )
    await vi.waitUntil(async () => (await caption()) === 'ready: 2 orders', { timeout: 20_000 })
    expect(await rows()).toEqual(['1ann5', '2bob7'])
    await page.evaluate(() => {
      const counts: number[] = []
      const table = document.querySelector('tbody')
      new MutationObserver(() => counts.push(table?.rows.length ?? 0)).observe(document, {
        subtree: true,
        childList: true,
        characterData: true,
      })
      Object.assign(window, { counts })
    })
    server.say(record('1', { customer: 'ann', total: 6 }))
    await vi.waitUntil(async () => (await rows())[0] === '1ann6', { timeout: 20_000 })
    server.say(`:gap recreated\n\n${record('3', { customer: 'cid', total: 1 })}`)
    await vi.waitUntil(async () => (await caption()) === 'reloading: 2 orders', { timeout: 20_000 })
    server.say(`${record('2', { customer: 'bob', total: 7 })}:ready\n\n`)
    await vi.waitUntil(async () => (await caption()) === 'ready: 2 orders', { timeout: 20_000 })
    expect(await rows()).toEqual(['2bob7', '3cid1'])
    const counts = await page.evaluate(() => (window as unknown as { counts: number[] }).counts)
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(1)
    // What React cannot render.
    for (const value of [{ customer: {}, total: 1 }, { customer: 'eve', total: [{}] }, null, 'eve', [[{}]]])
      server.say(record('3', value))
    await vi.waitUntil(async () => (await caption()) === 'ready: 1 orders', { timeout: 20_000 })
    expect(await rows()).toEqual(['2bob7'])
  }, 60_000)
})
