// Requests that wait for a turn of the event loop: how many are handed on at once, in which order, and what happens to
// the rest.

import { setImmediate as turn } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import { RequestQueue } from '../../../src/http/request-queue.ts'

const TURN_MAX = 16
/** Of 128 MiB, with headers of a thousand characters. */
const HEADERS = ['cookie', 'x'.repeat(994)]
const WAITING_MAX = Math.floor((128 * 1024 * 1024) / 6_000)

describe('requests', () => {
  let queue: RequestQueue
  let heard: string[]
  let refused: string[]
  beforeEach(() => {
    queue = new RequestQueue()
    heard = []
    refused = []
  })

  function offer(name: string, { isProven = false, isGone = false } = {}): void {
    queue.offer({
      isProven,
      headers: HEADERS,
      isGone: () => isGone,
      handOn: () => heard.push(name),
      refuse: () => refused.push(name),
    })
  }

  async function handedOnPerTurn(): Promise<number[]> {
    const counts = [heard.length]
    for (;;) {
      const before = heard.length
      await turn()
      if (heard.length === before) return counts
      counts.push(heard.length - before)
    }
  }

  it('are handed on at once if few come', () => {
    offer('one')
    offer('two')
    expect(heard).toEqual(['one', 'two'])
  })

  it('are handed on 16 a turn, in the order in which they came', async () => {
    const names = Array.from({ length: 40 }, (_, index) => String(index))
    for (const name of names) offer(name)
    expect(await handedOnPerTurn()).toEqual([TURN_MAX, TURN_MAX, 8])
    expect(heard).toEqual(names)
    expect(refused).toEqual([])
  })

  it('go first if a token was good on their connection', async () => {
    for (let index = 0; index < 100; index++) offer(`stranger ${index}`)
    offer('renewal', { isProven: true })
    await turn()
    expect(heard[TURN_MAX]).toBe('renewal')
    await handedOnPerTurn()
  })

  it('do not overtake those that wait, even if a turn has room', async () => {
    for (let index = 0; index < TURN_MAX + 1; index++) offer(String(index))
    await turn()
    offer('late')
    await handedOnPerTurn()
    expect(heard.at(-1)).toBe('late')
  })

  it('whose client has left take no place in a turn, and are not reported', async () => {
    for (let index = 0; index < 1_000; index++) offer('gone', { isGone: true })
    offer('here')
    await turn()
    expect(heard).toEqual(['here'])
  })

  it('are refused beyond 128 MiB that wait; those with a token have a limit of their own', async () => {
    for (let index = 0; index < TURN_MAX + WAITING_MAX; index++) offer('stranger')
    expect(refused).toEqual([])
    offer('one more')
    offer('renewal', { isProven: true })
    expect(refused).toEqual(['one more'])
    await handedOnPerTurn()
    expect(heard).toHaveLength(TURN_MAX + WAITING_MAX + 1)
  })
})
