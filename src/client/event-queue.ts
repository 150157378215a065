// Events between the reader and the consumer. Takes what it is given; `full` tells the reader to stop reading, so that
// it holds `lengthMax` and one chunk's events at most.

import type { StreamEvent } from './options.ts'

/** What an event takes beyond its text, when read-ahead is counted. */
const EVENT_OVERHEAD = 64

interface Entry {
  readonly event: StreamEvent
  /** As of this event, moved on where nothing came after it. */
  position: string
}

export class EventQueue {
  readonly #lengthMax: number
  /** The last event ID as of what was taken. */
  #position: string
  #entries: Entry[] = []
  /** Index of the next entry to take: shifting an array of thousands for each would be slow. */
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

  /** The position moves without an event: together with the last one that waits, else at once. */
  move(position: string): void {
    const last = this.#entries.at(-1)
    if (last === undefined) this.#position = position
    else last.position = position
  }

  /** null: there is and will be none. */
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

  /** Resolves with true when there is room again, with false after `waitMs`; null waits for room only. */
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

  /** Nothing is added any more; what waits can still be taken. */
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
