// How requests and streams ended lately, for the status page. Promise: it keeps at most OUTCOMES_MAX of each, however
// many come, and tells no token and no subject in the clear.

import type { SubjectHashes } from './subject-hashes.ts'

/** Refusals of different kinds, and ends of streams. */
export const OUTCOMES_MAX = 20
/** Characters of a reason. */
const REASON_MAX = 200

/** Requests that were refused alike: their path, code, check and reason are the same. */
export interface RecentRefusal {
  /** Of the newest of them, in epoch ms. */
  readonly atMs: number
  /** In Fastify's notation, so that it holds no parameter of a client. */
  readonly path: string
  readonly code: string
  /** Which check of a token has failed, in a word; null: it was no token. */
  readonly check: string | null
  readonly reason: string | null
  /** By how many seconds a time of the newest was off; null: it was no time. */
  readonly offSeconds: number | null
  readonly count: number
}

/** A stream that is over. */
export interface RecentEnd {
  /** In epoch ms. */
  readonly atMs: number
  /** In Fastify's notation. */
  readonly path: string
  /** Where it is listed, its hash; null: its session names none. */
  readonly subject: string | null
  readonly reason: string
  readonly seconds: number
  readonly records: number
  readonly bytes: number
}

/** Newest first. */
export interface Outcomes {
  readonly refusals: readonly RecentRefusal[]
  readonly ends: readonly RecentEnd[]
}

export const NO_OUTCOMES: Outcomes = { refusals: [], ends: [] }

export class RecentOutcomes {
  /** By what is the same of them, the newest last. */
  private readonly refusals = new Map<string, RecentRefusal>()
  /** The newest last. Their subjects are hashed when they are asked for, because a drain ends many streams at once. */
  private readonly ends: RecentEnd[] = []
  private readonly subjects: SubjectHashes

  constructor(subjects: SubjectHashes) {
    this.subjects = subjects
  }

  refused(refusal: Omit<RecentRefusal, 'count'>): void {
    const reason = refusal.reason?.slice(0, REASON_MAX) ?? null
    const kind = kindOf({ ...refusal, reason })
    const count = (this.refusals.get(kind)?.count ?? 0) + 1
    this.refusals.delete(kind)
    this.refusals.set(kind, { ...refusal, reason, count })
    for (const oldest of this.refusals.keys()) {
      if (this.refusals.size <= OUTCOMES_MAX) return
      this.refusals.delete(oldest)
    }
  }

  ended(end: RecentEnd): void {
    this.ends.push(end)
    if (this.ends.length > OUTCOMES_MAX) this.ends.shift()
  }

  list(): Outcomes {
    const ends = this.ends.map((end) => ({ ...end, subject: this.subjects.of(end.subject) }))
    return { refusals: [...this.refusals.values()].reverse(), ends: ends.reverse() }
  }
}

/** The newest of several threads. */
export function newestOf(all: readonly Outcomes[]): Outcomes {
  return {
    refusals: newest(countedTogether(all.flatMap(({ refusals }) => refusals))),
    ends: newest(all.flatMap(({ ends }) => ends)),
  }
}

function countedTogether(refusals: readonly RecentRefusal[]): RecentRefusal[] {
  const kinds = new Map<string, RecentRefusal>()
  for (const refusal of refusals) {
    const kind = kindOf(refusal)
    const other = kinds.get(kind) ?? { ...refusal, count: 0 }
    const newer = refusal.atMs > other.atMs ? refusal : other
    kinds.set(kind, { ...newer, count: refusal.count + other.count })
  }
  return [...kinds.values()]
}

function kindOf({ path, code, check, reason }: Omit<RecentRefusal, 'count'>): string {
  return JSON.stringify([path, code, check, reason])
}

function newest<T extends { readonly atMs: number }>(outcomes: readonly T[]): T[] {
  return [...outcomes].sort((a, b) => b.atMs - a.atMs).slice(0, OUTCOMES_MAX)
}
