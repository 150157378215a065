// The channel between the tabs of one stream. Each tab has an inbox, so that a leader can stop sending to one of them.

import type { Message } from './messages.ts'

/** Inboxes of others that are kept open for the next message. */
const OPEN_MAX = 128

export class TabChannel {
  readonly #name: string
  readonly #all: BroadcastChannel
  readonly #inbox: BroadcastChannel
  readonly #others = new Map<string, BroadcastChannel>()
  #isClosed = false

  /** Throws where the browser forbids channels. */
  constructor(name: string, id: string, receive: (message: Message) => void) {
    this.#name = name
    this.#all = new BroadcastChannel(name)
    this.#inbox = new BroadcastChannel(`${name} ${id}`)
    for (const channel of [this.#all, this.#inbox]) {
      // Only pages of this origin can post here, and they run this file.
      channel.onmessage = ({ data }: MessageEvent<Message>) => receive(data)
    }
  }

  /** null: to all other tabs. Posts nothing once it is closed. */
  post(to: string | null, message: Message): void {
    if (this.#isClosed) return
    const channel = to === null ? this.#all : this.#inboxOf(to)
    channel.postMessage(message)
  }

  close(): void {
    this.#isClosed = true
    for (const channel of [this.#all, this.#inbox, ...this.#others.values()]) channel.close()
    this.#others.clear()
  }

  #inboxOf(id: string): BroadcastChannel {
    const channel = this.#others.get(id) ?? new BroadcastChannel(`${this.#name} ${id}`)
    this.#others.set(id, channel)
    const [oldest] = this.#others.keys()
    if (this.#others.size > OPEN_MAX && oldest !== undefined) {
      this.#others.get(oldest)?.close()
      this.#others.delete(oldest)
    }
    return channel
  }
}
