// curl as a process: what it printed so far, when, and how it ended.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { vi } from 'vitest'

export interface CurlEnd {
  readonly code: number | null
  readonly atMs: number
}

export class Curl {
  /** The response's body. */
  body = ''
  /** What -v tells. */
  told = ''
  readonly ended: Promise<CurlEnd>
  readonly #child: ChildProcess
  /** When each part of the body came, and how long the body was then. */
  readonly #arrivals: { readonly length: number; readonly atMs: number }[] = []

  /** In the folder, with these arguments. */
  constructor(folder: string, args: readonly string[]) {
    this.#child = spawn('curl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.body += text
      this.#arrivals.push({ length: this.body.length, atMs: Date.now() })
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.told += text
    })
    this.ended = once(this.#child, 'close').then(([code]) => ({ code, atMs: Date.now() }))
  }

  /** The tutorial's, over the protocol that is named. */
  static stream(folder: string, url: string, token: string, protocol: '--http2' | '--http1.1'): Curl {
    const secure = [protocol, '--cacert', 'test-ca.crt']
    const target = `${url}?access_token=${token}`
    return new Curl(folder, ['-v', '-N', ...secure, '-H', 'Accept:text/event-stream', target])
  }

  /** Waits until the body holds the text. */
  async has(text: string, timeoutMs = 20_000): Promise<void> {
    await vi
      .waitUntil(() => this.body.includes(text), { timeout: timeoutMs })
      .catch((cause) => {
        const got = `${this.body.slice(-500)}\n${this.told.slice(-500)}`
        throw new Error(`curl got no ${JSON.stringify(text)}: ${got}`, { cause })
      })
  }

  /** When the last byte of the text came; NaN if it did not. */
  arrivalMs(text: string): number {
    const end = this.body.indexOf(text) + text.length
    if (end < text.length) return Number.NaN
    return this.#arrivals.find(({ length }) => length >= end)?.atMs ?? Number.NaN
  }

  /** Reads no more, keeps its connection. */
  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }
}
