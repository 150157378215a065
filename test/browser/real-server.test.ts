// Tabs and a live map in Chromium, on `kafka-sse serve` and a real Kafka: while records are written and tokens live a
// few seconds, the server is killed and the network is lost. The pages are of another origin, as of most apps.

import { setTimeout as pause } from 'node:timers/promises'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { NumberedRecords } from '../faults/numbered-records.ts'
import { bootstrapServers, Kafka } from '../kafka/kafka.ts'
import { leaveOut } from '../support/left-out.ts'
import { ServerProcess } from '../support/server-process.ts'
import { CHROMIUM, launch } from './chromium.ts'
import { KeyedTopic } from './keyed-topic.ts'
import { PagesServer } from './pages-server.ts'

const TABS = 8
const PARTITIONS = 3
const SEED = Date.now() % 1_000_000
const TOKEN_SECONDS = 4
const CHALLENGE_SECONDS = 3
const BEYOND_TOKEN_MS = (TOKEN_SECONDS + 1) * 1_000
const BACK_WITHIN_MS = 1_000
const PATIENCE = { timeout: 30_000, interval: 100 }
const VERSIONS = [
  { version: 'HTTP/1.1', protocol: 'http/1.1', flags: ['--disable-http2'] },
  { version: 'HTTP/2', protocol: 'h2', flags: [] },
]

/** What a tab notes: values of records, types of other events, and when it was told so, in epoch ms. */
interface Notes {
  records: string[]
  others: string[]
  onlineAtMs: number[]
  openAtMs: number[]
}

if (CHROMIUM === null) leaveOut('browsers on a real server', 'no chromium; CHROMIUM may name one elsewhere')

describe.skipIf(CHROMIUM === null || bootstrapServers === null)('Chromium on a real server', () => {
  let kafka: Kafka
  let numbered: NumberedRecords
  let keyed: KeyedTopic
  let pages: PagesServer
  let twin: ServerProcess
  let server: ServerProcess

  beforeAll(async () => {
    kafka = new Kafka(bootstrapServers)
    const topic = await kafka.createTopic({ partitions: PARTITIONS })
    numbered = new NumberedRecords(kafka, topic, PARTITIONS)
    keyed = await KeyedTopic.create(kafka, SEED)
    pages = await PagesServer.open()
    twin = await ServerProcess.open(kafka.bootstrapServers, topic)
    await twin.kill() // its key makes the tokens
    server = await ServerProcess.open(kafka.bootstrapServers, topic, {
      command: 'serve',
      twin,
      streams: [
        { path: '/events', topic },
        { path: '/keyed', topic: keyed.name, encoding: 'envelope' },
      ],
      settings: {
        LOG_LEVEL: 'info',
        CHALLENGE_SECONDS: String(CHALLENGE_SECONDS),
        CORS_ORIGINS: pages.origin,
        KAFKA_DELETE_RETENTION_SECONDS: '1',
      },
    })
    pages.mint = async () => (await twin.token(`+${TOKEN_SECONDS}s`)).text
    pages.texts.set('/tab', tabPage(server.url))
    const keyedUrl = new URL('/keyed', server.url).href
    pages.texts.set('/map', mapPage(keyedUrl, 'connect'))
    pages.texts.set('/shared-map', mapPage(keyedUrl, SHARED))
  }, 120_000)

  afterAll(async () => {
    await server?.close()
    await twin?.close()
    await pages?.close()
    await kafka?.close()
  }, 60_000)

  const launched = (flags: readonly string[] = []) => launch(Buffer.from(server.read('server.crt')), flags)

  async function pageOf(context: BrowserContext, path: string): Promise<Page> {
    const page = await context.newPage()
    await page.goto(`${pages.origin}${path}`)
    return page
  }

  describe.each(VERSIONS)('eight tabs over $version', ({ protocol, flags }) => {
    let browser: Browser
    let context: BrowserContext
    const tabs: Page[] = []
    const protocols = new Set<string>()

    /** The first of them leads. */
    beforeAll(async () => {
      browser = await launched(flags)
      context = await browser.newContext()
      while (tabs.length < TABS) tabs.push(await pageOf(context, '/tab'))
      for (const tab of tabs) await noteProtocols(tab)
    }, 120_000)
    afterAll(() => browser?.close(), 60_000)

    async function noteProtocols(tab: Page): Promise<void> {
      const devTools = await context.newCDPSession(tab)
      devTools.on('Network.responseReceived', ({ response }) => {
        if (response.url.startsWith(server.url)) protocols.add(`${response.protocol}`)
      })
      await devTools.send('Network.enable')
    }

    const notes = () => Promise.all(tabs.map((tab) => tab.evaluate<Notes>('notes')))
    const states = () => Promise.all(tabs.map((tab) => tab.evaluate<string>('stream.state')))
    const untilAll = (state: string) =>
      vi.waitUntil(async () => (await states()).every((own) => own === state), PATIENCE)

    /** Writes records while the work goes on. Then each tab has each of them once, and there is one connection. */
    async function whileWriting(work: () => Promise<void>): Promise<void> {
      let isDone = false
      const producing = numbered.produceUntil(() => isDone)
      await work().finally(() => {
        isDone = true
      })
      await producing
      await vi.waitUntil(
        async () => (await notes()).every(({ records }) => records.length >= numbered.total),
        PATIENCE,
      )
      for (const { records, others } of await notes()) {
        numbered.expectAll(records)
        // One for each connection, and no gap.
        expect(new Set(others)).toEqual(new Set(['ready']))
      }
      await isOne()
    }

    const isOne = () =>
      vi.waitUntil(async () => (await server.metric('kafka_sse_streams_open')) === 1, PATIENCE)
    const openedTotal = () => server.metric('kafka_sse_streams_opened_total')

    it('have one connection, and each of them every record once, beyond the life of a token', async () => {
      await isOne()
      const [opened, renewals] = [await openedTotal(), await server.metric('kafka_sse_renewals_total')]
      await whileWriting(() => pause(BEYOND_TOKEN_MS))
      expect(await openedTotal()).toBe(opened)
      expect(await server.metric('kafka_sse_renewals_total')).toBeGreaterThan(renewals)
      expect(protocols).toEqual(new Set([protocol]))
    }, 120_000)

    it('go on when the leading tab is closed', async () => {
      await whileWriting(async () => {
        await pause(500)
        await tabs.shift()?.close()
        await pause(500)
      })
    }, 120_000)

    it('go on when the server is killed and started', async () => {
      await whileWriting(async () => {
        await pause(500)
        await server.kill()
        await untilAll('waiting')
        await server.start()
        await untilAll('open')
      })
    }, 120_000)

    it('are back within a second after a time without a network that outlasts the token', async () => {
      await whileWriting(async () => {
        await context.setOffline(true)
        await Promise.all([untilAll('offline'), pause(BEYOND_TOKEN_MS)])
        await context.setOffline(false)
        await untilAll('open')
      })
      const all = await notes()
      // The pages are told one after the other, and may be told of the stream before they are told of the network.
      const online = all.flatMap(({ onlineAtMs }) => onlineAtMs)
      const isSoon = (atMs: number) =>
        atMs >= Math.min(...online) && atMs < Math.max(...online) + BACK_WITHIN_MS
      expect(all.map(({ openAtMs }) => openAtMs.some(isSoon))).toEqual(tabs.map(() => true))
    }, 120_000)
  })

  it('live maps are the topic, whose deletes Kafka drops while the server and the network are away', async () => {
    const browser = await launched()
    onTestFinished(() => browser.close())
    const context = await browser.newContext()
    const maps: Page[] = []
    for (const path of ['/map', '/shared-map', '/shared-map']) maps.push(await pageOf(context, path))

    async function whileWriting(work: () => Promise<void>): Promise<void> {
      let isDone = false
      const producing = keyed.produceUntil(() => isDone)
      await work().finally(() => {
        isDone = true
      })
      await producing
      for (const map of maps) await vi.waitFor(() => isTheTopic(map), PATIENCE)
    }
    async function isTheTopic(map: Page): Promise<void> {
      const entries = await map.evaluate<[string, number][]>('[...map]')
      expect(entries.toSorted(), `seed ${SEED}`).toEqual(keyed.entries)
      expect(await map.evaluate('map.status')).toBe('ready')
    }

    await whileWriting(() => pause(1_000))
    await whileWriting(async () => {
      await server.kill()
      await pause(500)
      await server.start()
      await pause(500)
    })
    await whileWriting(async () => {
      await context.setOffline(true)
      await server.kill()
      await pause(BEYOND_TOKEN_MS)
      await server.start()
      await context.setOffline(false)
    })
  }, 120_000)
})

const SHARED = "(url, options) => connectShared(url, { ...options, session: 'example' })"
const GET_TOKEN = "async ({ signal }) => (await fetch('/token', { signal })).text()"

function tabPage(url: string): string {
  return `<!doctype html><meta charset="utf-8"><title>tab</title>
<script type="module">
  import { connectShared } from '/client/index.js'
  const notes = { records: [], others: [], onlineAtMs: [], openAtMs: [] }
  addEventListener('online', () => notes.onlineAtMs.push(Date.now()))
  const stream = connectShared('${url}', {
    session: 'example',
    getToken: ${GET_TOKEN},
    onState: ({ state }) => { if (state === 'open') notes.openAtMs.push(Date.now()) },
    onEvent: ({ type, data }) => {
      if (type === 'message') notes.records.push(data)
      else notes.others.push(type)
    },
  })
  Object.assign(globalThis, { notes, stream })
</script>`
}

function mapPage(url: string, connect: string): string {
  return `<!doctype html><meta charset="utf-8"><title>map</title>
<script type="module">
  import { connect, connectShared, liveMap } from '/client/index.js'
  globalThis.map = liveMap('${url}', { getToken: ${GET_TOKEN}, connect: ${connect} })
</script>`
}
