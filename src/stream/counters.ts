// What the process counts, as plain numbers. plugins/admin shows them as metrics and on /status.

import { createStreamTimes, type StreamTimes } from '../histograms/stream-times.ts'
import { createRateCounts, type RateCounts } from '../limits/rate-limits.ts'
import type { RefusedCheck } from '../token/refused-check.ts'

/**
 * Why a stream ended. The server sends all but the last two to the client, `aged` as `expired`. With `client` the
 * client left by itself; with `worker-died` the stream ended with its thread, and has no line in the log.
 */
export type EndReason =
  | 'expired'
  | 'aged'
  | 'revoked'
  | 'slow'
  | 'shutdown'
  | 'too-old'
  | 'busy'
  | 'client'
  | 'worker-died'

export interface Counters {
  streamsOpen: number
  /** Streams opened since the start, without those that were turned away as busy. */
  streamsOpened: number
  streamsEnded: Record<EndReason, number>
  /** By path in Fastify's notation. */
  paths: Record<string, PathCount>
  /** Records written to clients, the bytes of these records, and the writes that carried them. */
  recordsDelivered: number
  bytesDelivered: number
  writes: number
  challenges: number
  /** Streams that expired because no answer to their challenge came. */
  challengesMissed: number
  renewals: number
  /** `:gap` comments by reason. All are there from the start: an alert sees no increase of a series that was not. */
  gaps: Record<string, number>
  /** Requests refused, by error code. */
  refusals: Record<string, number>
  /** Tokens, tickets and sessions refused, by the check that failed. */
  checks: Record<string, number>
  /** Requests refused because a rate was exceeded. */
  limited: RateCounts
  readonly times: StreamTimes
}

export interface PathCount {
  open: number
  /** Since the start. */
  opened: number
}

export function createCounters(): Counters {
  return {
    streamsOpen: 0,
    streamsOpened: 0,
    streamsEnded: {
      expired: 0,
      aged: 0,
      revoked: 0,
      slow: 0,
      shutdown: 0,
      'too-old': 0,
      busy: 0,
      client: 0,
      'worker-died': 0,
    },
    paths: {},
    recordsDelivered: 0,
    bytesDelivered: 0,
    writes: 0,
    challenges: 0,
    challengesMissed: 0,
    renewals: 0,
    gaps: {
      undecodable: 0,
      'beyond-end': 0,
      'too-old': 0,
      'deletes-dropped': 0,
      recreated: 0,
      'too-large': 0,
    },
    refusals: {},
    checks: {},
    limited: createRateCounts(),
    times: createStreamTimes(),
  }
}

export function countGaps({ gaps }: Counters, reason: string, count: number): void {
  gaps[reason] = (gaps[reason] ?? 0) + count
}

/** Counts a refused token, ticket or session by the check that failed. */
export function countCheck({ checks }: Counters, check: RefusedCheck): void {
  checks[check] = (checks[check] ?? 0) + 1
}

/** The counts of a thread that is over. Its open streams have ended with it, for this reason. */
export function withOpenEnded(counters: Counters, reason: EndReason): Counters {
  const { streamsOpen, streamsEnded } = counters
  const paths = Object.entries(counters.paths).map(([path, { opened }]) => [path, { open: 0, opened }])
  return {
    ...counters,
    streamsOpen: 0,
    streamsEnded: { ...streamsEnded, [reason]: streamsEnded[reason] + streamsOpen },
    paths: Object.fromEntries(paths),
  }
}

/** Adds up every number of several values, at any depth. All must have the same shape. */
export function sumOf<T extends object>(parts: readonly T[]): T {
  const isList = Array.isArray(parts[0])
  const sum: Record<string, unknown> = {}
  for (const part of parts) {
    for (const [name, value] of Object.entries(part)) {
      const before = sum[name]
      sum[name] =
        typeof value === 'number'
          ? Number(before ?? 0) + value
          : sumOf(before === undefined ? [value] : [before as object, value])
    }
  }
  return (isList ? Object.values(sum) : sum) as T
}
