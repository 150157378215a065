// The promise of an event id, tried on random courses: what the tests of this folder share. Each says which settings
// its courses have. A failure is told as a story; RESUME_SEED and RESUME_PATH in it run it again.

import fc from 'fast-check'
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

/** Of one test. */
export const PROMISE_TIMEOUT_MS = 120_000 * TIMES

export function setting(of: Partial<Setting>): fc.Arbitrary<Setting> {
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

/** Settings under which a bus is full, or keeps records for a short time only. */
export function narrowSetting(of: Partial<Setting> = {}): fc.Arbitrary<Setting> {
  const narrow = (more: Partial<Setting>) => setting({ ...of, ...more })
  return fc.oneof(
    narrow({ keeps: 'all', retainedSegments: 5, isCleaned: true }),
    narrow({ keeps: 'all', retainedRecordsMax: 20 }),
    narrow({ keeps: 'all', retainedMsMax: 100 }),
    narrow({ retainedSegments: 6, isCleaned: true }),
    narrow({ retainedRecordsMax: 20 }),
    narrow({ retainedMsMax: 100 }),
  )
}

export async function expectPromiseKept(settings: fc.Arbitrary<Setting>, cases: number): Promise<void> {
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
