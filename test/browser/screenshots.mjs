// Makes the screenshots of docs/: the page and the console, wide and narrow, light and dark. They show a real server
// (`kafka-sse demo`, built) with a real producer and clients of its own, for SECONDS (600: the whole of the charts).
// Run: npm run build && node test/browser/screenshots.mjs

import { spawn } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { mintDemoToken } from '../../dist/src/demo/token.js'
import { smallPng } from './small-png.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CLI = join(ROOT, 'dist/src/cli.js')
const SECONDS = Number(process.env.SECONDS ?? 600)
const SIZES = [
  { width: 1280, pageHeight: 860, consoleHeight: 1340 },
  { width: 390, pageHeight: 844, consoleHeight: 1700 },
]
const CUSTOMERS = ['ada', 'grace', 'linus', 'barbara', 'edsger', 'margaret', 'dennis', 'radia']
const STATES = ['placed', 'paid', 'packed', 'shipped', 'delivered']
/** Of one screenshot. */
const BYTES_MAX = 150_000
/** Its addresses come first. */
const PRINTED_MAX = 20_000
const LISTEN = /:(\d+)\/index\.html/

const folder = mkdtempSync(join(tmpdir(), 'screenshots-'))
const server = spawn(process.execPath, [CLI, 'demo'], {
  cwd: folder,
  env: {
    PATH: process.env.PATH,
    PORT: '0',
    ADMIN_PORT: '0',
    STALLED_SECONDS: '60',
    LOG_LEVEL: 'info',
  },
  stdio: ['ignore', 'pipe', 'inherit'],
})
let printed = ''
server.stdout.setEncoding('utf8').on('data', (text) => {
  if (printed.length < PRINTED_MAX) printed += text
})
while (!LISTEN.test(printed)) await pause(100)
const origin = `https://localhost:${LISTEN.exec(printed)[1]}`
const ca = readFileSync(join(folder, 'test-ca.crt'))
const producer = spawn(
  process.execPath,
  [CLI, 'produce', '--key-separator', '\t', '--header', 'source=shop'],
  {
    cwd: folder,
    stdio: ['pipe', 'inherit', 'inherit'],
  },
)
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    `--ignore-certificate-errors-spki-list=${pin()}`,
    '--no-sandbox',
    '--disable-gpu',
    '--disable-features=LocalNetworkAccessChecks',
  ],
})

const clients = []
let orders = 1_000
const beganMs = Date.now()
try {
  await slowClient()
  await work(SECONDS)
  for (const { width, pageHeight, consoleHeight } of SIZES) {
    for (const colorScheme of ['light', 'dark']) {
      await shoot({ name: 'page', width, height: pageHeight, colorScheme, open: openPage })
      await shoot({ name: 'console', width, height: consoleHeight, colorScheme, open: openConsole })
    }
  }
} finally {
  await browser.close()
  for (const client of clients) client.destroy()
  producer.stdin.end()
  server.kill('SIGTERM')
  await once(server, 'exit')
  rmSync(folder, { recursive: true })
}

/** Clients come and go, records come in waves, some tokens are bad, and one client is slow. */
async function work(seconds) {
  for (let second = 0; second < seconds; second++) {
    const wave = Math.sin((Date.now() - beganMs) / 60_000)
    const wanted = Math.round(24 + 12 * wave + Math.min(24, second / 12))
    while (clients.length < wanted) await client(CUSTOMERS[clients.length % CUSTOMERS.length])
    while (clients.length > wanted) clients.pop().destroy()
    for (let each = 0; each < Math.round(12 + 8 * wave + Math.random() * 6); each++) produce()
    if (second % 41 === 5) await refused({ expiresInSeconds: -7 })
    if (second % 97 === 11) await refused({ expiresInSeconds: 60, scope: 'another' })
    if (second % 61 === 20) await refused({ expiresInSeconds: 60 }, '/events?since=yesterday')
    await pause(1_000)
  }
}

function produce() {
  orders++
  const key = `order-${1_000 + (orders % 240)}`
  const items = Array.from({ length: 1 + (orders % 3) }, (_, at) => ({
    sku: `KB-${100 + ((orders * 7 + at) % 60)}`,
    quantity: 1 + (at % 2),
  }))
  const total = { amount: Number((12 + ((orders * 7.35) % 180)).toFixed(2)), currency: 'EUR' }
  const order = {
    id: orders,
    customer: CUSTOMERS[orders % CUSTOMERS.length],
    state: STATES[orders % STATES.length],
    total,
    items,
  }
  producer.stdin.write(`${key}\t${JSON.stringify(order)}\n`)
}

async function client(subject) {
  const { session, stream } = await request(`/events${subject.length > 4 ? '/envelope' : ''}`, {
    expiresInSeconds: 3_600,
    subject,
  })
  stream.resume()
  clients.push(session)
}

/** Reads nothing after its first bytes. */
async function slowClient() {
  const { session, stream } = await request('/events/envelope', { expiresInSeconds: 3_600, subject: 'tess' })
  stream.once('readable', () => {})
  session.once('close', () => {
    if (!server.killed) void slowClient()
  })
  stream.once('close', () => session.destroy())
}

async function refused(token, path = '/events') {
  const { session, stream } = await request(path, token)
  await once(stream.resume(), 'close')
  session.destroy()
}

async function request(path, token) {
  const session = connect(origin, { ca })
  session.on('error', () => {}) // it is over when the server is
  const authorization = `Bearer ${await mintDemoToken({ folder, ...token })}`
  const stream = session.request({ ':path': path, authorization, accept: '*/*' })
  stream.on('error', () => {}) // the same
  await once(stream, 'response')
  return { session, stream }
}

async function shoot({ name, width, height, colorScheme, open }) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme })
  const page = await context.newPage()
  const working = work(12)
  await open(page)
  await working
  await page.evaluate(() => document.activeElement.blur())
  const png = smallPng(await page.screenshot())
  if (png.length > BYTES_MAX) throw new Error(`${name} at ${width} px takes ${png.length} bytes`)
  writeFileSync(join(ROOT, `docs/${name}-${width}-${colorScheme}.png`), png)
  await context.close()
}

async function openPage(page) {
  await page.goto(`${origin}/index.html`)
  await page.getByLabel('Whole records').waitFor()
  await page.getByRole('button', { name: 'Go' }).click()
  await page.locator('#messages li.ready').waitFor()
  await pause(6_000)
  await page.getByRole('button', { name: 'Pause' }).click()
  const row = page.locator('#messages li.message').nth(1)
  await row.locator(':scope > details > summary').click()
  await row.locator('.tree').getByText('"total"').click()
  await page.mouse.move(0, 0)
  // On a narrow screen the records are below the fold.
  if (page.viewportSize().width < 640)
    await page.evaluate(() => document.querySelector('#status').scrollIntoView())
}

async function openConsole(page) {
  const [, port] = /"adminPort":(\d+)/.exec(printed)
  await page.goto(`http://127.0.0.1:${port}/status`)
  await page.locator('#charts path.main').first().waitFor()
  await page.locator('#topics summary').first().click()
}

function pin() {
  const { publicKey } = new X509Certificate(readFileSync(join(folder, 'server.crt')))
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64')
}
