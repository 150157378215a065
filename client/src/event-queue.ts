// A queue between the reader of a connection and the consumer. It rejects no event, but `isFull` tells the reader to
// stop. So the queue holds at most `lengthMax` UTF-16 units and the events of one more chunk, however slow the consumer
// is: an event that was taken is not kept.

import type { StreamEvent } from './options.ts'
import { pause } from './waiting.ts'

/** Units that each event counts beyond its text. */
const EVENT_OVERHEAD = 64

interface Point {
  /** The last event ID here: after the event before, and after changes without an event that followed it. */
  position: string
  next: { readonly event: StreamEvent; readonly point: Point } | null
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
  /** Resolves when there is room again, after `waitMs`, or when the signal aborts. */
  room(waitMs: number, signal?: AbortSignal): Promise<void>
  /** Ignores events from now on. Those in the queue can still be taken unless `isDiscarding`. */
  end(isDiscarding: boolean): void
}

export function createEventQueue(startPosition: string, lengthMax: number): EventQueue {
  let taken: Point = { position: startPosition, next: null }
  let last = taken
  let length = 0
  let isEnded = false
  let wakeConsumer = (): void => {}
  /** Ends each wait for room. */
  let waiting = new AbortController()
  const wakeReaders = (): void => waiting.abort()
  const isFull = (): boolean => !isEnded && length >= lengthMax

  return {
    position: () => taken.position,
    isFull,
    push: (event) => {
      if (isEnded) return
      const point = { position: event.id, next: null }
      last.next = { event, point }
      last = point
      length += lengthOf(event)
      wakeConsumer()
    },
    move: (position) => {
      last.position = position
    },
    async *events() {
      for (;;) {
        const { next } = taken
        if (next) {
          taken = next.point
          length -= lengthOf(next.event)
          if (!isFull()) wakeReaders()
          yield next.event
        } else if (isEnded) return
        else {
          await new Promise<void>((resolve) => {
            wakeConsumer = resolve
          })
        }
      }
    },
    room: (waitMs, signal) => {
      signal?.addEventListener('abort', wakeReaders)
      // All waits share one signal.
      if (waiting.signal.aborted) waiting = new AbortController()
      return pause(waitMs, waiting.signal)
    },
    end: (isDiscarding) => {
      if (isDiscarding) taken.next = null
      isEnded = true
      wakeConsumer()
      wakeReaders()
    },
  }
}

function lengthOf({ data, id }: StreamEvent): number {
  return data.length + id.length + EVENT_OVERHEAD
}
