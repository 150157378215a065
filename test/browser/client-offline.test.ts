// The client in a page that has no network for longer than its token lives.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { ConnectOptions, connect, StreamState } from '../../client/src/index.ts'
import { mintDemoToken } from '../../src/demo/token.ts'
import { leaveOut } from '../support/left-out.ts'
import { CHROMIUM, launch } from './chromium.ts'
import { DemoProcess } from './demo-process.ts'

const TOKEN_SECONDS = 8
const BACK_WITHIN_MS = 1_000

/** What the page notes, in ms of `performance.now`. */
interface Notes {
  states: { state: StreamState; atMs: number }[]
  data: string[]
  onlineAtMs: number
}

if (CHROMIUM === null) leaveOut('a client without a network', 'no chromium; CHROMIUM may name one elsewhere')

describe.skipIf(CHROMIUM === null)('the client in Chromium', () => {
  let demo: DemoProcess
  let browser: Browser
  let page: Page

  beforeAll(async () => {
    demo = await DemoProcess.open({ CHALLENGE_SECONDS: '4' })
    browser = await launch(await readFile(join(demo.folder, 'server.crt')))
    page = await (await browser.newContext()).newPage()
    await page.exposeFunction('mint', () =>
      mintDemoToken({ folder: demo.folder, expiresInSeconds: TOKEN_SECONDS }),
    )
    await page.goto(`${demo.origin}/index.html`)
    // As text, because Vitest has its own import().
    await page.evaluate("import('/client.js').then(({ connect }) => { window.connect = connect })")
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await demo?.close()
  }, 60_000)

  async function open(): Promise<void> {
    await page.evaluate(() => {
      const notes: Notes = { states: [], data: [], onlineAtMs: 0 }
      const own = window as unknown as { connect: typeof connect; mint: () => Promise<string>; notes: Notes }
      own.notes = notes
      addEventListener('online', () => {
        notes.onlineAtMs = performance.now()
      })
      const options: ConnectOptions = {
        getToken: () => own.mint(),
        // Of 30 s: the next try without a network comes after the test.
        random: () => 0.99,
        onState: ({ state }) => notes.states.push({ state, atMs: performance.now() }),
        onEvent: ({ type, data }) => {
          if (type === 'message') notes.data.push(data)
        },
      }
      own.connect('/events', options)
    })
  }

  const notes = () => page.evaluate(() => (window as unknown as { notes: Notes }).notes)
  const state = async () => (await notes()).states.at(-1)?.state
  const until = (what: () => Promise<boolean>) => vi.waitUntil(what, { timeout: 20_000, interval: 100 })

  it('waits without a network, and is back within a second with what it missed, each once', async () => {
    await demo.produce('1', 'before')
    await open()
    await until(async () => (await notes()).data.includes('before'))

    const devtools = await page.context().newCDPSession(page)
    const emulate = (offline: boolean) =>
      devtools.send('Network.emulateNetworkConditions', {
        offline,
        latency: 0,
        downloadThroughput: -1,
        uploadThroughput: -1,
      })
    await devtools.send('Network.enable')
    await emulate(true)
    const offlineAtMs = Date.now()
    await demo.produce('2', 'missed')
    await until(async () => (await state()) === 'offline')
    const tries = (await notes()).states.length
    await vi.waitUntil(() => Date.now() - offlineAtMs > (TOKEN_SECONDS + 2) * 1_000, { timeout: 20_000 })
    expect((await notes()).states.length).toBe(tries)

    await emulate(false)
    await until(async () => (await state()) === 'open')
    const { states, onlineAtMs } = await notes()
    expect(onlineAtMs).toBeGreaterThan(0)
    expect((states.at(-1)?.atMs ?? Infinity) - onlineAtMs).toBeLessThan(BACK_WITHIN_MS)
    await until(async () => (await notes()).data.includes('missed'))
    await demo.produce('3', 'live')
    await until(async () => (await notes()).data.includes('live'))
    expect((await notes()).data).toEqual(['before', 'missed', 'live'])
  }, 120_000)
})
