// One question to Kafka whose answer many streams share.

import { describe, expect, it } from 'vitest'
import { SharedAnswer } from '../../../src/bus/shared-answer.ts'
import { until } from '../../support/time.ts'

/** Questions that a test answers by hand. */
function byHand() {
  const open: PromiseWithResolvers<number>[] = []
  let asked = 0
  const question = () => {
    asked++
    const { promise, ...settle } = withResolvers()
    open.push({ promise, ...settle })
    return promise
  }
  return { answers: new SharedAnswer(question), open, asked: () => asked }
}

function withResolvers(): PromiseWithResolvers<number> {
  let settle: Omit<PromiseWithResolvers<number>, 'promise'> | undefined
  const promise = new Promise<number>((resolve, reject) => {
    settle = { resolve, reject }
  })
  if (settle === undefined) throw new Error('unreachable: the executor runs at once')
  return { promise, ...settle }
}

interface PromiseWithResolvers<T> {
  promise: Promise<T>
  resolve(value: T): void
  reject(reason: Error): void
}

const never = new AbortController().signal

describe('Answers that many wait for', () => {
  it('are asked for once for the first caller and once more for all who came since', async () => {
    const { answers, open, asked } = byHand()
    const first = answers.ask(never)
    const others = [answers.ask(never), answers.ask(never), answers.ask(never)]
    expect(asked()).toBe(1)
    open[0]?.resolve(1)
    expect(await first).toBe(1)
    expect(asked()).toBe(2)
    const later = answers.ask(never)
    expect(asked()).toBe(2)
    open[1]?.resolve(2)
    expect(await Promise.all(others)).toEqual([2, 2, 2])
    open[2]?.resolve(3)
    expect(await later).toBe(3)
    expect(asked()).toBe(3)
  })

  it('are asked for again once no caller waits any more', async () => {
    const { answers, open, asked } = byHand()
    const first = answers.ask(never)
    open[0]?.resolve(1)
    await first
    const second = answers.ask(never)
    open[1]?.resolve(2)
    expect(await second).toBe(2)
    expect(asked()).toBe(2)
  })

  it('are given up by the caller whose signal aborts, and by no other', async () => {
    const { answers, open } = byHand()
    const leaving = new AbortController()
    const left = answers.ask(leaving.signal)
    const queued = answers.ask(never)
    leaving.abort(new Error('gone'))
    await expect(left).rejects.toThrow('gone')
    await expect(answers.ask(leaving.signal)).rejects.toThrow('gone')
    open[0]?.resolve(1)
    await Promise.resolve()
    await until(() => open.length === 2)
    open[1]?.resolve(2)
    expect(await queued).toBe(2)
  })

  it('reject as the question does, and are asked for again for those who came since', async () => {
    const { answers, open } = byHand()
    const first = answers.ask(never)
    const queued = answers.ask(never)
    open[0]?.reject(new Error('no'))
    await expect(first).rejects.toThrow('no')
    open[1]?.resolve(2)
    expect(await queued).toBe(2)
  })
})
