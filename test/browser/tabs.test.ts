// One stream for all tabs, in Chromium: over HTTP/1.1, where an eighth tab could not even load, and over HTTP/2. The
// leading tab is closed, crashes and hangs while records come.

import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { localCertificates } from '../support/certificates.ts'
import { leaveOut } from '../support/left-out.ts'
import { CHROMIUM, launch } from './chromium.ts'
import { TabsServer } from './tabs-server.ts'

const TABS = 8
const PATIENCE = { timeout: 30_000, interval: 100 }

if (CHROMIUM === null) leaveOut('streams that tabs share', 'no chromium; CHROMIUM may name one elsewhere')

describe.skipIf(CHROMIUM === null).each(['HTTP/1.1', 'HTTP/2'])(
  'eight tabs in Chromium, over %s',
  (version) => {
    let server: TabsServer
    let browser: Browser

    beforeAll(async () => {
      const { keyPem, certificatePem } = await localCertificates()
      server = await TabsServer.open(version === 'HTTP/2' ? { key: keyPem, cert: certificatePem } : null)
      browser = await launch(Buffer.from(certificatePem))
    }, 120_000)
    afterAll(async () => {
      await browser?.close()
      await server?.close()
    }, 60_000)

    async function openTab(context: BrowserContext): Promise<Page> {
      const page = await context.newPage()
      await page.goto(`${server.origin}/`)
      return page
    }

    /** The first of them leads. */
    async function openTabs(): Promise<[Page, ...Page[]]> {
      const context = await browser.newContext()
      onTestFinished(() => context.close())
      const first = await openTab(context)
      const others: Page[] = []
      while (others.length < TABS - 1) others.push(await openTab(context))
      await haveAll([first, ...others])
      await vi.waitUntil(() => server.open === 1, PATIENCE)
      return [first, ...others]
    }

    const received = (page: Page) => page.evaluate<string[]>('received')

    async function haveAll(pages: readonly Page[]): Promise<void> {
      for (const page of pages) {
        await vi.waitUntil(async () => (await received(page)).length >= server.written.length, PATIENCE)
        expect(await received(page)).toEqual(server.written)
      }
    }

    /** Writes while the work goes on, and a few hundred values after it. */
    async function writingDuring(work: () => Promise<void>): Promise<void> {
      const timer = setInterval(() => server.write(`value ${server.written.length}`), 5)
      try {
        await work()
        const { length } = server.written
        await vi.waitUntil(() => server.written.length > length + 200, PATIENCE)
      } finally {
        clearInterval(timer)
      }
    }

    it('have one connection, and each of them every record once', async () => {
      for (let record = 0; record < 100; record++) server.write(`before ${record}`)
      const pages = await openTabs()
      const { opened } = server
      await writingDuring(async () => {})
      await haveAll(pages)
      expect({ open: server.open, opened: server.opened }).toEqual({ open: 1, opened })
    }, 120_000)

    it('go on when the leading tab is closed in mid-stream', async () => {
      const [leader, ...others] = await openTabs()
      const { opened } = server
      await writingDuring(async () => {
        await leader.close()
        await vi.waitUntil(() => server.opened > opened, PATIENCE)
      })
      await haveAll(others)
      await vi.waitUntil(() => server.open === 1, PATIENCE)
    }, 120_000)

    it('go on when the leading tab crashes in mid-stream', async () => {
      const [leader, ...others] = await openTabs()
      const { opened } = server
      const crashed = leader.waitForEvent('crash')
      const devTools = await leader.context().newCDPSession(leader)
      await writingDuring(async () => {
        // Its answer never comes, because the page is gone.
        devTools.send('Page.crash').catch(() => {})
        await crashed
        await vi.waitUntil(() => server.opened > opened, PATIENCE)
      })
      await haveAll(others)
      await vi.waitUntil(() => server.open === 1, PATIENCE)
    }, 120_000)

    it('go on when the leading tab hangs in mid-stream, and it catches up when it wakes', async () => {
      const [leader, ...others] = await openTabs()
      const { opened } = server
      const devTools = await leader.context().newCDPSession(leader)
      await devTools.send('Debugger.enable')
      await writingDuring(async () => {
        // Stops all tasks of the page.
        await devTools.send('Debugger.pause')
        await vi.waitUntil(() => server.opened > opened, PATIENCE)
      })
      await haveAll(others)
      await devTools.send('Debugger.resume')
      await haveAll([leader, ...others])
      await vi.waitUntil(() => server.open === 1, PATIENCE)
    }, 120_000)
  },
)
