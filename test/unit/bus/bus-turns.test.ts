// How much a bus does in one turn of the event loop: not more if it holds more. Where a number can be counted, it is;
// else the CPU times of few and of ten times as many are compared.

import { afterEach, describe, expect, it, vi } from 'vitest'
import { Bus, type BusOptions } from '../../../src/bus/bus.ts'
import { Losses } from '../../../src/bus/losses.ts'
import { Partitions } from '../../../src/bus/partitions.ts'
import { Segment } from '../../../src/segments/segment.ts'
import { SegmentPool } from '../../../src/segments/segment-pool.ts'
import { BusMirror } from '../../../src/threads/bus-mirror.ts'
import { addedIn, BusReporter } from '../../../src/threads/bus-reporter.ts'
import { BUS_OPTIONS } from '../../support/topic-in-memory.ts'

const MIB = 1024 * 1024
const SEGMENT_BYTES = 4096
/** Records of which each has a segment of its own. */
const WIDE = Buffer.alloc(3_000, 'x')
const SMALL = Buffer.from('1')
/**
 * What is ten times as much may cost this often as much: it would be ten times where it grew along, and once where not.
 */
const TIMES_MAX = 4

class TurnsScene {
  nowMs = 1_000_000
  readonly pool: SegmentPool
  readonly bus: Bus
  private readonly offsets = new Map<number, number>()

  constructor(options: Partial<BusOptions> = {}, partitions = 1, segmentBytes = SEGMENT_BYTES) {
    this.pool = new SegmentPool(segmentBytes)
    this.bus = new Bus({
      ...BUS_OPTIONS,
      pool: this.pool,
      nowMs: () => this.nowMs,
      epochMs: () => this.nowMs,
      ...options,
    })
    for (let partition = 0; partition < partitions; partition++) this.bus.setPartition(partition, 0)
    this.bus.markCaughtUp()
  }

  write(key: string | null, value: Buffer | null, partition = 0): void {
    const offset = this.offsets.get(partition) ?? 0
    this.offsets.set(partition, offset + 1)
    const { nowMs } = this
    const bytes = key === null ? null : Buffer.from(key)
    this.bus.append({ partition, offset, timestampMs: nowMs, key: bytes, value, headers: [] })
  }

  /** A bus of this many segments, each with one record that has a key of its own. */
  static ofSegments(segments: number, options: Partial<BusOptions> = {}): TurnsScene {
    const scene = new TurnsScene(options)
    for (let segment = 0; segment < segments; segment++) scene.write(`${segment}`, WIDE)
    scene.bus.publish()
    return scene
  }
}

/** CPU time of many calls in µs: the least of several runs, because anything else only adds to it. */
function cost(act: () => void, calls: number): number {
  let least = Number.POSITIVE_INFINITY
  for (let run = 0; run < 7; run++) {
    const before = process.cpuUsage()
    for (let call = 0; call < calls; call++) act()
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, user + system)
  }
  return least
}

/** How many times as much it costs with ten times as much; printed for comparison. */
function times(what: string, few: number, many: number): number {
  const ratio = many / Math.max(few, 1)
  console.log(`${what}: ${few} and ${many} µs, ${ratio.toFixed(1)} times`)
  return ratio
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('housekeeping at each read', () => {
  it.each(['latest', 'all'] as const)('costs the same however many segments there are (%s)', (keeps) => {
    const [few, many] = [1_600, 16_000].map((segments) => {
      const { bus, nowMs } = TurnsScene.ofSegments(segments, { keeps })
      return cost(() => bus.maintain(nowMs), 100)
    })
    expect(times('100 steps', few ?? 0, many ?? 0)).toBeLessThan(TIMES_MAX)
  })
})

describe('a segment that is begun', () => {
  // Many segments do not fit into the processor's cache, which other work on the machine shares: 2 times, or 4.
  it('costs about the same however many there are', { retry: 2 }, () => {
    const [few, many] = [1_600, 16_000].map((segments) => {
      const scene = TurnsScene.ofSegments(segments - 300, { keeps: 'latest' })
      let written = segments
      return cost(() => scene.write(`${written++}`, WIDE), 40)
    })
    expect(times('40 segments', few ?? 0, many ?? 0)).toBeLessThan(TIMES_MAX)
  })
})

describe('a worker', () => {
  /** What a reporter says, and a mirror takes, as if it came through a message port. */
  function tell(reporter: BusReporter, mirror: BusMirror): number {
    for (let parts = 1; ; parts++) {
      const news = structuredClone(reporter.takeUpdate())
      mirror.receive(news)
      if (news.isWhole) return parts
    }
  }

  it('is told what is new at the same cost however many segments there are', () => {
    const [few, many] = [1_600, 16_000].map((segments) => {
      const scene = TurnsScene.ofSegments(segments)
      const [reporter, mirror] = [new BusReporter(scene.bus), new BusMirror(1)]
      tell(reporter, mirror)
      return cost(() => {
        scene.write('one', SMALL)
        tell(reporter, mirror)
      }, 100)
    })
    expect(times('100 times news', few ?? 0, many ?? 0)).toBeLessThan(TIMES_MAX)
  })

  it('that is new is told the segments in parts of a bounded size', () => {
    const { bus } = TurnsScene.ofSegments(16_000)
    const [reporter, mirror] = [new BusReporter(bus), new BusMirror(1)]
    const first = addedIn(reporter.takeUpdate())
    console.log(`${first} segments in the first piece of news`)
    expect(first).toBeLessThanOrEqual(1_000)
    expect(tell(new BusReporter(bus), mirror)).toBe(17) // the last of each part is told once more
    expect(mirror.segments).toHaveLength(bus.segments.length)
  })
})

describe('records that Kafka deleted before they were read', () => {
  /** Frames looked at while `act` runs. */
  function looked(act: () => void): number {
    const next = vi.spyOn(Segment.prototype, 'next')
    act()
    const { length } = next.mock.calls
    next.mockRestore()
    return length
  }

  it('of many partitions at once are looked for later, in one pass, a segment a step', () => {
    const partitions = 16
    const [few, many] = [2_000, 20_000].map((records) => {
      const scene = new TurnsScene({ keeps: 'all' }, partitions)
      for (let record = 0; record < records; record++) scene.write(null, SMALL, record % partitions)
      const inTurn = looked(() => {
        for (let partition = 0; partition < partitions; partition++) scene.bus.skip(partition, records)
      })
      const frames = Math.max(...scene.bus.segments.map((segment) => segment.frames))
      let [inStep, inAll] = [0, 0]
      for (let isDone = true; isDone; ) {
        const step = looked(() => {
          isDone = scene.bus.maintain(scene.nowMs)
        })
        inStep = Math.max(inStep, step)
        inAll += step
      }
      expect(scene.bus.retainedRecords).toBeLessThan(3 * frames)
      expect(inStep).toBeLessThanOrEqual(4 * frames)
      expect(inAll).toBeLessThanOrEqual(4 * records)
      return inTurn
    })
    console.log(`${few} and ${many} frames were looked at in the turn itself`)
    expect(many).toBeLessThan(100)
  })
})

describe('a segment that is dropped', () => {
  it('writes down the last of each partition, not every frame', () => {
    const bound = { retainedBytesMax: 4 * SEGMENT_BYTES }
    const scene = new TurnsScene({ keeps: 'all', ...bound }, 2)
    const added = vi.spyOn(Losses.prototype, 'addFrame')
    for (let record = 0; record < 2_000; record++) scene.write(null, SMALL, record % 2)
    console.log(`${added.mock.calls.length} were written down of ${2_000 - scene.bus.retainedRecords}`)
    expect(scene.bus.retainedRecords).toBeLessThan(500)
    expect(added.mock.calls.length).toBeLessThan(200)
  })
})

describe('the bound of records', () => {
  it('is kept without moving what is live: that frees no record', () => {
    const [few, many] = [1_000, 10_000].map((records) => {
      const scene = new TurnsScene({ retainedRecordsMax: records })
      for (let record = 0; record < 2 * records; record++)
        scene.write(record % 2 === 0 ? 'hot' : `${record}`, SMALL)
      const appends = vi.spyOn(Segment.prototype, 'append')
      for (let record = 0; record < 100; record++) scene.write(`new ${record}`, SMALL)
      expect(scene.bus.kept.totals.liveFrames).toBeLessThanOrEqual(records + 100)
      const moved = appends.mock.calls.length - 100
      appends.mockRestore()
      return moved
    })
    console.log(`${few} and ${many} frames were moved`)
    expect(many).toBeLessThan(1_000)
  })
})

describe('records without a key, of which each segment has one', () => {
  it('are let go a few segments at a time, when there is no room for as many as have one', () => {
    const segments = 100
    const scene = new TurnsScene({ retainedRecordsMax: 1_000_000 })
    let record = 0
    for (let begun = scene.bus.segments.length; begun <= segments; begun = scene.bus.segments.length) {
      if (record++ % 30 === 0) scene.write(null, SMALL)
      else scene.write(`${record}`, SMALL)
    }
    const bounded = scene.bus.options as { retainedRecordsMax: number }
    bounded.retainedRecordsMax = scene.bus.kept.totals.liveFrames - 90
    const frames = Math.max(...scene.bus.segments.map((segment) => segment.frames))
    const next = vi.spyOn(Segment.prototype, 'next')
    const { length } = scene.bus.segments
    while (scene.bus.segments.length === length) scene.write(`${record++}`, SMALL)
    const looked = next.mock.calls.length
    next.mockRestore()
    console.log(`${looked} frames looked at, ${frames} in a segment`)
    expect(looked).toBeLessThan(40 * frames)
    while (scene.bus.maintain(scene.nowMs, scene.nowMs));
    expect(scene.bus.kept.totals.liveFrames).toBeLessThan(bounded.retainedRecordsMax)
    expect(scene.bus.isWhole).toBe(true)
  })
})

describe('partitions', () => {
  it('are declared one after another without sorting them all each time, in any order', () => {
    const declare = (partitions: number, at: (index: number) => number) => {
      const bus = new Bus(BUS_OPTIONS)
      for (let index = 0; index < partitions; index++) bus.setPartition(at(index), 0)
      return bus
    }
    const scattered = (index: number) => (index * 7_919) % 10_007
    for (const at of [(index: number) => index, (index: number) => 20_000 - index, scattered]) {
      const [few, many] = [600, 6_000].map((partitions) => cost(() => declare(partitions, at), 1))
      expect(times('declared', few ?? 0, many ?? 0)).toBeLessThan(10 * TIMES_MAX)
      const numbers = [...declare(6_000, at).position().keys()]
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    }
  })
})

describe('an id', () => {
  it('is made for a record at the cost of what moved, however many partitions are in it', () => {
    const [few, many] = [200, 2_000].map((count) => {
      const partitions = new Partitions()
      for (let partition = 0; partition < count; partition++) partitions.setStart(partition, 1_000_000)
      let record = 0
      return cost(() => {
        partitions.moveTo(record % count, 1_000_001 + Math.floor(record++ / count))
        partitions.encode()
      }, 1_000)
    })
    expect(times('1,000 ids', few ?? 0, many ?? 0)).toBeLessThan(TIMES_MAX)
  })
})

describe('a pool of segments', () => {
  it('keeps no more idle bytes of large segments than it says, however many sizes came and went', () => {
    const pool = new SegmentPool()
    for (let round = 0; round < 5; round++) {
      const segments = Array.from({ length: 8 }, (_, at) => pool.take((2 << round) * MIB - 100, at + 1))
      for (const segment of segments) pool.give(segment)
    }
    expect(pool.allocatedBytes / MIB).toBeLessThanOrEqual(64)
  })

  it('looks at few of those that are still read, however many there are, and uses each again once it is not', () => {
    const scene = TurnsScene.ofSegments(3_000)
    const segments = [...scene.bus.segments]
    for (const segment of segments) segment.hold()
    scene.bus.recreate()
    const looks = vi.spyOn(Segment.prototype, 'holdCount', 'get')
    scene.pool.take(0, 1)
    console.log(`${looks.mock.calls.length} looks`)
    expect(looks.mock.calls.length).toBeLessThan(500)
    for (const segment of segments) segment.release()
    const { allocatedBytes } = scene.pool
    for (let taken = 0; taken < segments.length; taken++) scene.pool.take(0, 1)
    expect(scene.pool.allocatedBytes).toBe(allocatedBytes)
  })
})
