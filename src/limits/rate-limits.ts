// How many connects, tickets, renewals and failed verifications there may be in a second, by subject and by address.
// All threads of a process count in the same memory. Promise: its size is fixed, counting never waits and never
// forgets, and a rate that is exceeded costs no more than one that is not.

import { randomInt } from 'node:crypto'
import { CELLS, cellOf, SEEDS } from './hashed-cell.ts'

export const RATE_LIMITS = [
  'connects-subject',
  'connects-address',
  'renewals-subject',
  'renewals-address',
  'failures-address',
  'tickets-subject',
  'tickets-address',
] as const

export type RateLimitName = (typeof RATE_LIMITS)[number]

export interface Rate {
  /** In the long run. */
  readonly perSecond: number
  /** After a pause. At least 1. */
  readonly atOnce: number
}

export type Rates = Readonly<Record<RateLimitName, Rate>>

/** The settings that rates are made of. */
export interface RateSettings {
  readonly connectsPerSecondPerSubjectMax: number
  readonly connectsPerSecondPerAddressMax: number
  readonly renewalsPerSecondPerSubjectMax: number
  readonly renewalsPerSecondPerAddressMax: number
  readonly failuresPerSecondPerAddressMax: number
  readonly streamsPerSubjectMax: number
  readonly streamsPerAddressMax: number
}

/** A client that loses all streams that it may have opens them again at once, even if they had just been opened. */
const ROUNDS_AT_ONCE = 2

export function ratesOf(settings: RateSettings): Rates {
  const rate = (perSecond: number, streamsMax: number): Rate => ({
    perSecond,
    atOnce: ROUNDS_AT_ONCE * Math.max(perSecond, streamsMax),
  })
  const { streamsPerSubjectMax, streamsPerAddressMax } = settings
  const connects = {
    subject: rate(settings.connectsPerSecondPerSubjectMax, streamsPerSubjectMax),
    address: rate(settings.connectsPerSecondPerAddressMax, streamsPerAddressMax),
  }
  return {
    'connects-subject': connects.subject,
    'connects-address': connects.address,
    // A ticket is for one connect. Counted by themselves, so that it does not use up the rate of its own connect.
    'tickets-subject': connects.subject,
    'tickets-address': connects.address,
    'renewals-subject': rate(settings.renewalsPerSecondPerSubjectMax, streamsPerSubjectMax),
    'renewals-address': rate(settings.renewalsPerSecondPerAddressMax, streamsPerAddressMax),
    'failures-address': rate(settings.failuresPerSecondPerAddressMax, 0),
  }
}

export type RateCounts = Record<RateLimitName, number>

export function createRateCounts(): RateCounts {
  return {
    'connects-subject': 0,
    'connects-address': 0,
    'renewals-subject': 0,
    'renewals-address': 0,
    'failures-address': 0,
    'tickets-subject': 0,
    'tickets-address': 0,
  }
}

/** The memory that the threads of a process share: a seed, then the cells of each limit. */
export function createRateMemory(seed = randomInt(SEEDS)): SharedArrayBuffer {
  const memory = new SharedArrayBuffer((1 + RATE_LIMITS.length * CELLS) * BigInt64Array.BYTES_PER_ELEMENT)
  new BigInt64Array(memory)[0] = BigInt(seed)
  return memory
}

const NS_PER_SECOND = 1e9
/** A thread that was suspended has read the clock this much earlier than one that counted meanwhile. */
const SUSPENDED_NS = BigInt(NS_PER_SECOND)

export interface RateLimitsParts {
  readonly rates: Rates
  readonly memory: SharedArrayBuffer
  /** Where refusals are counted. */
  readonly refused: RateCounts
  /** Monotonic ns, by a clock that all threads share. Default: Node's. */
  readonly nowNs?: () => bigint
}

/**
 * The generic cell rate algorithm (ITU-T I.371): a cell holds the moment at which its name has used up nothing. Each
 * event moves it on by the time that one event takes at the rate; it may be as far ahead as `atOnce` events take.
 */
export class RateLimits {
  private readonly parts: Omit<RateLimitsParts, 'rates'>
  private rates: Rates
  private readonly cells: BigInt64Array
  private readonly seed: number
  private readonly nowNs: () => bigint

  constructor(parts: RateLimitsParts) {
    this.parts = parts
    this.rates = parts.rates
    this.cells = new BigInt64Array(parts.memory)
    this.seed = Number(this.cells[0])
    this.nowNs = parts.nowNs ?? (() => process.hrtime.bigint())
  }

  /** Takes other rates. What was counted stays counted, for as long as the new rate needs to make up for it at most. */
  limitTo(rates: Rates): void {
    this.rates = rates
  }

  /** Counts one event of this name. False, and counted as a refusal alone, if there were too many. */
  take(limit: RateLimitName, name: string): boolean {
    const cell = this.cellOf(limit, name)
    const { stepNs, aheadNs } = spacing(this.rates[limit])
    const nowNs = this.nowNs()
    for (;;) {
      const was = this.momentOf(cell, nowNs, aheadNs)
      const next = (was > nowNs ? was : nowNs) + stepNs
      if (next - nowNs > aheadNs) return this.refuse(limit)
      // Another thread may have counted meanwhile; then look again.
      if (Atomics.compareExchange(this.cells, cell, was, next) === was) return true
    }
  }

  /** Whether `take` would count one more. Counts a refusal if not. */
  hasRoom(limit: RateLimitName, name: string): boolean {
    const { stepNs, aheadNs } = spacing(this.rates[limit])
    const nowNs = this.nowNs()
    const leadNs = this.momentOf(this.cellOf(limit, name), nowNs, aheadNs) - nowNs
    return leadNs + stepNs <= aheadNs || this.refuse(limit)
  }

  /** A slower rate before may have left the cell further ahead than the present one would: it is brought back. */
  private momentOf(cell: number, nowNs: bigint, aheadNs: bigint): bigint {
    const most = nowNs + aheadNs
    const was = Atomics.load(this.cells, cell)
    if (was <= most + SUSPENDED_NS) return was
    return Atomics.compareExchange(this.cells, cell, was, most) === was
      ? most
      : Atomics.load(this.cells, cell)
  }

  private refuse(limit: RateLimitName): false {
    this.parts.refused[limit]++
    return false
  }

  private cellOf(limit: RateLimitName, name: string): number {
    return 1 + RATE_LIMITS.indexOf(limit) * CELLS + cellOf(name, this.seed)
  }
}

function spacing({ perSecond, atOnce }: Rate): { readonly stepNs: bigint; readonly aheadNs: bigint } {
  const stepNs = Math.round(NS_PER_SECOND / perSecond)
  return { stepNs: BigInt(stepNs), aheadNs: BigInt(stepNs * atOnce) }
}
