// Where a stream begins that asks for what comes from now on, or whose id is ahead: beginnings alone, without streams.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Beginning, type Outcome } from '../../../src/beginning/beginning.ts'
import {
  type Begun,
  FROM_EARLIEST,
  type RequestedBeginning,
} from '../../../src/beginning/requested-beginning.ts'
import { formatEventId } from '../../../src/bus/event-id.ts'
import type { Watermarks } from '../../../src/bus/record.ts'
import { SharedAnswer } from '../../../src/bus/shared-answer.ts'
import { SegmentPool } from '../../../src/segments/segment-pool.ts'
import { BusMirror } from '../../../src/threads/bus-mirror.ts'
import { BusReporter } from '../../../src/threads/bus-reporter.ts'
import { StreamReader } from '../../support/stream-reader.ts'
import { recordOf, TopicInMemory } from '../../support/topic-in-memory.ts'

const LATEST: Partial<RequestedBeginning> = { from: 'latest' }
const HOUR_MS = 3_600_000
const KEPT = { keeps: 'all', retainedRecordsMax: 5, pool: new SegmentPool(256) } as const

beforeEach(() => {
  vi.useFakeTimers({ now: 1_700_000_000_000 })
})
afterEach(() => {
  vi.useRealTimers()
})

/** A topic that a bus, or a worker's mirror of one, is reading, and the beginnings of its streams. */
class Scene {
  readonly topic: TopicInMemory
  nowMs = 1_000
  /** Records of partition 0 below this offset are an hour old. */
  oldBelow = 0
  private readonly reporter: BusReporter
  private readonly mirror: BusMirror | null
  private readonly closing = new AbortController()

  constructor(topic: TopicInMemory, isMirrored = false) {
    this.topic = topic
    this.reporter = new BusReporter(topic.bus)
    this.mirror = isMirrored ? new BusMirror(1) : null
    topic.bus.caughtUp = false
    this.report()
  }

  begin(requested: Partial<RequestedBeginning>): Beginning {
    const { mirror, topic, nowMs } = this
    return new Beginning({
      topic: {
        name: topic.name,
        encoding: topic.encoding,
        bus: mirror ?? topic.bus,
        watermarks: (signal) => topic.watermarks(signal),
      },
      requested: { ...FROM_EARLIEST, ...requested },
      answers: new SharedAnswer(() => topic.watermarks(this.closing.signal)),
      waiter: { answered: () => {} },
      clock: { nowMs: () => nowMs, epochMs: Date.now },
    })
  }

  /** A look, what Kafka answers to it, and another look. */
  async look(start: Beginning): Promise<Outcome> {
    start.look(this.nowMs)
    await vi.advanceTimersByTimeAsync(1)
    this.report()
    return start.look(this.nowMs)
  }

  /** The records in partition 0 from `from` to below `to`. */
  produce(from: number, to: number, prefix = ''): void {
    for (let offset = from; offset < to; offset++)
      this.append(offset, `${prefix}${offset}`, offset < this.oldBelow ? -HOUR_MS : 0)
    this.topic.bus.publish()
  }

  /** A record whose timestamp is so much later than now. */
  append(offset: number, value: string, laterMs: number, partition = 0): void {
    this.topic.bus.append({ ...recordOf(offset, value, null, partition), timestampMs: Date.now() + laterMs })
  }

  catchUp(): void {
    this.topic.bus.markCaughtUp()
    this.report()
  }

  report(): void {
    this.mirror?.receive(structuredClone(this.reporter.news()))
  }
}

function marks(...ends: number[]): Record<number, Watermarks> {
  return Object.fromEntries(ends.map((end, partition) => [partition, { start: 0, end }]))
}

function begun(beginning: Outcome): Begun {
  if (typeof beginning !== 'object' || 'end' in beginning) throw new Error(`no beginning: ${beginning}`)
  return beginning
}

function records({ cursor }: Begun): string[] {
  const reader = new StreamReader()
  for (let bytes = cursor.read(100_000); bytes !== null; bytes = cursor.read(100_000)) reader.feed(bytes)
  return reader.records
}

describe.each([false, true])('from=latest before the bus has caught up (in a worker: %s)', (isMirrored) => {
  /** At the request partition 0 ends at `end`. */
  const asked = async (topic: TopicInMemory, end: number) => {
    const scene = new Scene(topic, isMirrored)
    topic.answer(marks(end))
    const start = scene.begin(LATEST)
    expect(await scene.look(start)).toBe('catch-up')
    scene.oldBelow = end
    return { scene, start }
  }

  it('is told too-old where there was no room for a record after the request', async () => {
    const { scene, start } = await asked(new TopicInMemory(0, KEPT), 2)
    scene.produce(0, 30)
    scene.catchUp()
    const beginning = begun(await scene.look(start))
    expect(beginning.reason).toBe('too-old')
    expect(records(beginning)).not.toContain('2')
    expect(records(beginning)).toEqual([])
  })

  it('is told so of a partition, too, that was empty at the request', async () => {
    const { scene, start } = await asked(new TopicInMemory(1, KEPT), 0)
    scene.produce(0, 30)
    scene.catchUp()
    expect(begun(await scene.look(start)).reason).toBe('too-old')
  })

  it('is told so where the reading of a partition begins behind its end as of the request', async () => {
    const { scene, start } = await asked(new TopicInMemory(0, KEPT), 5)
    scene.topic.bus.setPartition(0, 20)
    scene.produce(20, 22)
    scene.catchUp()
    const beginning = begun(await scene.look(start))
    expect(beginning.reason).toBe('too-old')
    expect(records(beginning)).toEqual(['20', '21'])
  })

  it('is told so where Kafka deleted a record after the request, read or not', async () => {
    for (const isRead of [true, false]) {
      const { scene, start } = await asked(new TopicInMemory(0, { keeps: 'all' }), 5)
      scene.produce(0, 5)
      if (isRead) {
        scene.produce(5, 8)
        scene.topic.bus.trim(0, 6)
        while (scene.topic.bus.maintain(Date.now()));
      } else scene.topic.bus.skip(0, 6)
      scene.catchUp()
      expect(begun(await scene.look(start)).reason).toBe('too-old')
    }
  })

  it('is told nothing where all that is gone came before the request', async () => {
    const { scene, start } = await asked(new TopicInMemory(0, KEPT), 28)
    scene.produce(0, 30)
    scene.catchUp()
    const beginning = begun(await scene.look(start))
    expect(beginning.reason).toBeNull()
    expect(records(beginning)).toEqual(['28', '29'])
  })

  it('is told nothing where the log begins behind the request, and no record that was there is lacking', async () => {
    const { scene, start } = await asked(new TopicInMemory(0), 2)
    const { bus } = scene.topic
    bus.setPartition(0, 0)
    scene.produce(0, 2)
    bus.advance(0, 4) // two control records
    scene.produce(4, 5)
    bus.trim(0, 4)
    scene.catchUp()
    const beginning = begun(await scene.look(start))
    expect(beginning.reason).toBeNull()
    expect(records(beginning)).toEqual(['4'])
  })

  it('is told deletes-dropped where a tombstone after the request had its time', async () => {
    const { scene, start } = await asked(new TopicInMemory(0, { deleteRetentionMs: 50 }), 1)
    const { bus } = scene.topic
    scene.produce(0, 1)
    bus.append(recordOf(1, 'value', 'key', 0))
    bus.append(recordOf(2, null, 'key', 0))
    bus.publish()
    vi.advanceTimersByTime(100)
    while (bus.maintain(Date.now()));
    scene.catchUp()
    expect(begun(await scene.look(start)).reason).toBe('deletes-dropped')
  })

  it('is told nothing of offsets without a record that may have been tombstones before the request', async () => {
    const { scene, start } = await asked(new TopicInMemory(0), 4)
    const { bus } = scene.topic
    bus.append({ ...recordOf(0, 'old', 'key', 0), timestampMs: 1 })
    bus.append(recordOf(4, 'new', 'key', 0))
    bus.publish()
    scene.catchUp()
    const beginning = begun(await scene.look(start))
    expect(beginning.reason).toBeNull()
    expect(records(beginning)).toEqual(['new'])
  })

  it('begins where the end was first told, whatever is told while another leader is silent', async () => {
    const topic = new TopicInMemory(0)
    const scene = new Scene(topic, isMirrored)
    topic.answer({ ...marks(1), 1: null })
    const start = scene.begin(LATEST)
    expect(await scene.look(start)).toBe('call')
    scene.nowMs += 2_000
    topic.answer(marks(3, 0))
    expect(await scene.look(start)).toBe('catch-up')
    scene.oldBelow = 3 // by the producer's clock, which is wrong
    scene.produce(0, 3)
    scene.catchUp()
    expect(records(begun(await scene.look(start)))).toEqual(['1', '2'])
  })

  it('begins at the beginning of a topic that was made anew while it waited', async () => {
    const { scene, start } = await asked(new TopicInMemory(0), 2)
    scene.topic.bus.recreate()
    scene.topic.bus.setPartition(0, 0)
    scene.produce(0, 3, 'new ')
    scene.catchUp()
    expect(records(begun(await scene.look(start)))).toEqual(['new 0', 'new 1', 'new 2'])
  })
})

/** How a client may ask for what comes from now on; its clock may be ahead. */
const FROM_NOW: Record<string, () => Partial<RequestedBeginning>> = {
  'from=latest': () => LATEST,
  'since in the future': () => ({ sinceMs: Date.now() + 1 }),
  'an offset of -1': () => ({ id: formatEventId(new Map([[0, -1]])) }),
}
const ASKED = Object.keys(FROM_NOW).flatMap((name) =>
  [false, true].map((isMirrored) => ({ name, isMirrored })),
)

describe.each(ASKED)(
  '$name, before the bus has caught up (in a worker: $isMirrored)',
  ({ name, isMirrored }) => {
    const requested = () => FROM_NOW[name]?.() ?? {}
    /** What comes once all is read, a turn after another. */
    const comes = async (scene: Scene, start: Beginning) => {
      scene.catchUp()
      let outcome = await scene.look(start)
      for (let turns = 0; outcome === 'turn' && turns < 100; turns++) outcome = start.look(scene.nowMs)
      return { reason: begun(outcome).reason, records: records(begun(outcome)) }
    }

    it('begins no later than the end that was told before the request, whatever is told after it', async () => {
      const scene = new Scene(new TopicInMemory(0), isMirrored)
      scene.topic.bus.setPartition(0, 0, 2)
      scene.report()
      const start = scene.begin(requested())
      scene.topic.answer(marks(4))
      scene.oldBelow = 4
      scene.produce(0, 5)
      expect(await comes(scene, start)).toEqual({ reason: null, records: ['2', '3', '4'] })
    })

    it('gets a record of after the request that lies below the first end which Kafka tells', async () => {
      const scene = new Scene(new TopicInMemory(0), isMirrored)
      const start = scene.begin(requested())
      await scene.look(start)
      scene.append(0, 'an hour before', -HOUR_MS)
      scene.append(1, 'just before', -1_010)
      vi.advanceTimersByTime(300)
      scene.append(2, 'after, by a late clock', -1_300)
      scene.append(3, 'after', -5_000)
      scene.topic.answer(marks(4))
      expect(await comes(scene, start)).toEqual({
        reason: null,
        records: ['after, by a late clock', 'after'],
      })
    })

    it('gets all of a topic that came after the request', async () => {
      const scene = new Scene(new TopicInMemory(0), isMirrored)
      const start = scene.begin(requested())
      await scene.look(start)
      vi.advanceTimersByTime(300)
      scene.produce(0, 3)
      scene.topic.answer(marks(3))
      expect(await comes(scene, start)).toEqual({ reason: null, records: ['0', '1', '2'] })
    })

    it('gets what came after the request while the topic is read again', async () => {
      const scene = new Scene(new TopicInMemory(1), isMirrored)
      scene.oldBelow = 3
      scene.produce(0, 3)
      scene.topic.bus.startOver()
      scene.report()
      const start = scene.begin(requested())
      scene.topic.answer(marks(5))
      scene.produce(0, 5)
      expect(await comes(scene, start)).toEqual({ reason: null, records: ['3', '4'] })
    })

    it('gets what was not read up to the end that was told, since it may have come after the request', async () => {
      const scene = new Scene(new TopicInMemory(0), isMirrored)
      const start = scene.begin(requested())
      scene.topic.answer(marks(4))
      await scene.look(start)
      scene.oldBelow = 2
      scene.produce(0, 2)
      scene.catchUp()
      let outcome = await scene.look(start)
      while (outcome === 'turn') outcome = start.look(scene.nowMs)
      scene.produce(2, 5)
      scene.report()
      expect(records(begun(outcome))).toEqual(['2', '3', '4'])
    })

    it('is told too-old where there was no room for what may have come after the request, by its timestamp', async () => {
      for (const oldBelow of [20, 28]) {
        const scene = new Scene(new TopicInMemory(0, KEPT), isMirrored)
        const start = scene.begin(requested())
        scene.topic.answer(marks(30))
        await scene.look(start)
        scene.oldBelow = oldBelow
        scene.produce(0, 30)
        const { reason, records } = await comes(scene, start)
        if (oldBelow === 20) expect(reason).toBe('too-old')
        else expect({ reason, records }).toEqual({ reason: null, records: ['28', '29'] })
      }
    })
  },
)

describe('a moment that is past, of a request before the bus has caught up', () => {
  it('is that moment, and no later than a second before the request: a producer may have a late clock', async () => {
    for (const [agoMs, expected] of [
      [60_000, ['a minute ago', 'less', 'later']],
      [0, ['less', 'later']],
    ] as const) {
      const scene = new Scene(new TopicInMemory(0))
      const start = scene.begin({ sinceMs: Date.now() - agoMs })
      scene.append(0, 'before', -HOUR_MS)
      scene.append(1, 'a minute ago', -60_000)
      scene.append(2, 'less', -900)
      scene.append(3, 'later', 0)
      scene.catchUp()
      expect(records(begun(await scene.look(start)))).toEqual(expected)
    }
  })
})

describe.each([false, true])('from=latest while a leader is silent (in a worker: %s)', (isMirrored) => {
  const SILENT_MS = 10_000
  const silent = (topic: TopicInMemory) => {
    topic.answer({ 0: null })
    return new Scene(topic, isMirrored)
  }

  it('passes over what Kafka told when the reading began, also where the leader fell silent meanwhile', async () => {
    for (const asksEarly of [true, false]) {
      const scene = silent(new TopicInMemory(0))
      scene.topic.bus.setPartition(0, 0, 5)
      scene.produce(0, 2)
      scene.report()
      let start = scene.begin(LATEST)
      expect(await scene.look(start)).toBe('catch-up')
      scene.nowMs += SILENT_MS
      scene.catchUp()
      if (!asksEarly) start = scene.begin(LATEST)
      const beginning = begun(await scene.look(start))
      scene.produce(2, 7)
      scene.report()
      expect(records(beginning)).toEqual(['5', '6'])
    }
  })

  it('passes it over for an offset of -1, too, and asks nothing of what was told', async () => {
    const scene = silent(new TopicInMemory(0))
    scene.topic.bus.setPartition(0, 0, 5)
    scene.produce(0, 2)
    scene.catchUp()
    const beginning = begun(await scene.look(scene.begin({ id: formatEventId(new Map([[0, -1]])) })))
    scene.produce(2, 7)
    scene.report()
    expect(records(beginning)).toEqual(['5', '6'])
  })

  it('passes over nothing once the log has turned out to be shorter', async () => {
    const scene = silent(new TopicInMemory(0))
    const { bus } = scene.topic
    bus.setPartition(0, 0, 5)
    scene.produce(0, 2)
    scene.report()
    bus.advance(0, 2)
    scene.catchUp()
    const beginning = begun(await scene.look(scene.begin(LATEST)))
    scene.produce(2, 4)
    scene.report()
    expect(records(beginning)).toEqual(['2', '3'])
  })

  it('gets a partition of which Kafka never told an end from its beginning: no later word tells what came after the request', async () => {
    for (const asksEarly of [true, false]) {
      const scene = silent(new TopicInMemory(0))
      if (!asksEarly) scene.topic.bus.setPartition(0, -2)
      if (!asksEarly) scene.catchUp()
      const start = scene.begin(LATEST)
      await scene.look(start)
      scene.nowMs += SILENT_MS
      if (asksEarly) scene.topic.bus.setPartition(0, -2)
      scene.catchUp()
      const beginning = begun(await scene.look(start))
      expect([records(beginning), beginning.cursor.id()]).toEqual([[], formatEventId(new Map([[0, -2]]))])
      // Two came before the request. The leader is back, and tells an end behind what was written meanwhile, by a late clock.
      scene.topic.bus.setPartition(0, 0, 4)
      for (const [offset, value] of [
        'before',
        'before, too',
        'after',
        'after, with an early timestamp',
      ].entries())
        scene.topic.bus.append({ ...recordOf(offset, value, null, 0), timestampMs: 1_000 * (9 - offset) })
      scene.topic.bus.publish()
      scene.report()
      const got = records(beginning)
      expect(got).toEqual(['before', 'before, too', 'after', 'after, with an early timestamp'])
    }
  })
})

describe('an id with an offset of -1', () => {
  const id = formatEventId(
    new Map([
      [0, -1],
      [1, 1],
    ]),
  )
  const recreate = (scene: Scene) => {
    scene.topic.bus.recreate()
    scene.topic.answer(marks(3, 1))
    for (const partition of [0, 1]) scene.topic.bus.setPartition(partition, 0)
    scene.produce(0, 3, 'new ')
    scene.topic.bus.append(recordOf(0, 'new other', null, 1))
    scene.catchUp()
  }

  it('begins at the beginning of that partition where the topic was made anew while it waited', async () => {
    const scene = new Scene(new TopicInMemory(2))
    scene.produce(0, 2, 'old ')
    scene.catchUp()
    scene.topic.answer({ 0: { start: 0, end: 2 }, 1: null }) // 1 is where it waits: nothing is read of it
    const start = scene.begin({ id })
    expect(await scene.look(start)).toBe('publish')
    recreate(scene)
    const beginning = begun(await scene.look(start))
    expect(beginning.reason).toBeNull()
    expect(records(beginning)).toEqual(['new 0', 'new 1', 'new 2'])
  })

  it('does so, too, where the bus had yet to catch up', async () => {
    const scene = new Scene(new TopicInMemory(2))
    scene.topic.answer(marks(2, 1))
    const start = scene.begin({ id })
    expect(await scene.look(start)).toBe('catch-up')
    recreate(scene)
    expect(records(begun(await scene.look(start)))).toEqual(['new 0', 'new 1', 'new 2'])
  })

  it('is not held against Kafka again, whose own word it is, where the topic is made anew by then', async () => {
    const scene = new Scene(new TopicInMemory(2))
    scene.topic.answer(marks(2, 1))
    const start = scene.begin({ id })
    expect(await scene.look(start)).toBe('catch-up')
    scene.topic.bus.append(recordOf(0, 'had', null, 1))
    scene.topic.answer(marks(0, 0)) // of another topic, of which the bus has yet to hear
    scene.catchUp()
    expect(begun(await scene.look(start)).reason).toBeNull()
  })

  it('means the end as of the request where the bus had yet to catch up', async () => {
    const scene = new Scene(new TopicInMemory(0))
    scene.oldBelow = 2
    scene.topic.answer(marks(2, 1))
    const start = scene.begin({ id })
    expect(await scene.look(start)).toBe('catch-up')
    scene.produce(0, 5)
    scene.topic.bus.append(recordOf(0, 'had', null, 1))
    scene.topic.answer(marks(5, 1))
    scene.catchUp()
    const beginning = begun(await scene.look(start))
    expect(beginning.reason).toBeNull()
    expect(records(beginning)).toEqual(['2', '3', '4'])
  })
})

describe('an id with an offset of -1, of which records are lost', () => {
  const id = formatEventId(new Map([[0, -1]]))
  const begin = async (end: number) => {
    const scene = new Scene(new TopicInMemory(0, KEPT))
    scene.oldBelow = end
    scene.topic.answer(marks(end))
    const start = scene.begin({ id })
    expect(await scene.look(start)).toBe('catch-up')
    scene.produce(0, 30)
    scene.catchUp()
    return begun(await scene.look(start))
  }

  it('is told too-old where they came after the request, be it to an empty partition', async () => {
    for (const end of [0, 2]) expect((await begin(end)).reason).toBe('too-old')
  })

  it('is told nothing where they came before it', async () => {
    const beginning = await begin(28)
    expect(beginning.reason).toBeNull()
    expect(records(beginning)).toEqual(['28', '29'])
  })
})

describe('an id ahead in a partition that a list of Kafka lacks', () => {
  const id = formatEventId(
    new Map([
      [0, 0],
      [1, 1],
    ]),
  )
  const waiting = async (caughtUpMs = 0) => {
    const scene = new Scene(new TopicInMemory(1))
    const start = scene.begin({ id })
    scene.nowMs += caughtUpMs
    scene.catchUp()
    scene.topic.answer(marks(0))
    expect(await scene.look(start)).toBe('publish')
    return { scene, start }
  }

  it('is no gap where the next list has it', async () => {
    const { scene, start } = await waiting()
    scene.nowMs += 1_500
    scene.topic.answer(marks(0, 3))
    expect(begun(await scene.look(start))).toMatchObject({ reason: null, doubt: null })
  })

  it('is beyond-end where the next list, asked for later, lacks it as well', async () => {
    const { scene, start } = await waiting()
    scene.nowMs += 1_500
    expect(begun(await scene.look(start)).reason).toBe('beyond-end')
  })

  it('waits for the second list also where the bus has caught up late, for no more than 2 s', async () => {
    const { scene, start } = await waiting(60_000)
    scene.nowMs += 1_500
    expect(begun(await scene.look(start)).reason).toBe('beyond-end')
    const { scene: other, start: unanswered } = await waiting(60_000)
    other.topic.marks = null
    other.nowMs += 1_999
    expect(await other.look(unanswered)).toBe('publish')
    other.nowMs += 1
    const { reason, doubt } = begun(await other.look(unanswered))
    expect([reason, doubt === null]).toEqual([null, false])
  })
})
