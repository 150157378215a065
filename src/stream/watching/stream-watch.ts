// What an operator watches of a thread's streams: how requests and streams ended lately, and which clients are slow.

import { randomBytes } from 'node:crypto'
import {
  newestOf,
  type Outcomes,
  type RecentEnd,
  RecentOutcomes,
  type RecentRefusal,
} from '../../outcomes/recent-outcomes.ts'
import { SubjectHashes } from '../../outcomes/subject-hashes.ts'
import type { Clock } from '../clock.ts'
import type { Counters } from '../counters.ts'
import { Tally } from '../measuring/tally.ts'
import { type SlowList, SlowStreams, type StreamOwner, slowestOf } from './slow-streams.ts'

export interface WatchList {
  readonly outcomes: Outcomes
  readonly slow: SlowList
}

export class StreamWatch {
  /** With a key of its own until it is given another. */
  readonly subjects = new SubjectHashes([randomBytes(32)])
  readonly slow = new SlowStreams(this.subjects)
  private readonly outcomes = new RecentOutcomes(this.subjects)
  private readonly counters: Counters
  private readonly clock: Clock

  constructor(counters: Counters, clock: Clock) {
    this.counters = counters
    this.clock = clock
  }

  /** For a stream that opens now. */
  tallyOf(owner: StreamOwner): Tally {
    const { counters, clock, slow: slowStreams } = this
    return new Tally({ counters, clock, owner, slowStreams })
  }

  refused(refusal: Omit<RecentRefusal, 'atMs' | 'count'>): void {
    this.outcomes.refused({ ...refusal, atMs: this.clock.epochMs() })
  }

  ended(end: Omit<RecentEnd, 'atMs'>): void {
    this.outcomes.ended({ ...end, atMs: this.clock.epochMs() })
  }

  list(): WatchList {
    return { outcomes: this.outcomes.list(), slow: this.slow.list(this.clock.nowMs()) }
  }
}

/** Of several threads. */
export function sumOfWatches(lists: readonly WatchList[]): WatchList {
  return {
    outcomes: newestOf(lists.map(({ outcomes }) => outcomes)),
    slow: slowestOf(lists.map(({ slow }) => slow)),
  }
}
