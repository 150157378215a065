// The page in Chromium, against the demo as its user runs it: the tutorial's browser part, its stop and start included.
// Tokens are shorter here than the demo's 30 s where their end has to be waited for.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { mintDemoToken } from '../../src/demo/token.ts'
import { leaveOut } from '../support/left-out.ts'
import { CHROMIUM, launch } from './chromium.ts'
import { DemoProcess } from './demo-process.ts'

const CHALLENGE_SECONDS = 4
const TOKEN_SECONDS = 8
const POUR_SECONDS = 4

if (CHROMIUM === null) leaveOut('every test in a browser', 'no chromium; CHROMIUM may name one elsewhere')

describe.skipIf(CHROMIUM === null)('the page in Chromium', () => {
  let demo: DemoProcess
  let browser: Browser
  let page: Page
  let lines: string[]

  beforeAll(async () => {
    demo = await DemoProcess.open({ CHALLENGE_SECONDS: String(CHALLENGE_SECONDS) })
    browser = await launch(await readFile(join(demo.folder, 'server.crt')))
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await demo?.close()
  }, 60_000)

  beforeEach(async () => {
    const context = await browser.newContext()
    page = await context.newPage()
    lines = []
    page.on('console', (message) => lines.push(message.text()))
    page.on('pageerror', (error) => lines.push(`uncaught ${error.message}`))
  })

  afterEach(async () => {
    await page.context().close()
    expect(lines.filter((line) => line.startsWith('uncaught'))).toEqual([])
  })

  const state = () => page.locator('#state').textContent()
  const values = () => page.locator('#messages li.message .value').allTextContents()
  const said = (word: string) => lines.filter((line) => line.split(' ')[0] === word).length

  async function go(): Promise<void> {
    await page.goto(`${demo.origin}/index.html`)
    await page.getByRole('button', { name: 'Go' }).click()
    await vi.waitUntil(async () => (await state()) === 'open', { timeout: 20_000 })
  }

  async function arrives(text: string): Promise<void> {
    await vi.waitUntil(async () => (await values())[0] === text, { timeout: 20_000, interval: 100 })
  }

  /** Instead of the demo's own, so that a test lives to see their end. */
  async function useShortTokens(): Promise<void> {
    await page.route('**/demo/token', async (route) => {
      // A stopped server hands out no tokens either.
      if (!demo.isRunning) return await route.abort()
      const token = await mintDemoToken({ folder: demo.folder, expiresInSeconds: TOKEN_SECONDS })
      await route.fulfill({ json: { token } })
    })
  }

  it('opens the stream with a token of its own, and puts each record on top, as text', async () => {
    await demo.produce('1', '{"id":1,"name":"Hello World!"}')
    await page.goto(`${demo.origin}/index.html`)
    expect(await page.getByLabel('Location').inputValue()).toBe(`${demo.origin}/events`)
    expect(await page.getByLabel('Reauthorize').isChecked()).toBe(true)
    expect(await page.getByLabel('Token').isVisible()).toBe(false)
    await page.getByRole('button', { name: 'Go' }).click()
    await arrives('{"id":1,"name":"Hello World!"}')
    await demo.produce('2', '<img src=x onerror=alert(1)>')
    await arrives('<img src=x onerror=alert(1)>')
    expect(await values()).toEqual(['<img src=x onerror=alert(1)>', '{"id":1,"name":"Hello World!"}'])
    expect(said('open')).toBe(1)
  }, 60_000)

  it('shows key, partition and offset of whole records, and opens one to its parts', async () => {
    await demo.produce('gbp', '{"price":1.27}')
    await demo.produce('eur', '{"price":1.08,"venues":[{"name":"x"}]}')
    await go()
    const row = page.locator('#messages li.message', { hasText: 'venues' })
    await row.waitFor()
    expect(await row.locator('.key').textContent()).toBe('eur')
    expect(await row.locator('.place').textContent()).toMatch(/^P\d · \d+$/)
    await page.getByRole('button', { name: 'Clear' }).focus()
    await page.keyboard.press('Tab')
    const isOnRow = (which: string) =>
      page.evaluate((row) => document.activeElement?.matches(row), `#messages li${which} > details > summary`)
    expect(await isOnRow(':nth-last-child(1 of .message, .delete)')).toBe(false)
    await page.keyboard.press('End')
    expect(await isOnRow(':nth-last-child(1 of .message, .delete)')).toBe(true)
    await page.keyboard.press('Home')
    expect(await isOnRow(':nth-child(1 of .message, .delete)')).toBe(true)
    await row.locator(':scope > details > summary').press('Enter')
    const tree = row.locator('.whole > .tree')
    expect(await tree.locator(':scope > div').first().textContent()).toBe('"price": 1.08')
    expect(await tree.getByText('"x"').count()).toBe(0)
    await tree.getByText('"venues"').click()
    await tree.getByText('{ 1 member }').click()
    await tree.getByText('"x"').waitFor()
    expect(await row.locator('.whole dl').textContent()).toContain('Keyeur')
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: demo.origin })
    await row.getByRole('button', { name: 'Copy record' }).click()
    await row.getByRole('button', { name: 'Copied' }).waitFor()
    const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()))
    expect(copied).toMatchObject({ key: 'eur', value: { price: 1.08, venues: [{ name: 'x' }] } })
  }, 60_000)

  it('shows a long key and a long name by their beginnings, and no text turns its neighbour around', async () => {
    const long = 'k'.repeat(100_000)
    await demo.produce(long, `{"n\u202e":"001","${long}":1}`)
    await go()
    const row = page.locator('#messages li.message', { hasText: 'kkk' })
    await row.waitFor()
    const length = async (part: string) => (await row.locator(part).first().textContent())?.length
    expect(await length('.key')).toBeLessThan(400)
    await row.locator(':scope > details > summary').press('Enter')
    await row.getByText('"kkk').first().waitFor()
    expect(await length('.whole > .tree')).toBeLessThan(1_000)
    expect(await length('.whole > dl')).toBeLessThan(5_000)
    const name = row.locator('.tree .name').first()
    expect(await name.evaluate((span) => getComputedStyle(span).unicodeBidi)).toBe('isolate')
  }, 60_000)

  it('tells partition and offset of a stream of values, and that it sends no keys', async () => {
    await page.goto(`${demo.origin}/index.html`)
    await page.getByLabel('Whole records').uncheck()
    await page.getByRole('button', { name: 'Go' }).click()
    await vi.waitUntil(async () => (await state()) === 'open', { timeout: 20_000 })
    await page.locator('#messages li.ready').waitFor()
    // The place is told from the second record on.
    for (const value of ['before', 'first', 'second']) await demo.produce('usd', value)
    await arrives('second')
    const places = page.locator('#messages li.message .place')
    const [second, first] = (await places.allTextContents()).map((text) =>
      text.slice(1).split(' · ').map(Number),
    )
    expect(second?.[0]).toBe(first?.[0])
    expect(second?.[1]).toBe(Number(first?.[1]) + 1)
    const lookalike = { key: 'x', value: 'y', headers: [], timestamp: 1, partition: 9, offset: 9 }
    await demo.produce('usd', JSON.stringify(lookalike))
    await arrives(JSON.stringify(lookalike))
    expect(await places.first().textContent()).toBe(`P${second?.[0]} · ${Number(second?.[1]) + 1}`)
    expect(await page.getByText('sends values alone').isVisible()).toBe(true)
  }, 60_000)

  it('filters by key and value, and holds records back while it is paused', async () => {
    await go()
    await page.locator('#messages li.ready').waitFor()
    await demo.produce('apple', 'red')
    await arrives('red')
    await page.getByLabel('Filter').fill('APPL')
    expect(await values()).toEqual(['red'])
    await page.getByRole('button', { name: 'Pause' }).click()
    await demo.produce('apple', 'green')
    await demo.produce('pear', 'yellow')
    await page.getByRole('button', { name: 'Resume (2 new)' }).waitFor({ timeout: 20_000 })
    expect(await values()).toEqual(['red'])
    await page.getByRole('button', { name: 'Resume' }).click()
    await arrives('green')
    expect(await values()).toEqual(['green', 'red'])
    await page.getByLabel('Filter').fill('none has this')
    expect(await page.locator('#empty').textContent()).toBe('None of them has this text.')
    await page.getByLabel('Filter').fill('')
    expect((await values()).slice(0, 2)).toEqual(['yellow', 'green'])
  }, 60_000)

  it('stays responsive at 1,000 records a second, and keeps 1,000 of them', async () => {
    await go()
    await page.locator('#messages li.ready').waitFor()
    const gaps = page.evaluate(frameGaps, POUR_SECONDS * 1_000)
    const producer = demo.pour()
    for (let tick = 0; tick < POUR_SECONDS * 50; tick++) {
      for (let each = 0; each < 20; each++) producer.write(`k${each}\t{"tick":${tick},"each":${each}}\n`)
      await pause(20)
    }
    producer.end()
    const { longestMs, medianMs } = await gaps
    const received = async () => Number((await page.locator('#received').textContent())?.replace(',', ''))
    await vi.waitUntil(async () => (await received()) >= POUR_SECONDS * 1_000, { timeout: 20_000 })
    expect(await page.locator('#messages > li').count()).toBe(1_000)
    // The machine may be busy: a page that freezes is far above both.
    expect(longestMs).toBeLessThan(1_000)
    expect(medianMs).toBeLessThan(100)
  }, 60_000)

  it('shows the records of chosen keys alone, and what leaves them as deleted', async () => {
    await page.goto(`${demo.origin}/index.html?key=eur%20usd&key=usdjpy`)
    expect(await page.getByLabel('Keys').inputValue()).toBe('eur usd\nusdjpy')
    await page.getByLabel('Keys').fill('eur usd\n\nchf')
    await page.getByRole('button', { name: 'Go' }).click()
    await vi.waitUntil(async () => (await state()) === 'open', { timeout: 20_000 })
    expect(await page.locator('#records').textContent()).toBe('key eur usd, key chf')
    await demo.produce('usdjpy', 'of another')
    await demo.produce('eur usd', '1.08')
    await demo.produce('chf', '0.95')
    await arrives('0.95')
    expect(await values()).toEqual(['0.95', '1.08'])
    await demo.delete('usdjpy')
    await demo.delete('chf')
    const deleted = page.locator('#messages li.delete .key')
    await vi.waitUntil(async () => (await deleted.count()) > 0, { timeout: 20_000 })
    expect(await deleted.allTextContents()).toEqual(['chf'])
    await page.getByLabel('Keys').fill('')
    await page.getByRole('button', { name: 'Go' }).click()
    expect(await page.locator('#records').textContent()).toBe('all')
    await vi.waitUntil(async () => (await values()).includes('1.08'), { timeout: 20_000 })
    await page.getByLabel('Location').fill(`${demo.origin}/events?headers.region=eu`)
    await page.getByRole('button', { name: 'Go' }).click()
    const refused = 'closed: The server answered 400: headers.region cannot be chosen at this path'
    await vi.waitUntil(async () => (await state()) === refused, { timeout: 20_000 })
    expect(await page.locator('#advice').textContent()).toBe('Change what the location or the keys ask for.')
    expect(await page.locator('#records').textContent()).toBe('headers.region eu')
  }, 60_000)

  it('asks for a token where the demo’s own is refused, and uses the one that is pasted', async () => {
    await page.route('**/demo/token', async (route) => {
      const refused = { folder: demo.folder, expiresInSeconds: TOKEN_SECONDS, scope: 'another' }
      await route.fulfill({ json: { token: await mintDemoToken(refused) } })
    })
    await page.goto(`${demo.origin}/index.html`)
    await page.getByRole('button', { name: 'Go' }).click()
    await page.getByLabel('Token').waitFor({ timeout: 20_000 })
    expect(await state()).toMatch(/^closed: The token was refused with 403: /)
    const pasted = await mintDemoToken({ folder: demo.folder, expiresInSeconds: 60 })
    await page.getByLabel('Token').fill(pasted)
    await page.getByRole('button', { name: 'Go' }).click()
    await vi.waitUntil(async () => (await state()) === 'open', { timeout: 20_000 })
  }, 60_000)

  it('says so while a token is refused that may only be early, and takes one that is pasted meanwhile', async () => {
    await page.route('**/demo/token', (route) => route.fulfill({ json: { token: 'a.b.c' } }))
    await page.goto(`${demo.origin}/index.html`)
    await page.getByRole('button', { name: 'Go' }).click()
    await page.getByLabel('Token').waitFor({ timeout: 20_000 })
    expect(await state()).toMatch(/^The token was refused with 401: .*\. Reconnecting$/)
    // As it is read, with the countdown behind it; the field of the token stands above it.
    expect(await page.locator('#status').innerText()).toMatch(/valid here\. Reconnecting\s+in \d+ s/)
    expect(await page.locator('#advice').innerText()).toContain('Paste a newer token in the form.')
    await page.getByLabel('Token').fill(await mintDemoToken({ folder: demo.folder, expiresInSeconds: 60 }))
    await vi.waitUntil(async () => (await state()) === 'open', { timeout: 20_000 })
  }, 60_000)

  it('ends the stream with its token when Reauthorize is not checked', async () => {
    await useShortTokens()
    await page.goto(`${demo.origin}/index.html`)
    await page.getByLabel('Reauthorize').uncheck()
    await page.getByRole('button', { name: 'Go' }).click()
    await vi.waitUntil(async () => /token expired/.test((await state()) ?? ''), { timeout: 20_000 })
    expect(lines).toContain('challenge not answered')
    expect(said('renewed')).toBe(0)
    expect(said('open')).toBe(1)
  }, 60_000)

  it('stays open beyond its token, and after a restart gets what it missed, without a click', async () => {
    await useShortTokens()
    await go()
    const openedAtMs = Date.now()
    await vi.waitUntil(() => said('renewed') >= 2, { timeout: 30_000 })
    expect(Date.now() - openedAtMs).toBeGreaterThan(TOKEN_SECONDS * 500)
    await vi.waitUntil(() => Date.now() - openedAtMs > TOKEN_SECONDS * 1_000 + 1_000, { timeout: 30_000 })
    expect(await state()).toBe('open')
    await page.getByText(/^· no record for 1\d s$/).waitFor({ timeout: 10_000 })
    expect(await page.locator('#silence').textContent()).toContain('None was written, or')
    expect(said('open')).toBe(1)

    await demo.stop()
    await vi.waitUntil(async () => (await state()) === 'reconnecting', { timeout: 20_000 })
    expect(await page.locator('#silence').textContent()).toBe('')
    const stoppedAtMs = Date.now()
    await demo.produce('3', 'missed')
    await vi.waitUntil(() => Date.now() - stoppedAtMs > TOKEN_SECONDS * 1_000 + 1_000, { timeout: 30_000 })
    expect(said('error')).toBeGreaterThan(0)
    await demo.start()
    await arrives('missed')
    const shown = await values()
    expect(shown).toHaveLength(new Set(shown).size)
    await demo.produce('4', 'live again')
    await arrives('live again')
    expect(said('open')).toBe(2)
  }, 120_000)
})

/** Runs in the page: how long it made no frame. */
async function frameGaps(forMs: number): Promise<{ longestMs: number; medianMs: number }> {
  const gaps: number[] = []
  const beganAtMs = performance.now()
  let lastMs = beganAtMs
  while (lastMs - beganAtMs < forMs) {
    await new Promise(requestAnimationFrame)
    const nowMs = performance.now()
    gaps.push(nowMs - lastMs)
    lastMs = nowMs
  }
  gaps.sort((a, b) => a - b)
  return { longestMs: gaps.at(-1) ?? 0, medianMs: gaps[gaps.length >> 1] ?? 0 }
}
