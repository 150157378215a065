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
/** After such a wait the state is printed. After 27 s of silence the client would open a new connection. */
const LONG_MS = 10_000

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

    /** Prints what there is if the wait is long. */
    async function until(pages: readonly Page[], condition: () => boolean | Promise<boolean>): Promise<void> {
      const timer = setTimeout(() => void tell(pages), LONG_MS)
      try {
        await vi.waitUntil(condition, PATIENCE)
      } finally {
        clearTimeout(timer)
      }
    }

    async function tell(pages: readonly Page[]): Promise<void> {
      const { open, opened, written } = server
      console.log(`${version}: ${open} streams open of ${opened}, ${written.length} records written`)
      for (const [index, page] of pages.entries()) {
        const said = await page
          .evaluate("[received.length + ' records', 'at ' + stream.lastEventId, ...states].join(', ')")
          .catch(String)
        console.log(`tab ${index + 1}: ${said}`)
      }
    }

    /** The first of them leads. */
    async function openTabs(): Promise<[Page, ...Page[]]> {
      const context = await browser.newContext()
      onTestFinished(() => context.close())
      const first = await openTab(context)
      const others: Page[] = []
      while (others.length < TABS - 1) others.push(await openTab(context))
      await haveAll([first, ...others])
      await until([first, ...others], () => server.open === 1)
      return [first, ...others]
    }

    const received = (page: Page) => page.evaluate<string[]>('received')

    async function haveAll(pages: readonly Page[]): Promise<void> {
      for (const page of pages) {
        await until(pages, async () => (await received(page)).length >= server.written.length)
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
        await until(others, () => server.opened > opened)
      })
      await haveAll(others)
      await until(others, () => server.open === 1)
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
        await until(others, () => server.opened > opened)
      })
      await haveAll(others)
      await until(others, () => server.open === 1)
    }, 120_000)

    it('go on when the leading tab hangs in mid-stream, and it catches up when it wakes', async () => {
      const [leader, ...others] = await openTabs()
      const { opened } = server
      const devTools = await leader.context().newCDPSession(leader)
      await devTools.send('Debugger.enable')
      await writingDuring(async () => {
        // Stops all tasks of the page.
        await devTools.send('Debugger.pause')
        await until(others, () => server.opened > opened)
      })
      await haveAll(others)
      await devTools.send('Debugger.resume')
      await haveAll([leader, ...others])
      await until([leader, ...others], () => server.open === 1)
    }, 120_000)
  },
)
