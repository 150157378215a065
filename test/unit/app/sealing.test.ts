// The key of sealed ids: when a process makes its own, and that it says so without it.

import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { keySubjects, sealedIdsOf, withSecretKey } from '../../../src/app/sealing.ts'
import { validateOptions } from '../../../src/config/parse.ts'
import { isSecretKey } from '../../../src/config/secret-key.ts'
import type { KafkaSseOptions } from '../../../src/options.ts'
import { SubjectHashes } from '../../../src/outcomes/subject-hashes.ts'
import { type LiveOptions, LiveSettings } from '../../../src/reload/live-settings.ts'

const SECRET = Buffer.alloc(32, 1).toString('base64url')
const NEXT = Buffer.alloc(32, 2).toString('base64url')
const PRIVATE = { path: '/me', topic: 'events', key: '{token.sub}' }

function resolved(stream: KafkaSseOptions['streams'][number], secretKey: string | null = null) {
  const auth = { issuer: 'https://a', audience: 'b' }
  return validateOptions({
    kafka: { bootstrapServers: 'k:1' },
    auth,
    streams: [{ path: '/all', topic: 'events' }, stream],
    sse: { secretKey },
  })
}

function warningsOf(options: ReturnType<typeof resolved>) {
  const warnings: string[] = []
  const filled = withSecretKey(options, { warn: (text: unknown) => warnings.push(String(text)) })
  return { filled, warnings }
}

describe('a process without SECRET_KEY', () => {
  it.each([
    ['a stream by the token', PRIVATE],
    [
      'a stream by the path that the token allows',
      { ...PRIVATE, path: '/:a', key: '{params.a}', where: { 'params.a': '{token.a}' } },
    ],
    ['a stream that asks for it', { ...PRIVATE, path: '/:a', key: '{params.a}', ids: 'sealed' as const }],
  ])('makes its own for %s, and warns once without it', (_, stream) => {
    const { filled, warnings } = warningsOf(resolved(stream))
    const { secretKey } = filled.sse
    expect(Buffer.from(secretKey ?? '', 'base64url')).toHaveLength(32)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('SECRET_KEY')
    expect(warnings[0]).not.toContain(secretKey)
    expect(warningsOf(resolved(stream)).filled.sse.secretKey).not.toBe(secretKey)
  })

  it.each([
    ['a stream by the path alone', { ...PRIVATE, path: '/:a', key: '{params.a}' }],
    ['a stream with plain ids', { ...PRIVATE, ids: 'plain' as const }],
  ])('makes its own for %s without a warning, for the hashes of subjects alone', (_, stream) => {
    const options = resolved(stream)
    const { filled, warnings } = warningsOf(options)
    expect(isSecretKey(filled.sse.secretKey ?? '')).toBe(true)
    expect(warnings).toEqual([])
    expect(sealedIdsOf(options)).toBeNull()
  })
})

describe('tickets without SECRET_KEY', () => {
  const plain = { path: '/a', topic: 'events' }
  const withTickets = (stream: typeof plain) => {
    const options = resolved(stream)
    return { ...options, sse: { ...options.sse, tickets: true } }
  }

  it('have a key of the process’s own, and the warning says what that means', () => {
    const { filled, warnings } = warningsOf(withTickets(plain))
    expect(Buffer.from(filled.sse.secretKey ?? '', 'base64url')).toHaveLength(32)
    expect(warnings).toEqual([
      expect.stringMatching(/SECRET_KEY.*: after a restart.*replicas, tickets are refused$/),
    ])
    const both = warningsOf(withTickets(PRIVATE)).warnings
    expect(both).toEqual([expect.stringContaining('sent everything again, and tickets are refused')])
  })
})

describe('SECRET_KEY', () => {
  it('is what ids are sealed with: the first of two, and both are read', () => {
    const [old, rolling, rolled] = [SECRET, `${NEXT},${SECRET}`, NEXT].map((secretKey) => {
      const { filled, warnings } = warningsOf(resolved(PRIVATE, secretKey))
      expect(warnings).toEqual([])
      return sealedIdsOf(filled)?.of('/me', 'own')
    })
    const position = new Map([[0, 7]])
    const [made, remade] = [old?.seal(position) ?? '', rolling?.seal(position) ?? '']
    expect(rolling?.open(made)).toEqual(position)
    expect(rolled?.open(remade)).toEqual(position)
    expect(rolled?.open(made)).toBeNull()
  })
})

describe('the hash of a subject', () => {
  const own = () => withSecretKey(resolved(PRIVATE), { warn: () => {} })
  const hashesOf = (options: ReturnType<typeof resolved>, live?: LiveSettings) => {
    const hashes = new SubjectHashes([randomBytes(32)])
    keySubjects(hashes, options, live)
    return hashes
  }
  const hashOf = (options: ReturnType<typeof resolved>) => hashesOf(options).of('alice')

  it('is the same in all threads and replicas with the same key, and in the threads of a process without one', () => {
    expect(hashOf(resolved(PRIVATE, SECRET))).toBe(hashOf(resolved(PRIVATE, `${SECRET},${NEXT}`)))
    const options = own()
    expect(hashOf(options)).toBe(hashOf(structuredClone(options)))
    expect(hashOf(own())).not.toBe(hashOf(options))
  })

  it('is another one once the settings are read again with another key', () => {
    const live = new LiveSettings()
    const options = resolved(PRIVATE, SECRET)
    const hashes = hashesOf(options, live)
    const change = (secretKey: string | null) =>
      live.change({ sse: { ...options.sse, secretKey } } as unknown as LiveOptions) // the rest is not looked at
    change(null)
    expect(hashes.of('alice')).toBe(hashOf(resolved(PRIVATE, SECRET)))
    change(`${NEXT},${SECRET}`)
    expect(hashes.of('alice')).toBe(hashOf(resolved(PRIVATE, NEXT)))
  })
})
