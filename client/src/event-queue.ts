// A queue between the reader of a connection and the consumer. It rejects no event, but `isFull` tells the reader to
// stop. So the queue holds at most `lengthMax` UTF-16 units and the events of one more chunk.

import type { StreamEvent } from './options.ts'
import { pause } from './waiting.ts'

/** Units that each event counts beyond its text. */
const EVENT_OVERHEAD = 64

interface Entry {
  readonly event: StreamEvent
  /** The last event ID after this event, and after changes without an event that followed it. */
  position: string
}

export interface EventQueue {
  /** The last event ID after the events that were taken. */
  position(): string
  isFull(): boolean
  push(event: StreamEvent): void
  /** Changes the position without an event: after the last event in the queue, or at once if the queue is empty. */
  move(position: string): void
  /** Takes each event; waits for it if the queue is empty. Is over when the queue is empty and has ended. */
  events(): AsyncGenerator<StreamEvent, void, undefined>
  /** Resolves with true when there is room again, with false after `waitMs`. */
  room(waitMs: number): Promise<boolean>
  /** Ignores events from now on. Those in the queue can still be taken unless `isDiscarding`. */
  end(isDiscarding: boolean): void
}

export function createEventQueue(startPosition: string, lengthMax: number): EventQueue {
  let taken = startPosition
  let entries: Entry[] = []
  /** Index of the next entry to take, because `shift` is slow on an array of thousands. */
  let head = 0
  let length = 0
  let isEnded = false
  let wakeConsumer = (): void => {}
  let reader = new AbortController()
  const isFull = (): boolean => !isEnded && length >= lengthMax

  return {
    position: () => taken,
    isFull,
    push: (event) => {
      if (isEnded) return
      entries.push({ event, position: event.id })
      length += lengthOf(event)
      wakeConsumer()
    },
    move: (position) => {
      const last = entries.at(-1)
      if (last) last.position = position
      else taken = position
    },
    async *events() {
      for (;;) {
        const next = entries[head]
        if (next) {
          head++
          length -= lengthOf(next.event)
          taken = next.position
          if (head === entries.length || head === 1_024) {
            entries = entries.slice(head)
            head = 0
          }
          if (!isFull()) reader.abort()
          yield next.event
        } else if (isEnded) return
        else {
          await new Promise<void>((resolve) => {
            wakeConsumer = resolve
          })
        }
      }
    },
    room: async (waitMs) => {
      reader = new AbortController()
      const { signal } = reader
      await pause(waitMs, signal)
      return signal.aborted
    },
    end: (isDiscarding) => {
      if (isDiscarding) entries = []
      isEnded = true
      wakeConsumer()
      reader.abort()
    },
  }
}

function lengthOf({ data, id }: StreamEvent): number {
  return data.length + id.length + EVENT_OVERHEAD
}
