// The table of errors, and the examples of docs/protocol.md.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import * as errors from '../../src/errors.ts'

const protocol = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8')
const documented = [...protocol.matchAll(/^\| `(FKS_[A-Z_]+)` \| (\d{3}) \| .+ \|$/gm)].map(
  ([, code, status]) => ({
    code,
    status: Number(status),
  }),
)
/**
 * The table's entries. The file also has functions, whose names begin small, and RequestAborted, which no client sees.
 */
type Entry = typeof errors.NotFound
const entries = Object.entries(errors).filter(
  ([name]) => /^[A-Z]/.test(name) && name !== 'RequestAborted',
) as [string, Entry][]
const thrown = entries.map(([, Thrown]) => {
  const { code, statusCode, message } = new Thrown('what is wrong')
  return { code, status: statusCode, message }
})

const byCode = (a: { code: string | undefined }, b: { code: string | undefined }) =>
  (a.code ?? '').localeCompare(b.code ?? '')

describe('the table of errors', () => {
  it('is the same in docs/protocol.md and in src/errors.ts', () => {
    expect(documented.length).toBeGreaterThan(10)
    expect([...documented].sort(byCode)).toEqual(
      thrown.map(({ code, status }) => ({ code, status })).sort(byCode),
    )
  })

  it('gives each code once, and leaves no placeholder in a message', () => {
    expect(new Set(thrown.map(({ code }) => code)).size).toBe(thrown.length)
    for (const { message } of thrown) expect(message).not.toContain('%s')
  })
})

describe('an error that is not known', () => {
  it.each<[unknown, string, string | null]>([
    [new Error('it broke'), 'it broke', null],
    [new TypeError(''), 'TypeError', null],
    [Object.assign(new Error('no such file'), { code: 'ENOENT' }), 'no such file', 'ENOENT'],
    [Object.assign(new Error('librdkafka'), { code: -195 }), 'librdkafka', '-195'],
    [Object.assign(new Error('none'), { code: undefined }), 'none', null],
    ['a text', 'a text', null],
    [undefined, 'undefined', null],
    [{ code: 'ENOENT' }, '[object Object]', null],
  ])('%o says what it is', (error, words, code) => {
    expect(errors.errorWords(error)).toBe(words)
    expect(errors.errorCode(error)).toBe(code)
  })
})

describe('the examples of docs/protocol.md', () => {
  it('are the bytes that the code sends', async () => {
    const { CHALLENGE } = await import('../../src/stream/signals.ts')
    const { formatEventId } = await import('../../src/bus/event-id.ts')
    expect(protocol).toContain(CHALLENGE.toString().trim().split('\n')[1])
    const vectors = [...protocol.matchAll(/^\| `\{([\d:,-]+)\}` \| `([\w=-]+)` \|$/gm)]
    expect(vectors).toHaveLength(6)
    for (const [, pairs, id] of vectors) {
      const position = new Map(
        (pairs ?? '').split(',').map((pair) => pair.split(':').map(Number) as [number, number]),
      )
      expect(formatEventId(position)).toBe(id)
    }
  })
})
