import { describe, expect, it } from 'vitest'
import { LogDestination } from '../../src/log-destination.ts'

const failing = (code: string) => Object.assign(new Error(code), { code })

describe('where the log goes', () => {
  it('gets every byte of a line, however few it takes at a time', () => {
    let text = ''
    const log = new LogDestination((bytes) => {
      text += bytes.subarray(0, 3)
      return Math.min(3, bytes.length)
    })
    log.write('a line of some length\n')
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
    expect([tries, text]).toEqual([3, 'late\n'])
  })

  it.each(['EIO', 'EPIPE', 'EBADF'])('loses the line where it is gone (%s), and throws nothing', (code) => {
    const log = new LogDestination(() => {
      throw failing(code)
    })
    expect(() => log.write('lost\n')).not.toThrow()
  })
})
