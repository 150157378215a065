// Where log lines go, and what happens to a burst of them.

import fastify from 'fastify'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { flushLog, LogDestination } from '../../../src/app/log-destination.ts'

const failing = (code: string) => Object.assign(new Error(code), { code })

/** What a pipe takes without lines of others in between (PIPE_BUF). */
const PIPE_BYTES = 4096

/** A log, and what it wrote, a text for each write. */
function recorded(): { log: LogDestination; writes: string[] } {
  const writes: string[] = []
  const log = new LogDestination((bytes) => {
    writes.push(bytes.toString())
    return bytes.length
  })
  return { log, writes }
}

describe('where the log goes', () => {
  it('gets every byte of a line, however few it takes at a time', () => {
    let text = ''
    const log = new LogDestination((bytes) => {
      text += bytes.subarray(0, 3)
      return Math.min(3, bytes.length)
    })
    log.write('a line of some length\n')
    log.flush()
    expect(text).toBe('a line of some length\n')
  })

  it('is waited for while it is full', () => {
    let tries = 0
    let text = ''
    const log = new LogDestination((bytes) => {
      if (++tries < 3) throw failing('EAGAIN')
      text += bytes
      return bytes.length
    })
    log.write('late\n')
    log.flush()
    expect([tries, text]).toEqual([3, 'late\n'])
  })

  it.each(['EIO', 'EPIPE', 'EBADF'])('loses the line where it is gone (%s), and throws nothing', (code) => {
    const log = new LogDestination(() => {
      throw failing(code)
    })
    log.write('lost\n')
    expect(() => log.flush()).not.toThrow()
  })
})

describe('a burst of lines', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('leaves in few writes, none longer than a pipe takes whole, and every line once, in order', () => {
    const { log, writes } = recorded()
    const lines = Array.from({ length: 2000 }, (_, i) => `${i} ${'é'.repeat(i % 200)}\n`)
    for (const line of lines) log.write(line)
    vi.advanceTimersByTime(10)
    expect(writes.join('')).toBe(lines.join(''))
    expect(Math.max(...writes.map((text) => Buffer.byteLength(text)))).toBeLessThanOrEqual(PIPE_BYTES)
    expect(writes.every((text) => text.endsWith('\n'))).toBe(true)
    expect(writes.length).toBeLessThan(120)
  })

  it('waits 10 ms for further lines, and no longer, and keeps no timer', () => {
    const { log, writes } = recorded()
    log.write('a\n')
    vi.advanceTimersByTime(9)
    log.write('b\n')
    expect(writes).toEqual([])
    vi.advanceTimersByTime(1)
    expect(writes).toEqual(['a\nb\n'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('leaves as it is where one line alone is longer than that', () => {
    const { log, writes } = recorded()
    const long = `${'x'.repeat(PIPE_BYTES)}\n`
    for (const line of ['before\n', long, 'after\n']) log.write(line)
    log.flush()
    expect(writes).toEqual(['before\n', long, 'after\n'])
  })

  it('leaves at once when the thread is about to end', () => {
    const { log, writes } = recorded()
    log.write('last words\n')
    flushLog()
    expect(writes).toEqual(['last words\n'])
    flushLog()
    expect(writes).toHaveLength(1)
    expect(process.listeners('exit')).toContain(flushLog)
  })

  it('is written at once with a warning or worse, after what came before', () => {
    const { log, writes } = recorded()
    const app = fastify({ logger: { level: 'debug', stream: log } })
    const seen = () => writes.splice(0).map((text) => text.match(/"msg":"[a-z ]*"/g))
    for (const level of ['warn', 'error', 'fatal'] as const) {
      app.log.info('before')
      expect(seen()).toEqual([])
      app.log[level]('it')
      expect(seen()).toEqual([['"msg":"before"', '"msg":"it"']])
      app.log.debug('after')
      expect(seen()).toEqual([])
      log.flush()
      seen()
    }
  })
})
