// The timing wheel: when deadlines are met.

import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Clock } from '../../../src/stream/clock.ts'
import type { Linked } from '../../../src/stream/linked-list.ts'
import { type Timed, TimingWheel } from '../../../src/stream/timing-wheel.ts'

const START_MS = 1_700_000_000_013
const TICK_MS = 10
/** One round of the wheel: entries due later than this share slots with earlier ones. */
const ROUND_MS = 1024 * TICK_MS
/** How long it may be until the wall clock is seen to have been set. */
const IDLE_MS = 5 * TICK_MS

class Entry implements Timed {
  dueAtMs = Number.POSITIVE_INFINITY
  previous: Linked | null = null
  next: Linked | null = null
  firedAtMs: number[] = []
  /** How often it was looked at before it was due, since the wall clock was set. */
  looks = 0
}

/** What the clocks are ahead of the fake timers: while the process was held up, and where the wall clock was set. */
let heldUpMs = 0
let setMs = 0
const clock: Clock = {
  nowMs: () => Date.now() - START_MS + heldUpMs,
  epochMs: () => Date.now() + heldUpMs + setMs,
}

describe('the wheel of deadlines', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: START_MS })
    heldUpMs = 0
    setMs = 0
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  function wheelOf(onFired: (entry: Entry) => void = () => {}): TimingWheel<Entry> {
    const wheel: TimingWheel<Entry> = new TimingWheel<Entry>({
      clock,
      onDue: (entry, nowMs) => {
        if (entry.dueAtMs > nowMs) {
          entry.looks++
          wheel.schedule(entry)
          return
        }
        entry.firedAtMs.push(nowMs)
        onFired(entry)
      },
      onWork: () => {
        while (wheel.step(clock.nowMs()));
      },
    })
    return wheel
  }

  function schedule(wheel: TimingWheel<Entry>, entry: Entry, inMs: number): void {
    entry.dueAtMs = clock.nowMs() + inMs
    wheel.schedule(entry)
  }

  const step = fc.record({
    kind: fc.constantFrom(
      'schedule',
      'schedule',
      'cancel',
      'pass',
      'pass',
      'hold up',
      'set forward',
      'set back',
    ),
    entry: fc.nat(9),
    ms: fc.oneof(fc.integer({ min: -100, max: 200 }), fc.nat(3 * ROUND_MS)),
  })

  it('meets every deadline once, never early, at most two ticks late, held up or not, with any wall clock', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        vi.clearAllTimers() // those of a run that failed
        const wheel = wheelOf()
        const entries = Array.from({ length: 10 }, () => new Entry())
        /**
         * From when on each is to be met, however long ago it was due; those that are not waiting stand at Infinity.
         */
        const dueAtMs = entries.map(() => Number.POSITIVE_INFINITY)
        const check = () => {
          for (const [i, entry] of entries.entries()) {
            const [firedAtMs, ...more] = entry.firedAtMs.splice(0)
            if (more.length > 0) throw new Error('met twice')
            const due = dueAtMs[i] ?? 0
            if (firedAtMs !== undefined) {
              if (firedAtMs < due) throw new Error(`${due - firedAtMs} ms early, or not waited for`)
              dueAtMs[i] = Number.POSITIVE_INFINITY
            } else if (clock.nowMs() > due + 2 * TICK_MS) throw new Error(`${clock.nowMs() - due} ms late`)
          }
        }
        for (const { kind, entry: i, ms } of steps) {
          const entry = entries[i]
          if (entry === undefined) continue
          if (kind === 'schedule') {
            schedule(wheel, entry, ms)
            dueAtMs[i] = Math.max(entry.dueAtMs, clock.nowMs())
          } else if (kind === 'cancel') {
            wheel.cancel(entry)
            dueAtMs[i] = Number.POSITIVE_INFINITY
          } else if (kind === 'pass') pass(Math.abs(ms), check)
          else if (kind === 'set forward') setMs += Math.abs(ms)
          else if (kind === 'set back') setMs -= Math.abs(ms)
          else {
            heldUpMs += Math.abs(ms) // no timer runs meanwhile
            pass(IDLE_MS + TICK_MS, () => {})
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
    heldUpMs += 3 * ROUND_MS
    vi.advanceTimersByTime(TICK_MS)
    for (const entry of entries) expect(entry.firedAtMs.length).toBeLessThanOrEqual(1)
    vi.advanceTimersByTime(TICK_MS)
    for (const entry of entries) expect([1, 2]).toContain(entry.firedAtMs.length)
  })

  it('is on time when the wall clock is set back by an hour, without another look at its entries', () => {
    const wheel = wheelOf()
    const entry = new Entry()
    schedule(wheel, entry, 1000)
    setMs -= 3_600_000
    vi.advanceTimersByTime(1000 + 2 * TICK_MS)
    expect(entry.firedAtMs).toHaveLength(1)
    expect(entry.looks).toBe(0)
  })

  it('looks at every entry again within five ticks when the wall clock was set forward, once for each time', () => {
    const wheel = wheelOf()
    const entries = [10, 100, 5_000, ROUND_MS, 2 * ROUND_MS].map((inMs) => {
      const entry = new Entry()
      schedule(wheel, entry, inMs + IDLE_MS)
      return entry
    })
    setMs += 1000
    vi.advanceTimersByTime(IDLE_MS)
    expect(entries.map(({ looks }) => looks)).toEqual([1, 1, 1, 1, 1])
    vi.advanceTimersByTime(2 * IDLE_MS)
    expect(entries.map(({ looks }) => looks)).toEqual([1, 1, 1, 1, 1])
    setMs -= 500
    vi.advanceTimersByTime(IDLE_MS)
    setMs += 500
    vi.advanceTimersByTime(IDLE_MS)
    expect(entries.map(({ looks }) => looks)).toEqual([1, 1, 2, 2, 2])
  })

  it('wakes for the slots that have an entry, else five times less often than it ticks', () => {
    const wheel = wheelOf()
    const set = vi.spyOn(globalThis, 'setTimeout')
    const entry = new Entry()
    schedule(wheel, entry, 10_000)
    vi.advanceTimersByTime(5_000)
    expect(set.mock.calls.length).toBeLessThanOrEqual(5_000 / IDLE_MS + 2)
    const sooner = new Entry()
    schedule(wheel, sooner, 2)
    vi.advanceTimersByTime(2 + 2 * TICK_MS)
    expect(sooner.firedAtMs).toHaveLength(1)
    wheel.cancel(entry)
    set.mockRestore()
  })

  it('hands out what is due one by one, so that its caller can do other things between', () => {
    let works = 0
    const met: Entry[] = []
    const wheel = new TimingWheel<Entry>({ clock, onDue: (entry) => met.push(entry), onWork: () => works++ })
    const entries = Array.from({ length: 3 }, () => new Entry())
    for (const entry of entries) schedule(wheel, entry, 10)
    vi.advanceTimersByTime(2 * TICK_MS)
    expect(works).toBeGreaterThan(0)
    expect(met).toEqual([])
    expect(wheel.step(clock.nowMs())).toBe(true)
    expect(met).toHaveLength(1)
    wheel.cancel(entries[1] ?? new Entry())
    vi.advanceTimersByTime(TICK_MS)
    expect(met).toHaveLength(1)
    while (wheel.step(clock.nowMs()));
    expect(met).toEqual([entries[0], entries[2]])
    expect(vi.getTimerCount()).toBe(0)
  })
})

/** Lets time pass in steps of a tick, and looks after each; long stretches in which nothing is due cost the same. */
function pass(ms: number, look: () => void): void {
  for (let left = ms; left > 0; left -= TICK_MS) {
    vi.advanceTimersByTime(Math.min(left, TICK_MS))
    look()
  }
}
