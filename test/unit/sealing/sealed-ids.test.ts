// Sealed event ids: what they open to, for whom, and that they tell nothing else.

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SealedIds } from '../../../src/sealing/sealed-ids.ts'

const SECRET = Buffer.alloc(32, 1)
const OTHER = Buffer.alloc(32, 2)
const ids = new SealedIds([SECRET])
const seal = ids.of('/orders/1', 'key 1')

const partitions = fc.oneof(
  fc.uniqueArray(fc.nat({ max: 100_000 }), { minLength: 0, maxLength: 20 }),
  fc.nat({ max: 20 }).map((count) => Array.from({ length: count }, (_, partition) => partition)),
)
const position = partitions.chain((partitions) =>
  fc
    .array(fc.integer({ min: -2, max: Number.MAX_SAFE_INTEGER }), {
      minLength: partitions.length,
      maxLength: partitions.length,
    })
    .map((offsets) => new Map(partitions.map((partition, at) => [partition, offsets[at] ?? 0]))),
)

describe('a sealed id', () => {
  it('opens to the position that was sealed, and is the same for the same position', () => {
    fc.assert(
      fc.property(position, (sealed) => {
        const id = seal.seal(sealed)
        expect(seal.open(id)).toEqual(sealed)
        expect(seal.open(id.replace(/=+$/, ''))).toEqual(sealed)
        expect(seal.seal(new Map([...sealed].reverse()))).toBe(id)
        expect(new SealedIds([SECRET]).of('/orders/1', 'key 1').seal(sealed)).toBe(id)
      }),
    )
  })

  it('has a length that tells nothing of its offsets', () => {
    const lengths = [-2, 0, 7, 2 ** 24, 2 ** 40, Number.MAX_SAFE_INTEGER].map(
      (offset) =>
        seal.seal(
          new Map([
            [0, offset],
            [1, 5],
          ]),
        ).length,
    )
    expect(new Set(lengths).size).toBe(1)
  })

  it('of one position has nothing in common with that of the next', () => {
    const first = Buffer.from(seal.seal(new Map([[0, 7]])), 'base64url')
    const second = Buffer.from(seal.seal(new Map([[0, 8]])), 'base64url')
    const same = first.filter((byte, at) => byte === second[at]).length
    expect(same).toBeLessThan(8)
  })

  it.each([
    ['another path', ids.of('/orders/2', 'key 1')],
    ['another selection', ids.of('/orders/1', 'key 2')],
    ['texts that are joined alike', ids.of('/orders/1k', 'ey 1')],
    ['another secret', new SealedIds([OTHER]).of('/orders/1', 'key 1')],
  ])('is not opened for %s', (_, other) => {
    expect(other.open(seal.seal(new Map([[0, 7]])))).toBeNull()
    expect(other.seal(new Map([[0, 7]]))).not.toBe(seal.seal(new Map([[0, 7]])))
  })

  it('is opened by an older secret as long as it is listed, and made by the first', () => {
    const old = new SealedIds([OTHER]).of('/a', '')
    const rolling = new SealedIds([SECRET, OTHER]).of('/a', '')
    const rolled = new SealedIds([SECRET]).of('/a', '')
    const sealed = new Map([[0, 7]])
    expect(rolling.open(old.seal(sealed))).toEqual(sealed)
    expect(rolling.seal(sealed)).toBe(rolled.seal(sealed))
    expect(rolled.open(old.seal(sealed))).toBeNull()
  })

  it('of a stream that is open is made and opened by other secrets once these replace the old', () => {
    const replaced = new SealedIds([OTHER])
    const stream = replaced.of('/a', '')
    const sealed = new Map([[0, 7]])
    const before = stream.seal(sealed)
    replaced.replace([SECRET, OTHER])
    expect(stream.seal(sealed)).toBe(new SealedIds([SECRET]).of('/a', '').seal(sealed))
    expect(stream.open(before)).toEqual(sealed)
    replaced.replace([SECRET])
    expect(stream.open(before)).toBeNull()
    expect(() => replaced.replace([])).toThrow(RangeError)
  })

  it('is not opened once any bit of it was changed, or a byte is missing or added', () => {
    const bytes = Buffer.from(
      seal.seal(
        new Map([
          [0, 7],
          [1, 9],
        ]),
      ),
      'base64url',
    )
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(seal.open(changed.toString('base64url'))).toBeNull()
    }
    for (let length = 0; length < bytes.length; length++)
      expect(seal.open(bytes.subarray(0, length).toString('base64url'))).toBeNull()
    expect(seal.open(Buffer.concat([bytes, Buffer.of(0)]).toString('base64url'))).toBeNull()
  })

  it('of any position is opened by the secrets while they are rolled, and by none once a bit was changed', () => {
    const [old, both, none] = [[OTHER], [SECRET, OTHER], [Buffer.alloc(32, 3)]].map((secrets) =>
      new SealedIds(secrets).of('/orders/1', 'key 1'),
    )
    fc.assert(
      fc.property(position, fc.boolean(), fc.nat(), (sealed, isOld, at) => {
        const id = (isOld ? old : both)?.seal(sealed) ?? ''
        expect(both?.open(id)).toEqual(sealed)
        expect(none?.open(id)).toBeNull()
        const changed = Buffer.from(id, 'base64url')
        const bit = at % (changed.length * 8)
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(both?.open(changed.toString('base64url'))).toBeNull()
      }),
    )
  })

  it.each(['', '=', 'AQIAAg==', 'EA==', 'not an id', 'é', '-2', 'null'])('is not %j', (text) => {
    expect(seal.open(text)).toBeNull()
  })

  it('is no text that was made without the key, and reading one never throws', () => {
    const bytes = fc.uint8Array({ maxLength: 200 }).map((own) => Buffer.concat([Buffer.of(0x10), own]))
    const text = fc.oneof(
      fc.string(),
      bytes.map((own) => own.toString('base64url')),
      fc.tuple(bytes, fc.string()).map(([own, more]) => own.toString('base64url') + more),
    )
    fc.assert(
      fc.property(text, (id) => {
        expect(seal.open(id)).toBeNull()
      }),
    )
  })

  it('of 64 KiB that is none is refused within 20 ms', () => {
    const id = Buffer.alloc(48 * 1024, 0x10).toString('base64url')
    const begunMs = performance.now()
    expect(seal.open(id)).toBeNull()
    expect(performance.now() - begunMs).toBeLessThan(20)
  })

  it('has one spelling', () => {
    const id = seal.seal(new Map([[0, 7]]))
    const last = id.replace(/=+$/, '').length - 1
    for (const other of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') {
      const spelt = id.slice(0, last) + other
      expect(seal.open(spelt) === null).toBe(other !== id[last])
    }
    expect(seal.open(`${id}=`)).toBeNull()
    expect(seal.open(id.replaceAll('_', '/').replaceAll('-', '+'))).toEqual(
      /[-_]/.test(id) ? null : seal.open(id),
    )
  })

  it('needs a secret', () => {
    expect(() => new SealedIds([])).toThrow(RangeError)
  })
})

describe('the docs', () => {
  const read = (name: string) => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8')

  it('have ids that are made so', () => {
    const rows = read('protocol.md').matchAll(/^\| `(\[\S+\])` \| `(\[.+\])` \| `\{(.+)\}` \| `(\S+)` \|$/gm)
    const vectors = [...rows]
    expect(vectors).toHaveLength(5)
    for (const [, path = '', selection = '', pairs = '', id] of vectors) {
      const entries = pairs.split(',').map((pair) => pair.split(':').map(Number) as [number, number])
      expect(ids.of(path, selection).seal(new Map(entries))).toBe(id)
    }
  })

  it('have the lengths of ids', () => {
    const lengthOf = (partitions: number) =>
      seal.seal(new Map(Array.from({ length: partitions }, (_, partition) => [partition, 7]))).length
    const [, listed = '', fitting, carried] =
      /same length at all offsets: ([^.]+)\. ([\d,]+) partitions fit in the ([\d,]+) characters/.exec(
        read('compatibility.md').replaceAll('\n', ' '),
      ) ?? []
    const numbers = [...listed.replaceAll(',', '').matchAll(/(\d+)(?: characters)? for (\d+)/g)]
    expect(numbers).toHaveLength(4)
    for (const [, length, partitions] of numbers) expect(lengthOf(Number(partitions))).toBe(Number(length))
    expect(lengthOf(Number(fitting))).toBeLessThanOrEqual(Number(carried?.replace(',', '')))
    expect(lengthOf(Number(fitting) + 1)).toBeGreaterThan(Number(carried?.replace(',', '')))
  })
})
