// What an event id promises, over random records, compactions, losses and clients that move between servers:
// commands.ts has what may happen, ledger.ts what must hold. A failure is told as a story; RESUME_SEED and RESUME_PATH
// in it run it again.

import fc from 'fast-check'
import { describe, it } from 'vitest'
import type { Keeps } from '../../src/bus/record.ts'
import { SegmentPool } from '../../src/segments/segment-pool.ts'
import type { Setting } from './case.ts'
import { type Course, course } from './course.ts'

const pool = new SegmentPool(4096)
/** How many times as many cases as usual are tried, and with what seed. */
const TIMES = Number(process.env.RESUME_TIMES ?? 1)
const { RESUME_SEED, RESUME_PATH, PROPERTY_SEED } = process.env
const SEED = Number(RESUME_SEED ?? PROPERTY_SEED ?? Date.now() & 0x7fffffff)
/** The case of that path alone, with the seed: both stand in what fast-check says of a failure. */
const FROM = { seed: SEED, ...(RESUME_PATH === undefined ? {} : { path: RESUME_PATH }) }
/** So many shorter courses are tried once one has failed, which takes some seconds. */
const SHRINKS_MAX = 3_000

function setting(of: Partial<Setting>): fc.Arbitrary<Setting> {
  return fc
    .record({
      keeps: fc.constant<Keeps>('latest'),
      partitions: fc.integer({ min: 1, max: 4 }),
      retainedSegments: fc.constant(10_000),
      retainedRecordsMax: fc.constant(100_000),
      retainedMsMax: fc.constant<number | null>(null),
      isCleaned: fc.constant(false),
      isMirrored: fc.boolean(),
      isRouted: fc.boolean(),
      isSelected: fc.constant(false),
    })
    .map((made) => ({ ...made, ...of }))
}

async function expectPromiseKept(settings: fc.Arbitrary<Setting>, cases: number): Promise<void> {
  const numRuns = cases * TIMES
  console.log(`${numRuns} cases, seed ${SEED}`)
  let failures = 0
  const isRun = async (course: Course) => {
    // What is left is not tried: it passes.
    if (failures > 0 && ++failures > SHRINKS_MAX) return
    try {
      await course.run(pool)
    } catch (error) {
      failures ||= 1
      throw error
    }
  }
  await fc.assert(fc.asyncProperty(course(settings), isRun), { numRuns, ...FROM })
}

describe('a client that comes back with its id, to any server', { timeout: 180_000 * TIMES }, () => {
  it('has the newest of every key, each record at most once and in order, and is told every gap', async () => {
    await expectPromiseKept(setting({ isCleaned: true }), 4_000)
  })

  it('has every record once where each counts', async () => {
    await expectPromiseKept(setting({ keeps: 'all', isCleaned: true }), 3_000)
  })

  it('is told what a full bus had no room for', async () => {
    await expectPromiseKept(
      fc.oneof(
        setting({ keeps: 'all', retainedSegments: 5, isCleaned: true }),
        setting({ keeps: 'all', retainedRecordsMax: 20 }),
        setting({ keeps: 'all', retainedMsMax: 100 }),
        setting({ retainedSegments: 6, isCleaned: true }),
        setting({ retainedRecordsMax: 20 }),
        setting({ retainedMsMax: 100 }),
      ),
      3_000,
    )
  })
})

describe('a client that selects', { timeout: 180_000 * TIMES }, () => {
  const selected = (of: Partial<Setting>) => setting({ isSelected: true, ...of })

  it('has the newest of its own, each once and in order, no others, and a delete for each key that leaves', async () => {
    await expectPromiseKept(selected({ isCleaned: true }), 5_000)
  })

  it('has each of its own records once where each counts', async () => {
    await expectPromiseKept(selected({ keeps: 'all', isCleaned: true }), 2_500)
  })

  it('is told what a full bus had no room for', async () => {
    await expectPromiseKept(
      fc.oneof(
        selected({ keeps: 'all', retainedSegments: 5, isCleaned: true }),
        selected({ keeps: 'all', retainedRecordsMax: 20 }),
        selected({ keeps: 'all', retainedMsMax: 100 }),
        selected({ retainedSegments: 6, isCleaned: true }),
        selected({ retainedRecordsMax: 20 }),
        selected({ retainedMsMax: 100 }),
      ),
      2_500,
    )
  })
})
