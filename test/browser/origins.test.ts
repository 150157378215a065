// Pages of the streams' own origin and of others in Chromium: what each may do with a ticket and with its visitor's
// cookie. The browser itself says where a request comes from, so that nothing here is an assumption about browsers.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { mintDemoToken } from '../../src/demo/token.ts'
import { leaveOut } from '../support/left-out.ts'
import { eventually } from '../support/time.ts'
import { CHROMIUM, launch } from './chromium.ts'
import { DemoProcess } from './demo-process.ts'

const COOKIE = '__Host-token'
/** Neighbours of the demo: cookies do not tell ports apart, so the browser sends them. Nothing listens there. */
const LISTED = 'https://localhost:18443'
const OTHER = 'https://localhost:18444'

if (CHROMIUM === null) leaveOut('pages of other origins', 'no chromium; CHROMIUM may name one elsewhere')

describe.skipIf(CHROMIUM === null)('in Chromium', () => {
  let demo: DemoProcess
  let browser: Browser
  let context: BrowserContext
  let token: string

  beforeAll(async () => {
    demo = await DemoProcess.open({
      LOG_LEVEL: 'info',
      TICKETS: 'on',
      JWT_COOKIE: COOKIE,
      CORS_ORIGINS: LISTED,
      CORS_HEADERS: 'X-Tenant',
    })
    browser = await launch(await readFile(join(demo.folder, 'server.crt')))
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await demo?.close()
  }, 60_000)
  beforeEach(async () => {
    context = await browser.newContext()
    token = await mintDemoToken({ folder: demo.folder, expiresInSeconds: 600 })
    onTestFinished(() => context.close())
  })

  /** An empty page of an origin. The demo serves its own; of the others no host is asked. */
  async function pageOf(origin: string): Promise<Page> {
    const page = await context.newPage()
    const empty = { contentType: 'text/html', body: '<!doctype html><title>empty</title>' }
    await page.route(`${origin}/empty`, (route) => route.fulfill(empty))
    await page.goto(`${origin}/empty`)
    return page
  }

  const askFor = (page: Page) =>
    page.evaluate(
      async ([url, bearer]) => {
        const headers = { authorization: `Bearer ${bearer}` }
        const answer = await fetch(`${url}/events/ticket`, { method: 'POST', headers })
        const { ticket } = (await answer.json()) as { ticket: string }
        return ticket
      },
      [demo.origin, token] as const,
    )

  /** How often the server has refused something for this reason, by its log. */
  const refusals = (check: string) => demo.output.split(`"check":"${check}"`).length - 1

  /** Whether an EventSource opens, or gives up. */
  const opens = (page: Page, query: string, withCredentials = false) =>
    page.evaluate(
      ([url, credentials]) =>
        new Promise<boolean>((resolve) => {
          const source = new EventSource(url, { withCredentials: credentials })
          const end = (isOpen: boolean) => {
            source.close()
            resolve(isOpen)
          }
          source.onopen = () => end(true)
          source.onerror = () => end(false)
        }),
      [`${demo.origin}/events${query}`, withCredentials] as const,
    )

  it('an own page opens one stream with a ticket', async () => {
    const page = await pageOf(demo.origin)
    const ticket = await askFor(page)
    expect(await opens(page, `?ticket=${ticket}`)).toBe(true)
    expect(await opens(page, `?ticket=${ticket}`)).toBe(false)
  })

  it('a listed page opens one stream with its own ticket, and none with that of an own page', async () => {
    const [own, listed] = [await pageOf(demo.origin), await pageOf(LISTED)]
    const [ticket, stolen] = [await askFor(listed), await askFor(own)]
    expect(await opens(listed, `?ticket=${stolen}`)).toBe(false)
    expect(await opens(own, `?ticket=${ticket}`)).toBe(false)
    expect(await opens(listed, `?ticket=${ticket}`)).toBe(true)
    expect(await opens(own, `?ticket=${stolen}`)).toBe(true)
  })

  it('a page of another origin opens no stream with a ticket, neither as one nor as an image', async () => {
    const [own, other] = [await pageOf(demo.origin), await pageOf(OTHER)]
    const ticket = await askFor(own)
    const before = refusals('origin')
    expect(await opens(other, `?ticket=${ticket}`)).toBe(false)
    await other.evaluate(
      (url) =>
        new Promise((resolve) => {
          const image = new Image()
          image.onerror = resolve
          image.src = url
        }),
      `${demo.origin}/events?ticket=${ticket}`,
    )
    expect(await opens(own, `?ticket=${ticket}`)).toBe(true)
    // The log comes by another pipe than the answers.
    await eventually(() => expect(refusals('origin') - before).toBe(2))
  })

  it('a listed page sends headers of tracing and those that are set, and no other', async () => {
    const page = await pageOf(LISTED)
    await page.unrouteAll() // with routes Playwright answers preflights itself
    const answerTo = (...names: string[]) =>
      page.evaluate(
        ([url, bearer, sent]) => {
          const given = sent.map((name) => [name, '1'] as const)
          const headers = { ...Object.fromEntries(given), authorization: `Bearer ${bearer}` }
          const answer = fetch(`${url}/events/ticket`, { method: 'POST', headers })
          return answer.then(({ status }) => status).catch(() => 'not sent')
        },
        [demo.origin, token, names] as const,
      )
    expect(await answerTo('traceparent', 'tracestate', 'baggage', 'sentry-trace', 'x-tenant')).toBe(200)
    expect(await answerTo('x-other')).toBe('not sent')
  })

  it('a cookie opens streams of own and listed pages, and no other, though the browser sends it', async () => {
    const cookie = { name: COOKIE, value: token, url: demo.origin, secure: true, sameSite: 'None' as const }
    await context.addCookies([cookie])
    expect(await opens(await pageOf(demo.origin), '')).toBe(true)
    expect(await opens(await pageOf(LISTED), '', true)).toBe(true)
    const other = await pageOf(OTHER)
    expect(await opens(other, '', true)).toBe(false)
    const sent = context.waitForEvent('response', (response) => response.url() === `${demo.origin}/events`)
    const posting = other.evaluate(
      (url) => fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'include' }).then(() => null),
      `${demo.origin}/events`,
    )
    const response = await sent
    expect((await response.request().allHeaders()).cookie).toContain(COOKIE)
    expect(response.status()).toBe(403)
    await posting
  })
})
