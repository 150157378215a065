// The memory of the queue between connection and consumer, by the real garbage collector.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { createEventQueue } from '../../../client/src/event-queue.ts'
import type { StreamEvent } from '../../../client/src/index.ts'

it('keeps no event that was taken, though the consumer never reaches the last one', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const queue = createEventQueue('', 1_000_000)
  const events = queue.events()
  const push = (id: string) => queue.push({ type: 'message', data: '', id })
  const taken: WeakRef<StreamEvent>[] = []
  push('first')
  for (let index = 0; index < 1_000; index++) {
    push(`${index}`)
    const { value } = await events.next()
    if (value) taken.push(new WeakRef(value))
  }
  await nextTurn()
  collect()
  expect(taken).toHaveLength(1_000)
  // The one in hand, and perhaps one in a register.
  expect(taken.filter((event) => event.deref() !== undefined).length).toBeLessThanOrEqual(2)
  expect(queue.position()).toBe('998')
})
