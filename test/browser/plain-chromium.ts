// Chromium without Playwright, which emulates that every tab is visible and has the focus: such a tab cannot be frozen.
// Spoken to by its DevTools protocol. https://chromedevtools.github.io/devtools-protocol/

import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocket } from 'undici'
import { until } from '../support/time.ts'
import { CHROMIUM } from './chromium.ts'

const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--remote-debugging-port=0',
]

interface Answer {
  readonly id?: number
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
}

export class PlainChromium {
  private readonly socket: WebSocket
  private readonly waiting = new Map<number, (answer: Answer) => void>()
  private readonly end: () => Promise<void>
  private sent = 0

  private constructor(socket: WebSocket, end: () => Promise<void>) {
    this.socket = socket
    this.end = end
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(String(data)) as Answer
      if (answer.id !== undefined) this.waiting.get(answer.id)?.(answer)
    })
  }

  static async open(): Promise<PlainChromium> {
    const folder = await mkdtemp(join(tmpdir(), 'chromium-'))
    const child = spawn(CHROMIUM ?? '', [...ARGUMENTS, `--user-data-dir=${folder}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let told = ''
    child.stderr.setEncoding('utf8').on('data', (text) => {
      told += text
    })
    const ended = new Promise((resolve) => child.on('exit', resolve))
    const url = await until(() => /DevTools listening on (ws:\S+)/.exec(told)?.[1])
    const socket = new WebSocket(url)
    await new Promise((resolve) => socket.addEventListener('open', resolve))
    return new PlainChromium(socket, async () => {
      child.kill('SIGKILL')
      await ended
      // Its children write until they notice.
      await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 })
    })
  }

  close(): Promise<void> {
    this.socket.close()
    return this.end()
  }

  /** A tab in the one window. It is in front until the next one opens. */
  async openTab(url: string): Promise<PlainTab> {
    const { targetId } = await this.send('Target.createTarget', { url })
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true })
    const tab = new PlainTab((method, params) => this.send(method, params, String(sessionId)))
    await until(() => tab.evaluate("document.readyState === 'complete'"))
    return tab
  }

  private async send(method: string, params: object, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.sent
    const answered = new Promise<Answer>((resolve) => this.waiting.set(id, resolve))
    this.socket.send(JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) }))
    const { result = {}, error } = await answered
    this.waiting.delete(id)
    if (error !== undefined) throw new Error(`${method}: ${error.message}`)
    return result
  }
}

export class PlainTab {
  private readonly send: (method: string, params: object) => Promise<Record<string, unknown>>

  constructor(send: PlainTab['send']) {
    this.send = send
  }

  /** The value of the expression, also in a page that is frozen. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result } = await this.send('Runtime.evaluate', { expression, returnByValue: true })
    return (result as { value: T }).value
  }

  /** As Chromium does it to a tab that was long in the background. Only a hidden tab can be frozen. */
  async set(state: 'frozen' | 'active'): Promise<void> {
    await this.send('Page.enable', {})
    await this.send('Page.setWebLifecycleState', { state })
  }
}
