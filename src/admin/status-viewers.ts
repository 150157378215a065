// Subscribers of the status page. All share one JSON snapshot a second, made only while there are any. Promise: a slow
// viewer misses snapshots and delays no other viewer, because there is no queue.

import type { Writable } from 'node:stream'

export interface StatusViewersOptions {
  readonly viewersMax: number
  readonly everyMs: number
  /** Makes the snapshot of this moment. */
  readonly describe: () => string
}

/** Time for a viewer's response to end when all are closed. */
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

  /**
   * Snapshots for a new viewer, the first at once, until its response closes; null if there are `viewersMax` already.
   */
  join(response: Writable): AsyncIterable<string> | null {
    if (this.isClosed || response.destroyed || this.responses.size >= this.options.viewersMax) return null
    this.responses.add(response)
    response.once('close', () => this.leave(response))
    this.timer ??= setInterval(() => this.tell(this.options.describe()), this.options.everyMs)
    return this.texts(response)
  }

  /** Ends all responses. One that is not read to its end is destroyed after `END_MS`. */
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

/** The next snapshot; null if none follows. */
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
