// Those who watch one changing text. It is made once a period for all of them, while there are any. Promise: a viewer
// that reads slowly misses texts and keeps none waiting: there is no queue.

import type { Writable } from 'node:stream'

export interface StatusViewersOptions {
  readonly viewersMax: number
  readonly everyMs: number
  /** Makes the text as it is now. */
  readonly describe: () => string
}

/** How long a viewer's response may take to end when all are told to. */
const END_MS = 500

export class StatusViewers {
  private readonly options: StatusViewersOptions
  private readonly responses = new Set<Writable>()
  private next = new Tick()
  private timer: NodeJS.Timeout | null = null
  private isClosed = false

  constructor(options: StatusViewersOptions) {
    this.options = options
  }

  get count(): number {
    return this.responses.size
  }

  /** The texts for a new viewer, the first at once, until its response closes; null where there is no room for it. */
  join(response: Writable): AsyncIterable<string> | null {
    if (this.isClosed || response.destroyed || this.responses.size >= this.options.viewersMax) return null
    this.responses.add(response)
    response.once('close', () => this.leave(response))
    this.timer ??= setInterval(() => this.tell(this.options.describe()), this.options.everyMs)
    return this.texts(response)
  }

  /** Ends all of them; one that does not read its end is cut off. */
  close(): void {
    this.isClosed = true
    this.stop()
    setTimeout(() => {
      for (const response of this.responses) response.destroy()
    }, END_MS).unref()
  }

  private async *texts(response: Writable): AsyncGenerator<string> {
    yield this.options.describe()
    while (this.responses.has(response)) {
      const text = await this.next.told
      if (text === null) return
      if (this.responses.has(response)) yield text
    }
  }

  private tell(text: string): void {
    const tick = this.next
    this.next = new Tick()
    tick.tell(text)
  }

  private leave(response: Writable): void {
    this.responses.delete(response)
    if (this.responses.size > 0) return
    this.stop()
    if (!this.isClosed) this.next = new Tick()
  }

  private stop(): void {
    if (this.timer !== null) clearInterval(this.timer)
    this.timer = null
    this.next.tell(null)
  }
}

/** A text that is to come; null: none comes any more. */
class Tick {
  readonly told: Promise<string | null>
  /** Settles `told`. */
  tell: (text: string | null) => void = () => {}

  constructor() {
    this.told = new Promise((resolve) => {
      this.tell = resolve
    })
  }
}
