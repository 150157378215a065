// Subscribers of the status page. All share one JSON snapshot a second, made only while there are any. Promise: a slow
// viewer misses snapshots and delays no other viewer, because there is no queue.

import type { Writable } from 'node:stream'

export interface StatusViewersOptions {
  readonly viewersMax: number
  readonly everyMs: number
  /** Makes the snapshot of this moment. `isFirst`: it is a new viewer's, which gets what others have had before. */
  readonly describe: (isFirst: boolean) => string
}

/** Time for a viewer's response to end when all are closed. */
const END_MS = 500

export class StatusViewers {
  private readonly options: StatusViewersOptions
  private readonly responses = new Set<Writable>()
  private next = new NextSnapshot()
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
    this.timer ??= setInterval(() => this.send(this.options.describe(false)), this.options.everyMs)
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
    yield this.options.describe(true)
    while (this.responses.has(response)) {
      const text = await this.next.text
      if (text === null) return
      if (this.responses.has(response)) yield text
    }
  }

  private send(text: string): void {
    const next = this.next
    this.next = new NextSnapshot()
    next.settle(text)
  }

  private leave(response: Writable): void {
    this.responses.delete(response)
    if (this.responses.size > 0) return
    this.stop()
    if (!this.isClosed) this.next = new NextSnapshot()
  }

  private stop(): void {
    if (this.timer !== null) clearInterval(this.timer)
    this.timer = null
    this.next.settle(null)
  }
}

/** The snapshot that all viewers wait for. */
class NextSnapshot {
  /** Resolves with the snapshot, or with null if none follows. */
  readonly text: Promise<string | null>
  /** Resolves `text`. */
  settle: (text: string | null) => void = () => {}

  constructor() {
    this.text = new Promise((resolve) => {
      this.settle = resolve
    })
  }
}
