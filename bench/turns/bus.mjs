// The bus alone at its limits: partitions, segments, frames and keys. Each scenario reports its longest turn in CPU ms.
// `node bench/turns/bus.mjs [DIST] [WORDS]` runs those whose names contain the words; DIST is dist/ by default.

import { fileURLToPath } from 'node:url'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { printScenarios, Turns } from './turn.mjs'

const SEGMENTS = 16_000
/** Small, so that the largest number of them fits into any machine. Only their number matters. */
const SMALL_SEGMENT_BYTES = 8 * 1024
/** Records that the Kafka reader takes at most in one turn. Scenarios that do not ask it read this many. */
const BATCH = 256
/** Steps of housekeeping between two reads. */
const STEPS_MAX = 16
const MIB = 1024 * 1024
const SMALL_VALUE = Buffer.from('1')

/** A bus that is fed as the Kafka reader feeds it. */
class Feed {
  constructor(code, options, partitions = 1) {
    this.turns = new Turns()
    this.nowMs = 1_000_000
    this.offsets = new Map()
    this.bus = new code.Bus({
      encoding: 'text',
      keeps: 'latest',
      retainedBytesMax: 16 * 1024 * MIB,
      retainedRecordsMax: 100_000_000,
      retainedMsMax: null,
      deleteRetentionMs: 86_400_000,
      seed: 7,
      now: () => this.nowMs, // older code has one clock for both
      nowMs: () => this.nowMs,
      epochMs: () => this.nowMs,
      ...options,
    })
    for (let partition = 0; partition < partitions; partition++) this.bus.setPartition(partition, 0)
    this.bus.markCaughtUp()
  }

  append(key, value, partition = 0) {
    const offset = this.offsets.get(partition) ?? 0
    this.offsets.set(partition, offset + 1)
    this.bus.append({ partition, offset, timestampMs: this.nowMs, key, value, headers: [] })
  }

  /** A read of `records` and the housekeeping after it, each step in its own turn. Returns how long the read took. */
  read(records, one) {
    const beganMs = performance.now()
    this.turns.take(() => {
      for (let record = 0; record < records; record++) one(record)
      this.bus.publish()
    })
    const tookMs = performance.now() - beganMs
    this.maintain(STEPS_MAX)
    return tookMs
  }

  /** Reads this number of records as the Kafka reader does: in each turn as many as `size` asks for. */
  readAll(records, size, one) {
    for (let done = 0; done < records; ) {
      const asked = size.records
      const tookMs = this.read(asked, (record) => one(done + record))
      size.note(asked, asked * SMALL_VALUE.length, tookMs)
      done += asked
    }
  }

  /** Appends this number of records, without measuring. */
  load(records, one) {
    for (let record = 0; record < records; record++) {
      one(record)
      if (record % BATCH === 0) this.bus.publish()
      if (record % BATCH === 0) this.bus.maintain(this.nowMs, this.nowMs)
    }
    this.bus.publish()
  }

  maintain(stepsMax = Number.POSITIVE_INFINITY) {
    for (let step = 0; step < stepsMax; step++)
      if (!this.turns.take(() => this.bus.maintain(this.nowMs, this.nowMs))) break
  }

  result(details = '') {
    const { longestTurnMs } = this.turns
    return { longestTurnMs, details }
  }
}

async function load(dist) {
  const folder = dist.endsWith('/') ? dist : `${dist}/`
  const from = (file) => import(new URL(`src/${file}`, new URL(folder, `file://${process.cwd()}/`)).href)
  const [{ Bus }, { BatchSize }, { SegmentPool }, { BusReporter }, { BusMirror }] = await Promise.all([
    from('bus/bus.js'),
    from('../plugins/kafka/client/batch-size.js'),
    from('segments/segment-pool.js'),
    from('threads/bus-reporter.js'),
    from('threads/bus-mirror.js'),
  ])
  return { Bus, BatchSize, SegmentPool, BusReporter, BusMirror }
}

/** A bus with the largest number of segments, one frame in each. */
function manySegments(code, options = {}) {
  const pool = new code.SegmentPool(SMALL_SEGMENT_BYTES)
  const feed = new Feed(code, { pool, keeps: 'all', ...options })
  const value = Buffer.alloc(SMALL_SEGMENT_BYTES - 600, 'x')
  for (let segment = 0; segment < SEGMENTS; segment++) feed.append(Buffer.from(`key ${segment}`), value)
  feed.bus.publish()
  return { feed, pool, value }
}

function key(number) {
  return Buffer.from(`key ${number}`)
}

/** Tells a worker everything, and measures the cost of each message on both sides. */
function tell(turns, reporter, mirror, { nextSequence }) {
  const { port1, port2 } = new MessageChannel()
  for (let messages = 1; ; messages++) {
    turns.take(() => port1.postMessage(reporter.takeUpdate()))
    turns.take(() => mirror.receive(receiveMessageOnPort(port2).message))
    if (mirror.nextSequence === nextSequence || messages === 1_000) {
      port1.close()
      return messages
    }
  }
}

export const scenarios = [
  {
    name: 'records deleted before they were read, 64 partitions in one comparison, 1,000,000 frames',
    async run(dist) {
      const feed = new Feed(await load(dist), { keeps: 'all' }, 64)
      feed.load(1_000_000, (record) => feed.append(null, SMALL_VALUE, record % 64))
      feed.turns.take(() => {
        for (let partition = 0; partition < 64; partition++) feed.bus.skip(partition, 1_000_000)
      })
      feed.maintain()
      return feed.result(`${feed.turns.turns - 1} steps`)
    },
  },
  {
    name: 'at the bound of records, 200,000 of 1 KB, as many superseded',
    run: (dist) => atRecordsBound(dist, 200_000, 1_000),
  },
  {
    name: 'at the bound of records, 1,000,000 of 500 B, as many superseded',
    run: (dist) => atRecordsBound(dist, 1_000_000, 500),
  },
  {
    name: 'at the bound of bytes, the smallest frames, each with a key of its own',
    async run(dist) {
      const feed = new Feed(await load(dist), { retainedBytesMax: 64 * MIB })
      feed.load(1_200_000, (record) => feed.append(key(record), SMALL_VALUE))
      for (let read = 0; read < 500; read++)
        feed.read(BATCH, (record) => feed.append(key(`${read} ${record}`), SMALL_VALUE))
      return feed.result(`${feed.bus.retainedRecords} records`)
    },
  },
  {
    name: 'at the bound of bytes, the smallest frames, and one of 16 MiB comes',
    async run(dist) {
      const feed = new Feed(await load(dist), { keeps: 'all', retainedBytesMax: 128 * MIB })
      feed.load(3_000_000, () => feed.append(null, SMALL_VALUE))
      const large = Buffer.alloc(16 * MIB - 100, 'x')
      for (let read = 0; read < 3; read++) {
        feed.read(BATCH, () => feed.append(null, SMALL_VALUE))
        feed.read(1, () => feed.append(null, large))
      }
      return feed.result()
    },
  },
  {
    name: 'compaction of the smallest frames, two of three superseded',
    async run(dist) {
      const feed = new Feed(await load(dist), { retainedBytesMax: 256 * MIB })
      for (let record = 0; record < 3_000_000; record++)
        feed.append(key(record % 3 === 0 ? record : 'hot'), SMALL_VALUE)
      feed.bus.publish()
      feed.maintain()
      return feed.result(`${feed.turns.turns} steps`)
    },
  },
  {
    name: 'tombstones that had their time, the smallest frames',
    async run(dist) {
      const feed = new Feed(await load(dist), {})
      for (let record = 0; record < 500_000; record++) feed.append(key(record), null)
      feed.bus.publish()
      feed.nowMs += 86_400_001
      feed.maintain()
      return feed.result(`${feed.turns.turns} steps`)
    },
  },
  {
    name: 'a read of one record, 16,000 segments',
    async run(dist) {
      const { feed } = manySegments(await load(dist))
      for (let read = 0; read < 300; read++) feed.read(1, () => feed.append(null, SMALL_VALUE))
      return feed.result()
    },
  },
  {
    name: 'a read that begins a segment, 16,000 segments, the newest of each key kept',
    async run(dist) {
      const { feed, value } = manySegments(await load(dist), { keeps: 'latest' })
      for (let read = 0; read < 300; read++) feed.read(1, () => feed.append(key(`new ${read}`), value))
      return feed.result()
    },
  },
  {
    name: 'a read that begins a segment, at the bound of 16,000 segments',
    async run(dist) {
      const bound = { retainedBytesMax: SEGMENTS * SMALL_SEGMENT_BYTES }
      const { feed, value } = manySegments(await load(dist), bound)
      for (let read = 0; read < 300; read++) feed.read(1, () => feed.append(null, value))
      return feed.result()
    },
  },
  {
    name: 'a worker is told of a record, 16,000 segments',
    async run(dist) {
      const code = await load(dist)
      const { feed } = manySegments(code)
      const [reporter, mirror] = [new code.BusReporter(feed.bus), new code.BusMirror(1)]
      tell(new Turns(), reporter, mirror, feed.bus)
      for (let read = 0; read < 300; read++) {
        feed.append(null, SMALL_VALUE)
        feed.bus.publish()
        tell(feed.turns, reporter, mirror, feed.bus)
      }
      return feed.result()
    },
  },
  {
    name: 'a new worker is told of 16,000 segments',
    async run(dist) {
      const code = await load(dist)
      const { feed } = manySegments(code)
      const messages = tell(feed.turns, new code.BusReporter(feed.bus), new code.BusMirror(1), feed.bus)
      return feed.result(`${messages} messages`)
    },
  },
  {
    name: 'a worker dies, 16,000 segments',
    async run(dist) {
      const { feed } = manySegments(await load(dist))
      feed.turns.take(() => feed.bus.releaseThread(1))
      return feed.result()
    },
  },
  {
    name: 'the topic is recreated, 16,000 segments',
    async run(dist) {
      const { feed, value } = manySegments(await load(dist))
      feed.turns.take(() => feed.bus.recreate())
      feed.turns.take(() => {
        feed.bus.setPartition(0, 0)
        feed.offsets.clear()
        for (let record = 0; record < BATCH; record++) feed.append(null, value)
        feed.bus.publish()
      })
      feed.maintain()
      return feed.result()
    },
  },
  {
    name: 'slow clients hold 16,000 segments that were let go, a new one is begun',
    async run(dist) {
      const { feed, pool, value } = manySegments(await load(dist))
      for (const segment of feed.bus.segments) segment.hold()
      feed.bus.recreate()
      feed.maintain()
      feed.offsets.clear()
      feed.turns.longestTurnMs = 0
      for (let read = 0; read < 300; read++) feed.read(1, () => feed.append(null, value))
      return feed.result(`${pool.allocatedBytes / SMALL_SEGMENT_BYTES} segments`)
    },
  },
  {
    name: '10,000 partitions are declared',
    async run(dist) {
      const feed = new Feed(await load(dist), {}, 0)
      feed.turns.take(() => {
        for (let partition = 0; partition < 10_000; partition++) feed.bus.setPartition(partition, 0)
      })
      return feed.result()
    },
  },
  ...[64, 1_000, 10_000].map((partitions) => ({
    name: `reads of ${(20 * BATCH).toLocaleString('en')} records, ${partitions.toLocaleString('en')} partitions`,
    async run(dist) {
      const code = await load(dist)
      const feed = new Feed(code, { keeps: 'all', retainedBytesMax: 64 * MIB }, partitions)
      const size = new code.BatchSize()
      feed.readAll(20 * BATCH, size, (record) => feed.append(null, SMALL_VALUE, record % partitions))
      return feed.result(`${size.records} records a turn at the end`)
    },
  })),
  {
    name: 'the index grows to 5,000,000 keys',
    async run(dist) {
      const feed = new Feed(await load(dist), {})
      for (let record = 0; record < 5_000_000; record += BATCH)
        feed.read(BATCH, (at) => feed.append(key(record + at), SMALL_VALUE))
      return feed.result(`${feed.bus.keys} keys`)
    },
  },
  {
    name: 'idle segments of large frames, bound 64 MiB',
    async run(dist) {
      const { SegmentPool } = await load(dist)
      const [pool, turns] = [new SegmentPool(), new Turns()]
      for (let round = 0; round < 5; round++) {
        const segments = Array.from({ length: 8 }, (_, at) => pool.take((2 << round) * MIB - 100, at + 1))
        turns.take(() => {
          for (const segment of segments) pool.give(segment)
        })
      }
      return { longestTurnMs: turns.longestTurnMs, details: `${pool.allocatedBytes / MIB} MiB kept` }
    },
  },
]

async function atRecordsBound(dist, records, valueBytes) {
  const options = { retainedRecordsMax: records, retainedBytesMax: 4 * 1024 * MIB }
  const feed = new Feed(await load(dist), options)
  const value = Buffer.alloc(valueBytes, 'x')
  feed.load(2 * records, (record) => feed.append(key(record % 2 === 0 ? 'hot' : record), value))
  for (let read = 0; read < 200; read++)
    feed.read(BATCH, (record) => feed.append(key(`new ${read} ${record}`), value))
  return feed.result(`${feed.bus.retainedRecords} records`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [dist = fileURLToPath(new URL('../../dist', import.meta.url)), words = ''] = process.argv.slice(2)
  await printScenarios(
    scenarios.filter(({ name }) => name.includes(words)),
    dist,
  )
}
