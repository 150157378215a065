// A queue between the reader of a connection and the consumer. It rejects no event, but `full` tells the reader to
// stop. So the queue holds at most `lengthMax` UTF-16 units and the events of one more chunk.

import type { StreamEvent } from './options.ts'

/** Units that each event counts beyond its text. */
const EVENT_OVERHEAD = 64

interface Entry {
  readonly event: StreamEvent
  /** The last event ID after this event, and after changes without an event that followed it. */
  position: string
}

export class EventQueue {
  readonly #lengthMax: number
  /** The last event ID after the events that were taken. */
  #position: string
  #entries: Entry[] = []
  /** Index of the next entry to take, because `shift` is slow on an array of thousands. */
  #head = 0
  #length = 0
  #ended = false
  #wakeConsumer: (() => void) | null = null
  #wakeReader: (() => void) | null = null

  constructor(position: string, lengthMax: number) {
    this.#position = position
    this.#lengthMax = lengthMax
  }

  get position(): string {
    return this.#position
  }

  get full(): boolean {
    return !this.#ended && this.#length >= this.#lengthMax
  }

  push(event: StreamEvent): void {
    if (this.#ended) return
    this.#entries.push({ event, position: event.id })
    this.#length += lengthOf(event)
    this.#wakeConsumer?.()
  }

  /** Changes the position without an event: after the last event in the queue, or at once if the queue is empty. */
  move(position: string): void {
    const last = this.#entries.at(-1)
    if (last === undefined) this.#position = position
    else last.position = position
  }

  /** The next event; null if the queue is empty and has ended. Waits if it is empty. */
  async take(): Promise<StreamEvent | null> {
    for (;;) {
      const next = this.#shift()
      if (next !== null || this.#ended) return next
      await new Promise<void>((resolve) => {
        this.#wakeConsumer = resolve
      })
      this.#wakeConsumer = null
    }
  }

  // A plain timer: timers/promises exists only in Node, and a timer of AbortSignal.timeout cannot be cleared.
  /** Resolves with true when there is room again, with false after `waitMs`; null: no time limit. */
  room(waitMs: number | null): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = waitMs === null ? undefined : setTimeout(() => over(false), waitMs)
      const over = (room: boolean): void => {
        clearTimeout(timer)
        this.#wakeReader = null
        resolve(room)
      }
      this.#wakeReader = () => over(true)
    })
  }

  /** Ignores events from now on. Those in the queue can still be taken. */
  end(): void {
    this.#ended = true
    this.#wakeConsumer?.()
    this.#wakeReader?.()
  }

  clear(): void {
    this.#entries = []
    this.#head = 0
    this.#length = 0
  }

  #shift(): StreamEvent | null {
    const next = this.#entries[this.#head]
    if (next === undefined) return null
    this.#head++
    this.#length -= lengthOf(next.event)
    this.#position = next.position
    if (this.#head === this.#entries.length || this.#head === 1_024) this.#forgetTaken()
    if (!this.full) this.#wakeReader?.()
    return next.event
  }

  #forgetTaken(): void {
    this.#entries = this.#entries.slice(this.#head)
    this.#head = 0
  }
}

function lengthOf(event: StreamEvent): number {
  return event.data.length + event.id.length + EVENT_OVERHEAD
}
