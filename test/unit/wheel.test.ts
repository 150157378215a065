import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Timed, Wheel } from '../../src/wheel.ts'

const START_MS = 1_700_000_000_013
const TICK_MS = 50
/** One round of the wheel: entries due later than this share slots with earlier ones. */
const ROUND_MS = 512 * TICK_MS

class Entry implements Timed {
  dueAtMs = Number.POSITIVE_INFINITY
  slot = -1
  firedAtMs: number[] = []
}

describe('the wheel of deadlines', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: START_MS })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  function wheelOf(onFired: (entry: Entry) => void = () => {}): Wheel<Entry> {
    return new Wheel<Entry>((entry) => {
      entry.firedAtMs.push(Date.now())
      onFired(entry)
    })
  }

  function schedule(wheel: Wheel<Entry>, entry: Entry, inMs: number): void {
    entry.dueAtMs = Date.now() + inMs
    wheel.schedule(entry)
  }

  const step = fc.record({
    kind: fc.constantFrom('schedule', 'schedule', 'cancel', 'pass', 'pass', 'hold up'),
    entry: fc.nat(9),
    ms: fc.oneof(fc.integer({ min: -100, max: 200 }), fc.nat(3 * ROUND_MS)),
  })

  it('meets every deadline once, never early and at most two ticks late, held up or not', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        vi.clearAllTimers() // those of a run that failed
        const wheel = wheelOf()
        const entries = Array.from({ length: 10 }, () => new Entry())
        /** From when on each is to be met, however long ago it was due; those that are not waiting stand at Infinity. */
        const dueAtMs = entries.map(() => Number.POSITIVE_INFINITY)
        const check = () => {
          for (const [i, entry] of entries.entries()) {
            const [firedAtMs, ...more] = entry.firedAtMs.splice(0)
            if (more.length > 0) throw new Error('met twice')
            const due = dueAtMs[i] ?? 0
            if (firedAtMs !== undefined) {
              if (firedAtMs < due) throw new Error(`${due - firedAtMs} ms early, or not waited for`)
              dueAtMs[i] = Number.POSITIVE_INFINITY
            } else if (Date.now() > due + 2 * TICK_MS) throw new Error(`${Date.now() - due} ms late`)
          }
        }
        for (const { kind, entry: i, ms } of steps) {
          const entry = entries[i]
          if (entry === undefined) continue
          if (kind === 'schedule') {
            schedule(wheel, entry, ms)
            dueAtMs[i] = Math.max(entry.dueAtMs, Date.now())
          } else if (kind === 'cancel') {
            wheel.cancel(entry)
            dueAtMs[i] = Number.POSITIVE_INFINITY
          } else if (kind === 'pass') pass(Math.abs(ms), check)
          else {
            vi.setSystemTime(Date.now() + Math.abs(ms)) // no timer runs meanwhile
            pass(2 * TICK_MS, () => {})
            check()
          }
        }
        for (const entry of entries) wheel.cancel(entry)
        if (vi.getTimerCount() > 0) throw new Error('a wheel without entries keeps its timer')
      }),
      { numRuns: 200 },
    )
  })

  it('keeps no timer while nothing waits, nor for what is never due', () => {
    const wheel = wheelOf()
    const entry = new Entry()
    wheel.schedule(entry)
    expect(vi.getTimerCount()).toBe(0)
    schedule(wheel, entry, 10)
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(2 * TICK_MS)
    expect(entry.firedAtMs).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('gives an entry that is due again at once its turn at the next tick, also after a round was missed', () => {
    const wheel = wheelOf((entry) => {
      if (entry.firedAtMs.length > 1000) throw new Error('never comes to an end')
      wheel.schedule(entry)
    })
    const entries = Array.from({ length: 600 }, () => new Entry())
    for (const [i, entry] of entries.entries()) schedule(wheel, entry, i * TICK_MS)
    vi.setSystemTime(Date.now() + 3 * ROUND_MS)
    vi.advanceTimersByTime(TICK_MS)
    for (const entry of entries) expect(entry.firedAtMs.length).toBeLessThanOrEqual(1)
    vi.advanceTimersByTime(TICK_MS)
    for (const entry of entries) expect([1, 2]).toContain(entry.firedAtMs.length)
  })

  it('goes on by the new time when the clock is set back', () => {
    const wheel = wheelOf()
    const [before, after] = [new Entry(), new Entry()]
    schedule(wheel, before, 3 * TICK_MS)
    vi.setSystemTime(Date.now() - 3_600_000)
    vi.advanceTimersByTime(TICK_MS)
    schedule(wheel, after, 1000)
    vi.advanceTimersByTime(1000 + 2 * TICK_MS)
    expect(after.firedAtMs).toHaveLength(1)
    expect(before.firedAtMs).toHaveLength(0)
    vi.advanceTimersByTime(3_600_000)
    expect(before.firedAtMs).toHaveLength(1)
  })
})

/** Lets time pass in steps of a tick, and looks after each; long stretches in which nothing is due cost the same. */
function pass(ms: number, look: () => void): void {
  for (let left = ms; left > 0; left -= TICK_MS) {
    vi.advanceTimersByTime(Math.min(left, TICK_MS))
    look()
  }
}
