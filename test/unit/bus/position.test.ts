// Positions and their text, the event id.

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import fastify from 'fastify'
import { afterAll, describe, expect, it } from 'vitest'
import { formatEventId, parseEventId } from '../../../src/bus/event-id.ts'
import { covers, furthest, type Position } from '../../../src/bus/position.ts'

const vectors: [Record<number, number>, string][] = [
  [{ 0: 1 }, 'AQIAAg=='],
  [{ 0: 2 }, 'AQIABA=='],
  [{ 0: 64 }, 'AQIAgAE='],
  [{ 0: 1000 }, 'AQIA0A8='],
  [{ 0: 2, 1: 1 }, 'AQQABAIC'],
  [{ 0: 1, 1: -2, 2: -2 }, 'AQYAAgIDBAM='],
]

function position(offsets: Record<number, number>): Position {
  return new Map(Object.entries(offsets).map(([partition, offset]) => [Number(partition), offset]))
}

const bytes = (...values: number[]) => Buffer.from(values).toString('base64url')

const anyPosition = fc
  .uniqueArray(
    fc.tuple(fc.nat(5000), fc.oneof(fc.nat(300), fc.maxSafeNat(), fc.constant(-2), fc.constant(-1))),
    {
      selector: ([partition]) => partition,
      maxLength: 40,
    },
  )
  .map((pairs) => new Map(pairs.sort(([a], [b]) => a - b)))

describe('the text of a position', () => {
  it.each(vectors)('of %o is %s, byte for byte', (offsets, text) => {
    expect(formatEventId(position(offsets))).toBe(text)
    expect(parseEventId(text)).toEqual(position(offsets))
    expect(parseEventId(text.replace(/=+$/, ''))).toEqual(position(offsets))
  })

  it('reads back every position that it writes, in ascending order of partitions', () => {
    fc.assert(
      fc.property(anyPosition, (original) => {
        const read = parseEventId(formatEventId(original))
        expect([...(read ?? [])]).toEqual([...original])
      }),
      { numRuns: 1000 },
    )
  })

  it.each([
    ['an etag', 'AQIAAg==/5f3a'],
    ['a key', '["MQ==","AQIAAg=="]'],
    ['a key and an etag', '["MQ==","AQIAAg==/5f3a"]'],
    ['an etag that is quoted, which Zilla does not escape', '["MQ==","AQIAAg==/W/"5f3a""]'],
    ['no key', '[null,"AQIAAg=="]'],
    ['a pair that was read and written again by something else', '[null, "AQIAAg==/5f3a"]'],
  ])("reads Zilla's form with %s", (_, text) => {
    expect(parseEventId(text)).toEqual(position({ 0: 1 }))
  })

  it('reads partitions in any order, and writes them in ascending order', () => {
    const read = parseEventId(bytes(1, 6, 4, 8, 0, 2, 2, 3))
    expect([...(read ?? [])]).toEqual([
      [2, 4],
      [0, 1],
      [1, -2],
    ])
    expect(parseEventId(formatEventId(read ?? new Map()))).toEqual(position({ 0: 1, 1: -2, 2: 4 }))
  })

  it('reads numbers with more bytes than they need, up to ten', () => {
    expect(parseEventId(bytes(1, 0x82, 0x00, 0x80, 0x00, 0x82, ...Array(8).fill(0x80), 0))).toEqual(
      position({ 0: 1 }),
    )
  })

  it('reads an id of no partition, which leaves every one out', () => {
    expect(parseEventId('AQA=')).toEqual(new Map())
    expect(formatEventId(new Map())).toBe('AQA=')
  })

  it('reads offsets beyond 2^53 as an offset that no topic reaches', () => {
    const id = Buffer.from([1, 2, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]).toString(
      'base64url',
    )
    expect(parseEventId(id)).toEqual(position({ 0: Number.MAX_SAFE_INTEGER }))
  })

  it.each([
    ['nothing', ''],
    ['only padding', '===='],
    ['one character', 'A'],
    ['padding that does not fit', 'A==='],
    ['padding in the middle', 'AQ==AAg='],
    ['characters of plain base64', 'AQIA/+=='],
    ['bits left over in the last character', 'AQIAAh=='],
    ['an offset of -3', 'AQIABQ=='],
    ['another version', bytes(2, 2, 0, 2)],
    ['a count of 10^9', bytes(1, 0x80, 0xa8, 0xd6, 0xb9, 0x07, 0, 2)],
    ['a negative count', bytes(1, 1, 0, 2)],
    ['a truncated number', bytes(1, 2, 0, 0x80)],
    ['a number of eleven bytes', bytes(1, 2, 0, ...Array(10).fill(0x80), 0)],
    ['a byte left over', bytes(1, 2, 0, 2, 0)],
    ['a partition twice', bytes(1, 4, 0, 2, 0, 4)],
    ['a negative partition', bytes(1, 2, 1, 2)],
    ['a missing pair', bytes(1, 4, 0, 2)],
    ['JSON that is not a pair', '["MQ=="]'],
    ['half of a JSON array', '["MQ==","AQ'],
    ['a pair of three', '["MQ==","AQIAAg==","AQIAAg=="]'],
    ['a pair whose key is neither text nor null', '[{},"AQIAAg=="]'],
    ['a pair whose id is no text', '["MQ==",42]'],
    ['a partition of 2^31', bytes(1, 2, 0x80, 0x80, 0x80, 0x80, 0x10, 2)],
    ['words', 'not an id'],
    ['20 KB', 'A'.repeat(20_000)],
  ])('refuses %s', (_, text) => {
    expect(parseEventId(text)).toBeNull()
  })

  it('never throws on arbitrary text, and never reads two texts as one id', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.base64String(),
          fc.uint8Array().map((b) => Buffer.from(b).toString('base64url')),
        ),
        (text) => {
          const read = parseEventId(text)
          if (read !== null) expect(parseEventId(formatEventId(read))).toEqual(read)
        },
      ),
      { numRuns: 5000 },
    )
  })
})

describe('the lengths of ids in docs/compatibility.md', () => {
  const [, section = ''] = readFileSync(
    new URL('../../../docs/compatibility.md', import.meta.url),
    'utf8',
  ).split(/^## Lengths of ids$/m)
  const rows = [...section.matchAll(/^\| (.+) \|$/gm)].map(([, cells = '']) => cells.split(/ \| /))
  const numberOf = (cell = '') => Number(cell.replaceAll(',', ''))
  const lengthOf = (partitions: number, offset: number) =>
    formatEventId(new Map(Array.from({ length: partitions }, (_, partition) => [partition, offset]))).length

  it('are those of the ids that are made', () => {
    const lengths = rows.filter(([partitions]) => /^\d+$/.test(partitions ?? ''))
    expect(lengths.map(([partitions]) => partitions)).toEqual(['1', '12', '64', '512'])
    for (const [partitions, ...cells] of lengths) {
      const offsets = [0, 1000, 1e6, 1e9, Number.MAX_SAFE_INTEGER]
      expect(cells.map(numberOf)).toEqual(offsets.map((offset) => lengthOf(numberOf(partitions), offset)))
    }
  })

  it('come with the number of partitions that each client and proxy can carry', () => {
    const carriers = rows.filter((cells) => cells.length === 4 && /^[\d,]+$/.test(cells[3] ?? ''))
    expect(carriers.length).toBeGreaterThan(15)
    for (const [name, header, query, cell] of carriers) {
      const carried = Math.min(...[header, query].map(numberOf).filter((length) => length > 0))
      const partitions = numberOf(cell)
      expect(lengthOf(partitions, 1e9), name).toBeLessThanOrEqual(carried)
      expect(lengthOf(partitions + 1, 1e9), name).toBeGreaterThan(carried)
      expect(lengthOf(512, Number.MAX_SAFE_INTEGER), name).toBeLessThanOrEqual(carried)
    }
  })
})

describe('an id in a URL', () => {
  const app = fastify()
  app.get('/', (request, reply) => {
    const { lastEventId = '' } = request.query as { lastEventId?: string }
    reply.send([...(parseEventId(lastEventId) ?? [])])
  })
  afterAll(() => app.close())

  it.each([
    ['as it stands', 'AQIAAg=='],
    ['encoded', 'AQIAAg%3D%3D'],
    ['encoded in lower case', 'AQIAAg%3d%3D'],
    ['encoded throughout', '%41%51%49%41%41%67%3D%3D'],
    ['without padding', 'AQIAAg'],
    ['with parameters around it', 'AQIAAg==&from=latest'],
    ["in Zilla's form, encoded", encodeURIComponent('["MQ==","AQIAAg==/5f3a"]')],
    ["in Zilla's form, encoded as by a form, with + for a space", '%5Bnull,+%22AQIAAg==%22%5D'],
  ])('is read %s', async (_, text) => {
    expect((await app.inject(`/?lastEventId=${text}`)).json()).toEqual([[0, 1]])
  })
})

describe('positions compared', () => {
  it('cover what they reach in every partition', () => {
    expect(covers(position({ 0: 5, 1: 3 }), position({ 0: 5 }))).toBe(true)
    expect(covers(position({ 0: 5, 1: 3 }), position({ 0: 5, 1: 4 }))).toBe(false)
    expect(covers(position({ 0: 5 }), position({ 1: 0 }))).toBe(false)
    expect(covers(position({ 0: 5 }), position({ 1: -2 }))).toBe(true)
  })

  it('have a furthest that covers both and nothing more', () => {
    fc.assert(
      fc.property(anyPosition, anyPosition, (a, b) => {
        const merged = furthest(a, b)
        expect(covers(merged, a) && covers(merged, b)).toBe(true)
        for (const [partition, offset] of merged) {
          expect([a.get(partition), b.get(partition)]).toContain(offset)
        }
      }),
    )
  })
})
