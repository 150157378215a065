// Which of the offsets that are missing in a partition may have been tombstones that Kafka has dropped: all but those that are
// proven to be younger than Kafka keeps tombstones (KIP-534), by what Kafka told of the partition's end, or by timestamps.

import type { RecordClock } from './record-clock.ts'

/**
 * One moment by both clocks: the monotonic one may stand still while a machine is suspended, the wall clock may be
 * set.
 */
export interface Moment {
  readonly nowMs: number
  readonly epochMs: number
}

/** Tombstones of a partition below `to` may be gone that had yet to be read, and what they deleted is still kept. */
export interface Missed {
  readonly partition: number
  readonly to: number
}

/** What lies from `offset` on was not committed yet at that moment, so Kafka could not clean it. */
interface Proof {
  readonly offset: number
  readonly at: Moment
  /** For how long it is taken at the least, however short a time Kafka keeps tombstones. */
  readonly msMin: number
  /** Made when the reading began, and not yet reached. */
  readonly isLoading: boolean
}

interface ReadPartition {
  /**
   * When its reading began: a value that has been read since had not been cleaned by then, so no tombstone of it is
   * gone sooner.
   */
  readonly begunAt: Moment
  /** Something of it was read since. */
  hasRead: boolean
  /** Holds for all that is read from now on; null while that was there when the reading began. */
  proof: Proof | null
  /** Holds from its offset on. */
  coming: Proof | null
  /** The two latest timestamps of its records, in epoch ms: the word of one record alone is not taken. */
  latestMs: number
  secondMs: number
  /** End of the last missing offsets that count as young by what timestamps say; 0: none do. */
  trustedTo: number
}

/** Ends are told too seldom, every 5 s, to prove more where Kafka keeps tombstones for less. */
const PROVEN_MS_MIN = 30_000
/**
 * The reading of what was there when it began may take this long, so that a topic is not begun again and again in
 * vain.
 */
const LOADING_MS_MIN = 600_000

export class Holes {
  /** What was missed of a partition that was read up to its end before: nothing more is judged then, until `clear`. */
  missed: Missed | null = null
  private readonly deleteRetentionMs: number
  private readonly clock: RecordClock
  private readonly partitions = new Map<number, ReadPartition>()

  constructor(deleteRetentionMs: number, clock: RecordClock) {
    this.deleteRetentionMs = deleteRetentionMs
    this.clock = clock
  }

  /** The reading of a partition begins, or goes on where all that was read of it is gone. */
  begin(partition: number): void {
    this.partitions.set(partition, {
      begunAt: this.now(),
      hasRead: false,
      proof: null,
      coming: null,
      latestMs: Number.NEGATIVE_INFINITY,
      secondMs: Number.NEGATIVE_INFINITY,
      trustedTo: 0,
    })
  }

  /** Kafka told the end of a partition that is read up to `next`; `at` is before it was asked. */
  noteEnd(partition: number, end: number, next: number, at: Moment): void {
    const read = this.partitions.get(partition)
    if (read === undefined) return
    proveReached(read, next)
    const isLoading = end > next && read.proof === null && read.coming === null
    const proof = { offset: end, at, msMin: isLoading ? LOADING_MS_MIN : PROVEN_MS_MIN, isLoading }
    if (end <= next) prove(read, proof)
    else read.coming ??= proof
  }

  /**
   * A partition that is read up to `next` goes on with a record at `found`, or with nothing up to there (`timestampMs` is null).
   * Returns the offset below which tombstones may be gone that nobody was told of yet, since the partition is new here; 0 if none are.
   */
  pass(partition: number, next: number, found: number, timestampMs: number | null): number {
    const read = this.partitions.get(partition)
    if (read === undefined || this.missed !== null) return 0
    proveReached(read, next)
    const isDoubtful = found > Math.max(0, next) && this.isDoubtful(read, found)
    const refuted = timestampMs === null ? 0 : this.noteTimestamp(read, timestampMs)
    const to = isDoubtful ? found : refuted
    const isOwn = to > 0 && this.keepsOlder(read)
    read.hasRead = true
    this.noteLoaded(read, timestampMs === null ? found : found + 1)
    if (isOwn) this.missed = { partition, to }
    return isOwn ? 0 : to
  }

  clear(): void {
    this.partitions.clear()
    this.missed = null
  }

  /** Whether what is missing may have deleted what was read before. */
  private keepsOlder({ proof, begunAt, hasRead }: ReadPartition): boolean {
    return proof !== null || (hasRead && !this.isYoung(begunAt, LOADING_MS_MIN))
  }

  /**
   * All that was there when the reading began is read, up to `next`. What that took is granted: from now on its proof is worth as
   * much as that of any other look.
   */
  private noteLoaded(read: ReadPartition, next: number): void {
    const { coming } = read
    if (coming === null || !coming.isLoading || coming.offset > next) return
    const msMin = Math.min(LOADING_MS_MIN, this.ageMs(coming.at) + PROVEN_MS_MIN)
    read.coming = { ...coming, msMin, isLoading: false }
  }

  /** Whether Kafka still has every tombstone that it had not cleaned then. */
  private isYoung(since: Moment, msMin: number): boolean {
    return this.ageMs(since) < Math.max(this.deleteRetentionMs, msMin)
  }

  /** By whichever clock more time has passed. */
  private ageMs(since: Moment): number {
    const { nowMs, epochMs } = this.now()
    return Math.max(nowMs - since.nowMs, epochMs - since.epochMs)
  }

  private now(): Moment {
    return { nowMs: this.clock.nowMs(), epochMs: this.clock.epochMs() }
  }

  private isDoubtful(read: ReadPartition, found: number): boolean {
    if (read.proof !== null && this.isYoung(read.proof.at, read.proof.msMin)) return false
    // The clock may have been set back since they were noted: one that is ahead of it by now proves nothing, either.
    const ageMs = this.clock.epochMs() - read.secondMs
    if (ageMs < 0 || ageMs >= this.deleteRetentionMs) return true
    read.trustedTo = found
    return false
  }

  /**
   * One that is ahead of the clock proves nothing. What stands before a record that is old by its own word is no younger, whatever
   * the timestamps before it say: returns the end of what counted as young; 0 if nothing is refuted.
   */
  private noteTimestamp(read: ReadPartition, timestampMs: number): number {
    const epochMs = this.clock.epochMs()
    if (timestampMs < 0 || timestampMs > epochMs) return 0
    if (timestampMs > read.secondMs) {
      read.secondMs = Math.min(read.latestMs, timestampMs)
      read.latestMs = Math.max(read.latestMs, timestampMs)
    }
    const { trustedTo } = read
    if (trustedTo === 0 || timestampMs + this.deleteRetentionMs > epochMs) return 0
    read.trustedTo = 0
    return trustedTo
  }
}

function proveReached(read: ReadPartition, next: number): void {
  if (read.coming !== null && read.coming.offset <= next) prove(read, read.coming)
}

/** What was missing before it has been judged: a late timestamp behind it says nothing of that. */
function prove(read: ReadPartition, proof: Proof): void {
  read.proof = proof
  read.coming = null
  read.trustedTo = 0
}
