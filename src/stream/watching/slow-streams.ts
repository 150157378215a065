// The streams whose clients take nothing, for the status page. Promise: a stream that keeps up costs nothing here.

import type { SubjectHashes } from '../../outcomes/subject-hashes.ts'

/** A client that has taken nothing for this long is slow. */
export const SLOW_AFTER_MS = 2_000
/** Slow streams that are listed. */
const LISTED_MAX = 10

export interface SlowStream {
  /** In Fastify's notation. */
  readonly path: string
  /** Its subject's hash; null: its session names none. */
  readonly subject: string | null
  /** Since when its client has taken nothing. */
  readonly seconds: number
  /** Of records that it has not taken. */
  readonly bytes: number
}

export interface SlowList {
  readonly count: number
  /** Those that have been slow for the longest time, these first. */
  readonly longest: readonly SlowStream[]
}

export const NONE_SLOW: SlowList = { count: 0, longest: [] }

/** What a stream's bytes in flight tell of themselves. */
export interface Untaken {
  readonly untakenSinceMs: number
  readonly untakenBytes: number
}

/** Whose stream it is. */
export interface StreamOwner {
  /** In Fastify's notation. */
  readonly path: string
  readonly subject: string | null
}

export class SlowStreams {
  /** In the order in which they became slow. */
  private readonly slow = new Map<Untaken, StreamOwner>()
  private readonly subjects: SubjectHashes

  constructor(subjects: SubjectHashes) {
    this.subjects = subjects
  }

  add(untaken: Untaken, owner: StreamOwner): void {
    this.slow.set(untaken, owner)
  }

  remove(untaken: Untaken): void {
    this.slow.delete(untaken)
  }

  list(nowMs: number): SlowList {
    const longest: SlowStream[] = []
    for (const [untaken, { path, subject }] of this.slow) {
      if (longest.length >= LISTED_MAX) break
      const seconds = Math.max(0, nowMs - untaken.untakenSinceMs) / 1000
      longest.push({ path, subject: this.subjects.of(subject), seconds, bytes: untaken.untakenBytes })
    }
    return { count: this.slow.size, longest }
  }
}

/** Of several threads. */
export function slowestOf(lists: readonly SlowList[]): SlowList {
  const longest = lists.flatMap((list) => list.longest).sort((a, b) => b.seconds - a.seconds)
  return {
    count: lists.reduce((count, list) => count + list.count, 0),
    longest: longest.slice(0, LISTED_MAX),
  }
}
