// Hands the events of a stream out to its one consumer: the option `onEvent`, or an iteration.

import type { EventQueue } from './event-queue.ts'
import { tell } from './handlers.ts'
import type { ConnectOptions, StreamEvent } from './options.ts'
import type { StreamError } from './stream-error.ts'

export type Iteration = AsyncGenerator<StreamEvent, void, undefined>

/** `onEvent` is the consumer if it is there. Otherwise the first iteration that the returned function makes is. */
export function deliver(
  queue: EventQueue,
  onEvent: ConnectOptions['onEvent'],
  closed: Promise<StreamError | null>,
  close: () => void,
): () => Iteration {
  let isConsumed = onEvent !== undefined

  async function handle(): Promise<void> {
    if (onEvent) for await (const event of queue.events()) await tell(onEvent, event)
  }

  async function* iterate(): Iteration {
    try {
      yield* queue.events()
      const error = await closed
      if (error) throw error
    } finally {
      close()
    }
  }

  void handle()
  return () => {
    if (isConsumed) throw new TypeError('The stream already has a consumer')
    isConsumed = true
    const events = iterate()
    // A generator is left only after a `next()` that waits, so that one has to end before.
    for (const name of ['return', 'throw'] as const) {
      const leave = events[name].bind(events)
      events[name] = (value) => {
        close()
        return leave(value)
      }
    }
    return events
  }
}
