// A bus and its readers: live, from a snapshot, and by the id of another server.

import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { Bus, type BusOptions } from '../../../src/bus/bus.ts'
import { formatEventId, parseEventId } from '../../../src/bus/event-id.ts'
import type { KafkaRecord } from '../../../src/bus/record.ts'
import { Cursor } from '../../../src/cursor/cursor.ts'
import { StreamReader } from '../../support/stream-reader.ts'
import { BUS_OPTIONS } from '../../support/topic-in-memory.ts'

const MIB = 1024 * 1024

function busOf(partitions: number, options: Partial<BusOptions> = {}): Bus {
  const bus = new Bus({ ...BUS_OPTIONS, ...options })
  for (let partition = 0; partition < partitions; partition++) bus.setPartition(partition, 0)
  return bus
}

function record(partition: number, offset: number, key: string | null, value: string | null): KafkaRecord {
  return {
    partition,
    offset,
    timestampMs: 0,
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: [],
  }
}

function readAll(cursor: Cursor, into = new StreamReader(), bytesMax = 64 * 1024): StreamReader {
  for (let bytes = cursor.read(bytesMax); bytes !== null; bytes = cursor.read(bytesMax)) into.feed(bytes)
  return into
}

function positionOf(id: string) {
  const position = parseEventId(id)
  if (position === null) throw new Error(`not an id: ${id}`)
  return position
}

describe('a bus', () => {
  it('writes a record as its data and then its id, byte for byte', () => {
    const bus = busOf(1)
    const cursor = Cursor.fromNow(bus)
    bus.append(record(0, 0, '1', '{"id":1,"name":"Hello World!"}'))
    bus.append(record(0, 1, '1', null))
    bus.publish()
    expect(cursor.read(1000)?.toString()).toBe(
      'data:{"id":1,"name":"Hello World!"}\nid:AQIAAg==\n\nevent:delete\ndata:MQ==\nid:AQIABA==\n\n',
    )
  })

  it('wakes its listeners when it publishes, until they stop listening', () => {
    const bus = busOf(1)
    let wakes = 0
    const stop = bus.onPublish(() => wakes++)
    bus.append(record(0, 0, 'a', '1'))
    expect(wakes).toBe(0)
    bus.publish()
    stop()
    bus.publish()
    expect(wakes).toBe(1)
  })

  it('never includes in an id a record that cannot be read yet', () => {
    const bus = busOf(2)
    bus.append(record(0, 0, 'a', '0/0'))
    bus.publish()
    const ahead = new Map([
      [0, 1],
      [1, 5],
    ])
    const cursors = {
      live: Cursor.fromNow(bus),
      snapshot: Cursor.fromBeginning(bus),
      // Its server had read partition 1 further than this one has.
      ahead: Cursor.fromPosition(bus, ahead),
    }
    for (const cursor of Object.values(cursors)) readAll(cursor)
    bus.append(record(0, 1, 'a', '0/1'))
    for (const [name, cursor] of Object.entries(cursors)) {
      const told = cursor.atTail() ? positionOf(cursor.id()).get(0) : 1 // as a heartbeat says
      const { records } = readAll(cursor)
      expect([name, told, records]).toEqual([name, 1, ['0/1']])
      expect(positionOf(cursor.id()).get(0)).toBe(2)
    }
  })

  it('gives a new stream the newest value of every key as of then, and everything after', () => {
    const bus = busOf(2)
    bus.append(record(0, 0, 'a', 'old a'))
    bus.append(record(0, 1, 'b', 'b'))
    bus.append(record(1, 0, 'a', 'the same key elsewhere is another'))
    bus.append(record(0, 2, 'a', 'a'))
    bus.append(record(0, 3, null, 'no key'))
    bus.append(record(0, 4, null, 'no key either'))
    bus.publish()
    const cursor = Cursor.fromBeginning(bus)
    bus.append(record(0, 5, 'b', 'newer b'))
    bus.publish()
    expect(readAll(cursor).records).toEqual([
      'b',
      'the same key elsewhere is another',
      'a',
      'no key',
      'no key either',
      'newer b',
    ])
  })

  it('ignores a record that it already has', () => {
    const bus = busOf(1)
    for (const offset of [0, 1, 0, 1, 2]) bus.append(record(0, offset, null, `${offset}`))
    bus.publish()
    expect(readAll(Cursor.fromBeginning(bus)).records).toEqual(['0', '1', '2'])
  })

  it('knows where one partition is without looking at the others', () => {
    const bus = busOf(3)
    bus.append(record(1, 0, 'a', '1'))
    const looks = vi.spyOn(bus, 'position')
    expect([0, 1, 2, 3].map((partition) => bus.nextOffset(partition))).toEqual([0, 1, 0, undefined])
    expect(looks).not.toHaveBeenCalled()
  })

  it('moves its position without a frame for a record with neither key nor value, and for control records', () => {
    const bus = busOf(1)
    bus.append(record(0, 0, null, null))
    bus.publish()
    expect(Cursor.fromBeginning(bus).read(1000)).toBeNull()
    expect(bus.positionText()).toBe('AQIAAg==')
    bus.advance(0, 64)
    expect(bus.positionText()).toBe('AQIAgAE=')
  })

  it('skips a record whose frame would be over 16 MiB, says so, and forgets its key’s older value', () => {
    let passedOver = 0
    const bus = busOf(1, { onTooLarge: () => passedOver++ })
    const frame = 16 * MIB - 'data:\nid:AQIAAg==\n\n'.length
    bus.append(record(0, 0, 'k', 'x'.repeat(frame)))
    bus.append(record(0, 1, 'k', 'x'.repeat(frame + 1)))
    bus.append(record(0, 2, 'l', '\n'.repeat(6 * MIB)))
    bus.append(record(0, 3, 'm', 'what follows'))
    bus.publish()
    expect(passedOver).toBe(2)
    const reader = readAll(Cursor.fromPosition(bus, new Map()))
    expect(reader.records.map((data) => data.length)).toEqual([frame, 12])
    expect(reader.comments).toEqual(['gap too-large', 'gap too-large'])
    expect(readAll(Cursor.fromBeginning(bus)).records).toEqual(['what follows'])
  })

  it('tells a cursor how often a read says too-large: live, past, and with merged ids', () => {
    const bus = busOf(2)
    const live = Cursor.fromBeginning(bus)
    const huge = 'x'.repeat(16 * MIB)
    for (let offset = 0; offset < 6; offset++)
      bus.append(record(0, offset, null, offset % 3 === 0 ? huge : 'small'))
    bus.append(record(1, 0, null, huge))
    bus.publish()
    const told = (cursor: Cursor): number => {
      let count = 0
      while (cursor.read(MIB) !== null) count += cursor.tooLarge
      return count
    }
    expect(told(live)).toBe(3)
    expect(told(Cursor.fromBeginning(bus))).toBe(3)
    expect(told(Cursor.fromPosition(bus, new Map([[0, 1]])))).toBe(2)
    expect(told(Cursor.fromPosition(bus, new Map([[1, 1]])))).toBe(2)
    bus.append(record(0, 6, null, 'small'))
    bus.publish()
    expect(told(live)).toBe(0)
  })

  it('keeps the trace context of a record in its envelope', () => {
    const bus = busOf(1, { encoding: 'envelope' })
    const context = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'vendor=x' }
    const headers = Object.entries(context).map(([name, value]) => ({ name, value: Buffer.from(value) }))
    bus.append({ ...record(0, 0, 'k', 'v'), headers })
    bus.publish()
    const { records } = readAll(Cursor.fromPosition(bus, new Map()))
    const told = Object.entries(context).map(([name, value]) => ({ name, value }))
    expect(JSON.parse(records[0] ?? '').headers).toEqual(told)
  })

  it.each(['text', 'base64', 'envelope'] as const)(
    'takes any record, also one of which V8 can make no string (%s)',
    (encoding) => {
      const tooLarge: number[] = []
      const bus = busOf(1, { encoding, onTooLarge: ({ offset }) => tooLarge.push(offset) })
      const huge = Buffer.alloc(600 * MIB)
      huge[0] = 0xff // not UTF-8
      const small = Buffer.from('small')
      const records: [key: Buffer | null, value: Buffer | null][] = [
        [small, Buffer.alloc(600 * MIB)],
        [null, huge],
        [huge, null],
        [huge, small],
        [small, huge],
      ]
      for (const [offset, [key, value]] of records.entries())
        bus.append({ ...record(0, offset, null, null), key, value })
      bus.append({
        ...record(0, 5, 'header', 'x'),
        headers: [{ name: 'h', value: huge }],
      })
      bus.append(record(0, 6, 'm', 'what follows'))
      const reader = readAll(Cursor.fromPosition(bus, new Map()))
      expect(tooLarge).toEqual(encoding === 'envelope' ? [0, 1, 2, 3, 4, 5] : [0, 1, 2, 3, 4])
      expect(reader.comments).toEqual(tooLarge.map(() => 'gap too-large'))
      expect(reader.lastId).toBe('AQIADg==')
      expect(bus.allocatedBytes).toBe(MIB)
    },
  )

  it('drops its oldest segment at its bound, says so once, and counts what it lost', () => {
    const states: string[] = []
    const bus = busOf(1, { retainedBytesMax: 8 * MIB, onPressure: (state) => states.push(state) })
    for (let offset = 0; offset < 40; offset++)
      bus.append(record(0, offset, `${offset}`, 'x'.repeat(300_000)))
    bus.publish()
    expect(states).toEqual(['nearly-full', 'full'])
    expect(bus.retainedBytes).toBeLessThanOrEqual(8 * MIB)
    expect(bus.isWhole).toBe(false)
    expect(bus.keys).toBe(bus.retainedRecords)
  })

  it('is bounded by records as well as by bytes', () => {
    const bus = busOf(1, { retainedRecordsMax: 10 })
    for (let offset = 0; offset < 100; offset++) bus.append(record(0, offset, null, 'x'.repeat(400_000)))
    expect(bus.retainedRecords).toBeLessThanOrEqual(12)
  })

  it('keeps no more than it needs while a few keys are written over and over, however slow a reader', () => {
    const bus = busOf(1, { retainedBytesMax: 64 * MIB })
    bus.append(record(0, 0, 'kept', 'kept'))
    bus.publish()
    const slow = Cursor.fromBeginning(bus)
    for (let offset = 1; offset < 2000; offset++) {
      bus.append(record(0, offset, `${offset % 10}`, `${offset} ${'x'.repeat(200_000)}`))
      bus.publish()
      while (bus.maintain(0));
    }
    expect(bus.retainedBytes).toBeLessThan(24 * MIB)
    expect(bus.isWhole).toBe(true)
    const values = readAll(slow).records.map((data) => data.split(' ')[0])
    expect(values[0]).toBe('kept')
    expect(values.slice(-10)).toEqual(Array.from({ length: 10 }, (_, i) => `${1990 + i}`))
    expect(new Set(values).size).toBe(values.length)
  })

  it('reuses segments: what is allocated stays within what is retained at once', () => {
    const bus = busOf(1, { retainedBytesMax: 4 * MIB })
    for (let offset = 0; offset < 500; offset++) bus.append(record(0, offset, null, 'x'.repeat(250_000)))
    expect(bus.allocatedBytes).toBeLessThanOrEqual(5 * MIB)
  })
})

interface Step {
  readonly partition: number
  readonly key: number
  readonly isTombstone: boolean
  readonly size: number
}

const step = fc.record({
  partition: fc.nat(2),
  key: fc.nat(8),
  isTombstone: fc.boolean().map((flag) => flag),
  size: fc.constantFrom(1, 10, 5_000, 120_000),
})

/** The records of every partition, by the steps' order within it. */
function logsOf(steps: readonly Step[]): KafkaRecord[][] {
  const logs: KafkaRecord[][] = [[], [], []]
  for (const { partition, key, isTombstone, size } of steps) {
    const log = logs[partition] ?? []
    const value = isTombstone && key % 3 === 0 ? null : `${partition}/${log.length} ${'x'.repeat(size)}`
    log.push(record(partition, log.length, key === 8 ? null : `${key}`, value))
  }
  return logs
}

/** Feeds logs into a bus in an order of its own: `choices` says which partition comes next. */
class Arrival {
  readonly bus: Bus
  private readonly logs: KafkaRecord[][]
  private readonly choices: number[]
  private readonly read = [0, 0, 0]

  constructor(bus: Bus, logs: KafkaRecord[][], choices: number[]) {
    this.bus = bus
    this.logs = logs
    this.choices = choices
  }

  /** Appends one more record; false when all are in. */
  step(): boolean {
    const wanted = this.choices.shift() ?? 0
    for (let i = 0; i < 3; i++) {
      const partition = (wanted + i) % 3
      const next = this.logs[partition]?.[this.read[partition] ?? 0]
      if (next === undefined) continue
      this.read[partition] = (this.read[partition] ?? 0) + 1
      this.bus.append(next)
      this.bus.publish()
      return true
    }
    return false
  }
}

describe('a client that moves between two servers which read the partitions in different orders', {
  timeout: 60_000,
}, () => {
  const run = fc.record({
    steps: fc.array(step, { minLength: 1, maxLength: 40 }),
    orders: fc.tuple(fc.array(fc.nat(2), { maxLength: 60 }), fc.array(fc.nat(2), { maxLength: 60 })),
    moves: fc.array(fc.record({ server: fc.nat(1), a: fc.nat(12), b: fc.nat(12), reads: fc.nat(3) }), {
      maxLength: 12,
    }),
    bytesMax: fc.constantFrom(10, 1000, 100_000),
  })

  it('gives the id so far before the frame at which two orders agree', () => {
    const bus = busOf(2)
    for (const [partition, offset] of [
      [1, 0],
      [0, 1],
      [0, 4],
    ])
      bus.append(record(partition ?? 0, offset ?? 0, `${partition} ${offset}`, 'x'))
    bus.publish()
    const cursor = Cursor.fromPosition(bus, new Map([[0, 3]]))
    const reader = new StreamReader()
    reader.feed(cursor.read(1000) ?? Buffer.alloc(0))
    expect(reader.lastId).toBe(
      formatEventId(
        new Map([
          [0, 3],
          [1, 1],
        ]),
      ),
    )
    expect(cursor.id()).toBe(reader.lastId)
    expect(readAll(cursor, reader).lastId).toBe(
      formatEventId(
        new Map([
          [0, 5],
          [1, 1],
        ]),
      ),
    )
  })

  it('gets every record once, and each partition in order', () => {
    fc.assert(
      fc.property(run, ({ steps, orders, moves, bytesMax }) => {
        const logs = logsOf(steps)
        const servers = orders.map((order) => new Arrival(busOf(3), logs, [...order]))
        const [a, b] = servers
        if (a === undefined || b === undefined) return
        const received: string[] = []
        let id = ''
        const connect = (bus: Bus) =>
          id === '' ? Cursor.fromPosition(bus, new Map()) : Cursor.fromPosition(bus, positionOf(id))
        const read = (cursor: Cursor, reads: number) => {
          for (let i = 0; i < reads; i++) {
            const reader = new StreamReader()
            const bytes = cursor.read(bytesMax)
            if (bytes === null) return
            reader.feed(bytes)
            received.push(...reader.events.map(({ event, data }) => `${event ?? ''}${data.split(' ')[0]}`))
            if (reader.lastId !== '') id = reader.lastId
            if (bytes.length > 0 && i === reads - 1 && cursor.id() !== '') id = cursor.id()
          }
        }
        for (const move of moves) {
          for (let i = 0; i < move.a; i++) a.step()
          for (let i = 0; i < move.b; i++) b.step()
          const server = move.server === 0 ? a : b
          const cursor = connect(server.bus)
          read(cursor, move.reads)
          if (move.server === 0 ? a.step() : b.step()) read(cursor, 1)
        }
        while (a.step());
        read(connect(a.bus), Number.POSITIVE_INFINITY)
        const expected = logs.flatMap((log, partition) =>
          log
            .filter(({ key, value }) => key !== null || value !== null)
            .map((r) =>
              r.value === null
                ? `delete${Buffer.from(r.key ?? []).toString('base64')}`
                : `${partition}/${r.offset}`,
            ),
        )
        expect([...received].sort()).toEqual([...expected].sort())
        for (const partition of [0, 1, 2]) {
          const offsets = received
            .filter((name) => name.startsWith(`${partition}/`))
            .map((name) => Number(name.split('/')[1]))
          expect(offsets).toEqual([...offsets].sort((x, y) => x - y))
        }
      }),
      { numRuns: 1500 },
    )
  })
})

describe('a snapshot', { timeout: 60_000 }, () => {
  const run = fc.record({
    before: fc.array(step, { maxLength: 60 }),
    after: fc.array(step, { maxLength: 60 }),
    readsBetween: fc.nat(5),
    bytesMax: fc.constantFrom(10, 20_000, 300_000),
    retainedMib: fc.constantFrom(6, 64),
  })

  it('ends with the newest value of every key, also during compaction, and repeats nothing', () => {
    fc.assert(
      fc.property(run, ({ before, after, readsBetween, bytesMax, retainedMib }) => {
        const bus = busOf(3, { retainedBytesMax: retainedMib * MIB })
        const all = logsOf([...before, ...after])
        const early = logsOf(before)
        for (const [partition, log] of early.entries())
          for (const r of all[partition]?.slice(0, log.length) ?? []) bus.append(r)
        bus.publish()
        const cursor = Cursor.fromBeginning(bus)
        const reader = new StreamReader()
        for (let i = 0; i < readsBetween; i++) reader.feed(cursor.read(bytesMax) ?? Buffer.alloc(0))
        for (const [partition, log] of early.entries())
          for (const r of all[partition]?.slice(log.length) ?? []) bus.append(r)
        bus.publish()
        readAll(cursor, reader, bytesMax)
        expect(cursor.complete || cursor.atTail()).toBe(true)

        const ids = reader.events.map(({ id }) => id)
        expect(new Set(ids).size).toBe(ids.length)
        if (!bus.isWhole) return
        const seen = new Set(reader.events.map(({ event, data }) => `${event ?? ''}${data.split(' ')[0]}`))
        for (const log of all) {
          const newest = new Map(log.map((r) => [r.key === null ? r : r.key.toString(), r]))
          for (const r of newest.values()) {
            if (r.value === null && r.key === null) continue
            const name =
              r.value === null
                ? `delete${Buffer.from(r.key ?? []).toString('base64')}`
                : `${r.partition}/${r.offset}`
            expect(seen).toContain(name)
          }
        }
      }),
      { numRuns: 400 },
    )
  })
})
