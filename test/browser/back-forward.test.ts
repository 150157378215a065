// A page that its visitor leaves, and comes back to by the browser's button. Chromium keeps it in its back-forward
// cache meanwhile, but not if another tab writes to one of its channels, or if it has a connection on which much comes.

import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { leaveOut } from '../support/left-out.ts'
import { CHROMIUM, launch } from './chromium.ts'
import { TabsServer } from './tabs-server.ts'

const PATIENCE = { timeout: 30_000, interval: 100 }
/** As much as Chromium drops a page for that has a connection, several times. */
const MUCH = { records: 100, length: 30_000 }

if (CHROMIUM === null) leaveOut('the back-forward cache', 'no chromium; CHROMIUM may name one elsewhere')

describe.skipIf(CHROMIUM === null)('a page of Chromium that is left, and comes back out of the cache', () => {
  let browser: Browser
  let server: TabsServer
  let context: BrowserContext

  beforeAll(async () => {
    browser = await launch(undefined, [], ['--disable-back-forward-cache'])
  }, 60_000)
  afterAll(() => browser?.close(), 60_000)
  beforeEach(async () => {
    server = await TabsServer.open(null)
    context = await browser.newContext()
    onTestFinished(async () => {
      await context.close()
      await server.close()
    })
  })

  async function openTab(path: string): Promise<Page> {
    const page = await context.newPage()
    await page.goto(`${server.origin}${path}`)
    return page
  }

  async function hasAll(page: Page): Promise<void> {
    const received = () => page.evaluate<string[]>('received')
    await vi.waitUntil(async () => (await received()).length >= server.written.length, PATIENCE)
    expect(await received()).toEqual(server.written)
  }

  async function leave(page: Page): Promise<void> {
    await page.evaluate('globalThis.isKept = true')
    await page.goto(`${server.origin}/another`)
    expect(await page.title()).toBe('another page')
  }

  async function comeBack(page: Page): Promise<void> {
    await page.evaluate('history.back()')
    await page.waitForFunction("document.title === 'tab'")
    expect(await page.evaluate('globalThis.isKept')).toBe(true)
  }

  const openAre = (streams: number) => vi.waitUntil(() => server.open === streams, PATIENCE)

  it.each(['/alone', '/'])(
    'has no connection meanwhile, and then every record once: %s',
    async (path) => {
      server.write('before')
      const page = await openTab(path)
      await hasAll(page)
      await leave(page)
      await openAre(0)
      for (let record = 0; record < MUCH.records; record++)
        server.write(`${record} ${'x'.repeat(MUCH.length)}`)
      await comeBack(page)
      await hasAll(page)
      server.write('after')
      await hasAll(page)
      await openAre(1)
    },
    60_000,
  )

  it('has another tab lead at once, whose messages do not drop it from the cache', async () => {
    server.write('before')
    const pages = [await openTab('/'), await openTab('/')] as const
    for (const page of pages) await hasAll(page)
    await openAre(1)
    const { opened } = server
    await leave(pages[0])
    await vi.waitUntil(() => server.opened > opened && server.open === 1, PATIENCE)
    server.write('meanwhile')
    await hasAll(pages[1])
    await comeBack(pages[0])
    server.write('after')
    for (const page of pages) await hasAll(page)
    await openAre(1)
  }, 60_000)
})
