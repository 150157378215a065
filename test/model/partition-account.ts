// What a server of the resume model has read of one partition, and what proves that nothing was deleted there unseen.

export interface Times {
  readonly nowMs: number
  readonly epochMs: number
}

/** What is known of one partition, in offsets. An id below `start` or `recordsLostBelow` is too old. */
export interface PartitionAccount {
  /** Where the log begins, as far as the server was told. */
  start: number
  recordsLostBelow: number
  tombstonesLostBelow: number
  /** The same for tombstones that were read; those that are missing were gone before. */
  deletesLeft: number
  /** Where reading it began. */
  readonly readFrom: number
  /** Everything below was deleted unread. */
  skippedTo: number
  /** The two newest timestamps of what was read, in descending order, but for those ahead of the clock. */
  timestamps: readonly [] | readonly [number, number]
  /** From this moment on, only newer records are read; null while they may be from any time. */
  proven: Proven | null
  /** The next such moment, once it is read up to that end. */
  nextEnd: (Proven & { readonly end: number; readonly isLoading: boolean }) | null
  readonly begun: Proven
  hasRead: boolean
  /** Missing offsets below this count as young by timestamps alone. */
  trustedTo: number
}

interface Proven {
  readonly at: Times
  /** Until this time nothing counts as missed. */
  readonly msMin: number
}

export const PROVEN_MS_MIN = 30_000
export const LOADING_MS_MIN = 600_000

type Reading = Pick<PartitionAccount, 'timestamps' | 'proven' | 'nextEnd' | 'trustedTo' | 'begun' | 'hasRead'>

export function nothingRead(at: Times): Reading {
  const begun = { at, msMin: LOADING_MS_MIN }
  return { timestamps: [], proven: null, nextEnd: null, trustedTo: 0, begun, hasRead: false }
}

export function prove(of: PartitionAccount, proven: Proven): void {
  of.proven = proven
  of.nextEnd = null
  of.trustedTo = 0
}

/** What was there when reading began is read, up to `next`: the time that this took does not count. */
export function noteLoaded(of: PartitionAccount, next: number, now: Times): void {
  const { nextEnd } = of
  if (!nextEnd?.isLoading || nextEnd.end > next) return
  const tookMs = Math.max(now.nowMs - nextEnd.at.nowMs, now.epochMs - nextEnd.at.epochMs)
  of.nextEnd = { ...nextEnd, msMin: Math.min(LOADING_MS_MIN, tookMs + PROVEN_MS_MIN), isLoading: false }
}

export function isOver({ at, msMin }: Proven, now: Times, deleteRetentionMs: number): boolean {
  const ageMs = Math.max(now.nowMs - at.nowMs, now.epochMs - at.epochMs)
  return ageMs >= Math.max(deleteRetentionMs, msMin)
}

/** What is missing below `found`. If only timestamps prove it young, later ones have to prove it, too. */
export function mayBeTombstones(
  of: PartitionAccount,
  found: number,
  now: Times,
  deleteRetentionMs: number,
): boolean {
  if (of.proven !== null && !isOver(of.proven, now, deleteRetentionMs)) return false
  const [, second = Number.NEGATIVE_INFINITY] = of.timestamps
  if (second > now.epochMs || second + deleteRetentionMs <= now.epochMs) return true
  of.trustedTo = found
  return false
}
