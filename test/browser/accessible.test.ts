// The page and the console as people use them: on a phone, in the dark, by keyboard, with a screen reader's eyes (axe).
// Both are served by their own routes; what they show is the test's.

import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { kafkaSseAdmin } from '../../plugins/admin.ts'
import { adminRoutes } from '../../routes/admin.ts'
import { pageRoutes } from '../../routes/page.ts'
import { History } from '../../src/admin/history.ts'
import { clientFolder, inPackage } from '../../src/app/package-path.ts'
import { AdminParts } from '../support/admin-parts.ts'
import { leaveOut } from '../support/left-out.ts'
import { TopicInMemory } from '../support/topic-in-memory.ts'
import { CHROMIUM, launch } from './chromium.ts'

const VIEWS = [
  { width: 1280, colorScheme: 'light' },
  { width: 1280, colorScheme: 'dark' },
  { width: 390, colorScheme: 'light' },
  { width: 390, colorScheme: 'dark' },
] as const
/** As long as a path may be. */
const LONG = `/${'orders-of-'.repeat(8)}:customer`
const RECORDS = [
  { key: 'eur', value: '{"price":1.08,"venues":[{"name":"x"}]}', partition: 0, offset: 7 },
  { key: 'k'.repeat(200), value: 'v'.repeat(2_000), partition: 3, offset: 1_234_567 },
]

if (CHROMIUM === null) leaveOut('every test in a browser', 'no chromium; CHROMIUM may name one elsewhere')

describe.skipIf(CHROMIUM === null)('in Chromium', () => {
  const parts = new AdminParts()
  let app: FastifyInstance
  let browser: Browser
  let context: BrowserContext
  let origin: string

  beforeAll(async () => {
    fillParts(parts)
    app = Fastify()
    await app.register(kafkaSseAdmin, parts)
    const { kafkaSseAdmin: admin } = app
    await app.register(adminRoutes, { admin, folder: inPackage('public'), everyMs: 100 })
    const history = new History().columns()
    const ofNewProcess = { ...admin, status: () => ({ ...admin.status(false), sample: null, history }) }
    await app.register(adminRoutes, { admin: ofNewProcess, folder: inPackage('public'), prefix: '/new' })
    await app.register(pageRoutes, { folder: inPackage('public'), clientFolder: clientFolder(), page: true })
    app.post('/demo/token', async () => ({ token: 'a.b.c', envelopes: {} }))
    app.get('/events', async (_request, reply) => {
      reply.hijack()
      reply.raw.writeHead(200, { 'content-type': 'text/event-stream' }).write(RECORDS.map(eventOf).join(''))
    })
    app.get('/refused', async (_request, reply) => reply.code(404).send({ message: 'not found' }))
    await app.listen({ port: 0, host: 'localhost' })
    origin = `http://localhost:${(app.server.address() as AddressInfo).port}` // it listens at a port
    browser = await launch()
  }, 60_000)

  afterEach(() => context.close())

  afterAll(async () => {
    await browser?.close()
    app.server.closeAllConnections()
    await app.close()
  }, 30_000)

  async function open(
    path: string,
    { width, colorScheme }: (typeof VIEWS)[number] = VIEWS[0],
  ): Promise<Page> {
    context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme })
    const page = await context.newPage()
    await page.goto(origin + path)
    return page
  }

  async function openConsole(view?: (typeof VIEWS)[number]): Promise<Page> {
    const page = await open('/status', view)
    await vi.waitUntil(async () => (await page.locator('#charts path.main').count()) === 4, {
      timeout: 20_000,
    })
    return page
  }

  async function openPage(view?: (typeof VIEWS)[number]): Promise<Page> {
    const page = await open('/index.html', view)
    await page.getByRole('button', { name: 'Go' }).click()
    await page
      .locator('#messages li.message')
      .nth(RECORDS.length - 1)
      .waitFor()
    await page.locator('#messages summary').last().click()
    return page
  }

  it.each(VIEWS)(
    'the console has no fault that axe finds, and fits: $width px, $colorScheme',
    async (view) => {
      const page = await openConsole(view)
      expect(await faultsOf(page)).toEqual([])
      expect(await overhang(page)).toBe(0)
    },
    60_000,
  )

  it.each(VIEWS)(
    'the page has no fault that axe finds, and fits: $width px, $colorScheme',
    async (view) => {
      const page = await openPage(view)
      expect(await faultsOf(page)).toEqual([])
      expect(await overhang(page)).toBe(0)
    },
    60_000,
  )

  it('the page has no fault that axe finds where it says what to do about an error', async () => {
    const page = await open('/index.html')
    await page.getByLabel('Location').fill(`${origin}/refused`)
    await page.getByRole('button', { name: 'Go' }).click()
    await page.getByText('Look at the path').waitFor()
    expect(await faultsOf(page)).toEqual([])
  }, 60_000)

  it('the console says why the process is not ready, and what to do', async () => {
    parts.keysTrouble = 'no key set from https://a.test/keys yet: it answered 500'
    const page = await openConsole()
    await page.getByText('Not ready', { exact: true }).waitFor()
    expect(await page.locator('#reasons').textContent()).toBe(
      `${parts.keysTrouble}Look at the identity provider. The server goes on by itself.`,
    )
    expect(await faultsOf(page)).toEqual([])
    parts.keysTrouble = null
    await page.getByText('Ready', { exact: true }).waitFor()
    expect(await page.locator('#reasons').textContent()).toBe('')
  }, 60_000)

  it('the console tells its figures in words, without a position', async () => {
    const page = await openConsole()
    for (const summary of await page.locator('#topics summary').all()) await summary.click()
    const text = await page.locator('body').innerText()
    expect(text).toContain('Partition 0: offset 1, up to date')
    expect(text).toContain('Partition 1: nothing yet, 5 behind')
    expect(text).toContain('Partition 49: nothing yet, 1 behind\nand 10 more')
    expect(text).toContain('expired: off by 7 s')
    expect(text).toContain('slow: the client took nothing')
    expect(text).toContain('3 client')
    expect(text).not.toMatch(/AQ[A-Za-z0-9_-]{4,}/)
    expect(text).not.toContain('alice')
  }, 60_000)

  it('a chart is read by the arrow keys, moment by moment', async () => {
    const page = await openConsole()
    const chart = page.getByRole('slider', { name: 'Open streams' })
    await chart.focus()
    await vi.waitUntil(async () => Number(await chart.getAttribute('aria-valuemax')) >= 1, {
      timeout: 10_000,
    })
    expect(await chart.getAttribute('aria-valuetext')).toBe('now: 12 open')
    await page.keyboard.press('Home')
    expect(await chart.getAttribute('aria-valuetext')).toMatch(/^\d\d:\d\d:\d\d, .+ ago: 12 open$/)
    await page.keyboard.press('Escape')
    expect(await chart.getAttribute('aria-valuetext')).toBe('now: 12 open')
    for (const key of ['End', 'ArrowRight', 'PageDown']) {
      await page.keyboard.press('ArrowLeft')
      await page.keyboard.press(key)
      expect(await chart.getAttribute('aria-valuetext'), key).toBe('now: 12 open')
    }
  }, 60_000)

  it('a chart has no fault that axe finds before it has a sample, and says so', async () => {
    const page = await open('/new/status')
    await page.getByText('Ready', { exact: true }).waitFor()
    expect(await page.getByRole('slider').first().getAttribute('aria-valuetext')).toBe('no sample yet')
    expect(await faultsOf(page)).toEqual([])
  }, 60_000)

  it('the tab key reaches all that can be used in the console, and shows where it is', async () => {
    const page = await openConsole()
    const reached: string[] = []
    for (let at = 0; at < 8; at++) {
      await page.keyboard.press('Tab')
      reached.push(await page.evaluate(describeFocus))
    }
    expect(reached.slice(0, 4)).toEqual(Array(4).fill('DIV slider outlined'))
    expect(reached).toContain('SUMMARY  outlined')
  }, 60_000)

  it('nothing of the console takes a request that changes anything', async () => {
    for (const url of ['/status', '/status/events', '/status/status.js', '/status/console/chart.js'])
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'] as const)
        expect((await app.inject({ method, url })).statusCode, `${method} ${url}`).toBe(404)
    context = await browser.newContext()
  })
})

function fillParts(parts: AdminParts): void {
  const topic = new TopicInMemory(2, {}, 'orders-of-a-long-name'.repeat(3))
  for (const key of ['a', 'b']) topic.produce('one', key)
  topic.bus.noteEnd(0, 2, { nowMs: 0, epochMs: 0 })
  topic.bus.noteEnd(1, 5, { nowMs: 0, epochMs: 0 })
  const wide = new TopicInMemory(60, {}, 'wide')
  for (let partition = 0; partition < 60; partition++)
    wide.bus.noteEnd(partition, 1, { nowMs: 0, epochMs: 0 })
  parts.opened.push(topic, wide)
  const { figures, outcomes } = parts
  figures.streamsOpen = 12
  figures.streamsEnded.client = 3
  Object.assign(figures.paths, { [LONG]: { open: 11, opened: 40 }, '/events': { open: 1, opened: 1 } })
  parts.slow = {
    count: 12,
    longest: [{ path: LONG, subject: 'a1b2c3d4e5f6', seconds: 14, bytes: 100_000 }],
  }
  const atMs = Date.now()
  outcomes.refused({
    atMs,
    path: LONG,
    code: 'FKS_TOKEN_INVALID',
    check: 'expired',
    reason: null,
    offSeconds: 7,
  })
  const ended = { atMs, path: LONG, subject: 'alice', seconds: 61, records: 12_345, bytes: 9_999_999 }
  outcomes.ended({ ...ended, reason: 'slow' })
}

function eventOf({ key, value, partition, offset }: (typeof RECORDS)[number]): string {
  const record = { key, value, headers: [{ name: 'trace', value: 'abc' }], timestamp: 0, partition, offset }
  return `data:${JSON.stringify(record)}\nid:AQIAAg==\n\n`
}

/** By the rules of WCAG 2.2, and axe's own advice. */
async function faultsOf(page: Page): Promise<unknown[]> {
  // Evaluated, because the policy of both pages allows no script that a test adds.
  await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'))
  return await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }
    const { violations } = await axe.run()
    return violations.map(({ id, nodes }) => ({
      id,
      at: nodes.map(({ target, any }) => [target, any[0]?.message]),
    }))
  })
}

interface Violation {
  readonly id: string
  readonly nodes: readonly {
    readonly target: unknown
    readonly any: readonly { readonly message: string }[]
  }[]
}

/** By how many pixels the page is wider than its window. */
function overhang(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
}

/** Runs in the page. */
function describeFocus(): string {
  const focused = document.activeElement
  if (focused === null) return 'nothing'
  const isOutlined = getComputedStyle(focused).outlineStyle !== 'none'
  return `${focused.tagName} ${focused.getAttribute('role') ?? ''} ${isOutlined ? 'outlined' : 'hidden'}`
}
