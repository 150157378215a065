// Messages between two threads.

import { MessageChannel } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Channel, ChannelClosed } from '../../../src/threads/channel.ts'

type Left = { double: { body: number; answer: number }; fails: { body: null; answer: never } }
type Right = { heard: { body: string; answer: unknown } }

describe('a channel between threads', () => {
  let ports: MessageChannel
  let left: Channel<Left, Right>
  let heard: Promise<string>

  beforeEach(() => {
    ports = new MessageChannel()
    heard = new Promise((resolve) => {
      left = new Channel<Left, Right>(ports.port1, { heard: resolve })
    })
  })
  afterEach(() => ports.port1.close())

  function right(): Channel<Right, Left> {
    return new Channel<Right, Left>(ports.port2, {
      double: async (number) => number * 2,
      fails: () => {
        throw new Error('it does not work')
      },
    })
  }

  it('tells, asks and answers, each answer to its question', async () => {
    const other = right()
    other.tell('heard', 'a word')
    expect(await heard).toBe('a word')
    expect(await Promise.all([left.ask('double', 1), left.ask('double', 2)])).toEqual([2, 4])
  })

  it('rejects with the words of what failed on the other side', async () => {
    right()
    await expect(left.ask('fails', null)).rejects.toThrow('it does not work')
  })

  it('rejects all questions that wait when it is closed, and says nothing more', async () => {
    const asked = left.ask('double', 1)
    left.close()
    await expect(asked).rejects.toBeInstanceOf(ChannelClosed)
    await expect(left.ask('double', 1)).rejects.toBeInstanceOf(ChannelClosed)
    left.tell('double', 1)
  })
})
