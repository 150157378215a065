// Text of others in ours: nothing in it acts on a terminal, ends its quotes or leaves its word of a shell.

import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConfigError, validateOptions } from '../../../src/config/parse.ts'
import { printable, printableLine } from '../../../src/text/printable.ts'
import { quoted } from '../../../src/text/quoted.ts'
import { shellWord } from '../../../src/text/shell-word.ts'

/** What a terminal obeys: C0 without tab and line feed, DEL, C1, and the controls of direction. */
const OBEYED = /[^\P{Cc}\t\n]|[\u202a-\u202e\u2066-\u2069]/u
const HOSTILE = ['\u001b[2J', '\u009b2J', '\u0085', '\u007f', '\u202egnp.exe', '\u2066x', '\r', '\u0000']
const texts = fc.array(
  fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...HOSTILE, '\n', "'", '"', '\\', ' ', '$(x)')),
)
const text = texts.map((parts) => parts.join(''))

describe('printable', () => {
  it('has nothing that a terminal obeys, and says in JSON what it said', () => {
    fc.assert(
      fc.property(text, (any) => {
        expect(printable(any)).not.toMatch(OBEYED)
        expect(JSON.parse(printable(JSON.stringify(any)))).toBe(any)
        expect(printableLine(any)).not.toMatch(/\n/)
      }),
    )
  })
})

describe('quoted', () => {
  it('is one line in quotes, of bounded length, and has nothing that a terminal obeys', () => {
    fc.assert(
      fc.property(text, (any) => {
        const words = quoted(any)
        expect(words).not.toMatch(OBEYED)
        expect(words).not.toMatch(/\n/)
        expect(words.length).toBeLessThan(400)
        expect(typeof JSON.parse(words)).toBe('string')
      }),
    )
  })

  it.each(HOSTILE)('shows what is hidden in a value: %j', (hostile) => {
    expect(JSON.parse(quoted(`a${hostile}b`))).toBe(`a${hostile}b`)
    expect(quoted(`a${hostile}b`)).toMatch(/\\/)
  })

  it('tells no password of an address, and no list or object', () => {
    expect(quoted('kafka://u:secret@host')).toBe('"…@host"')
    expect([[], [1], {}, null, 7].map(quoted)).toEqual(['an empty list', 'a list', 'an object', 'null', '7'])
  })
})

describe('an error of the configuration', () => {
  it.each(HOSTILE)('has nothing that a host’s terminal obeys, in names and values: %j', (hostile) => {
    const broken = () =>
      validateOptions({
        kafka: { bootstrapServers: 'k:1', [`x${hostile}`]: 1 } as never,
        auth: { issuer: `not a URL ${hostile}`, audience: 'a' },
        streams: [{ path: `/${hostile}`, topic: `t${hostile}`, encoding: hostile as never }],
      })
    let error: unknown
    try {
      broken()
    } catch (thrown) {
      error = thrown
    }
    if (!(error instanceof ConfigError)) throw new Error('no ConfigError')
    expect(error.problems.length).toBeGreaterThan(2)
    for (const words of [error.message, ...error.problems]) expect(words).not.toMatch(OBEYED)
  })
})

describe('a word of a shell', () => {
  it('is the text again', () => {
    const words = fc.array(
      text.map((any) => any.replaceAll('\0', '').replace(/\p{Surrogate}/gu, '')),
      { minLength: 1, maxLength: 40 },
    )
    fc.assert(
      fc.property(words, (all) => {
        const script = `for word in ${all.map(shellWord).join(' ')}; do printf '%s\\0' "$word"; done`
        expect(execFileSync('/bin/sh', ['-c', script]).toString()).toBe(`${all.join('\0')}\0`)
      }),
      { numRuns: 20 },
    )
    expect(shellWord('tls/server.crt')).toBe('tls/server.crt')
    expect(shellWord('')).toBe("''")
  })
})
